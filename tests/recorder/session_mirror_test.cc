#include "server/recorder/session_mirror.h"

#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/recorder/random_session.h"
#include "tests/testing/status_matchers.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::Not;

// What an inventory of the mirror says.
RandomSession::Blocks BlocksOf(const SessionMirror& mirror) {
  RandomSession::Blocks blocks;
  int last = 0;
  mirror.WriteInventory([&](const v1::Inventory& chunk) {
    EXPECT_EQ(last, 0) << "a chunk after the last one";
    last += chunk.last();
    EXPECT_LE(chunk.blocks_size(), SessionMirror::kChunkRanges);
    for (const v1::BlockRange& range : chunk.blocks()) {
      for (uint32_t i = 0; i < range.count(); ++i) {
        blocks[range.first_handle() + i] = {range.sequence(), range.group(),
                                            range.first_page() + i,
                                            range.tier()};
      }
    }
  });
  EXPECT_EQ(last, 1);
  return blocks;
}

std::unique_ptr<SessionMirror> MirrorOf(uint32_t groups, uint32_t handles) {
  auto mirror = SessionMirror::Create(Hello(groups, handles).hello());
  EXPECT_THAT(mirror, IsOk());
  return *std::move(mirror);
}

// The same as the plain book-keeping of the worker, step after step.
TEST(SessionMirrorTest, FollowsRandomSessions) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomSession worker(seed);
    auto mirror = SessionMirror::Create(worker.Hello().hello());
    ASSERT_THAT(mirror, IsOk());
    for (const auto& chunk : worker.Inventory()) {
      EXPECT_FALSE((*mirror)->in_sync());
      ASSERT_THAT((*mirror)->OnInventory(chunk.inventory()), IsOk());
    }
    ASSERT_TRUE((*mirror)->in_sync());
    for (int i = 0; i < 100; ++i) {
      for (const auto& m : worker.Step()) {
        if (m.has_move_report()) {
          ASSERT_THAT((*mirror)->OnMoveReport(m.move_report()), IsOk());
          EXPECT_TRUE((*mirror)->holds_report());
        } else {
          ASSERT_THAT((*mirror)->OnStep(m.step()), IsOk());
        }
      }
      EXPECT_FALSE((*mirror)->holds_report());
      ASSERT_EQ(BlocksOf(**mirror), worker.blocks());
      EXPECT_EQ((*mirror)->live_blocks(), worker.blocks().size());
      EXPECT_EQ((*mirror)->next_step(), worker.next_step());
    }
  }
}

TEST(SessionMirrorTest, RunsBecomeOneRangeAndManyRangesManyChunks) {
  auto mirror = MirrorOf(1, 40000);
  ASSERT_THAT(
      mirror->OnInventory(Inventory({Range(1, 0, 0, 0, 20000)}).inventory()),
      IsOk());
  int chunks = 0, ranges = 0;
  const auto count = [&](const v1::Inventory& chunk) {
    ++chunks;
    ranges += chunk.blocks_size();
  };
  mirror->WriteInventory(count);
  EXPECT_EQ(std::tuple(chunks, ranges), std::tuple(1, 1));
  // Every second block moves to the other tier.
  v1::MoveReport report;
  std::vector<BlockId> promoted;
  for (uint32_t h = 0; h < 20000; h += 2) promoted.push_back(BlockId(h));
  EncodeOrdered(promoted, report.add_phases()->mutable_promoted());
  ASSERT_THAT(mirror->OnMoveReport(report), IsOk());
  ASSERT_THAT(mirror->OnStep(v1::TraceRecord(StepOf(0)).step()), IsOk());
  chunks = ranges = 0;
  mirror->WriteInventory(count);
  EXPECT_EQ(std::tuple(chunks, ranges), std::tuple(3, 20000));
}

TEST(SessionMirrorTest, AnEmptyInventoryIsOneToo) {
  auto mirror = MirrorOf(1, 4);
  ASSERT_THAT(mirror->OnInventory(Inventory({}).inventory()), IsOk());
  EXPECT_TRUE(mirror->in_sync());
  EXPECT_TRUE(BlocksOf(*mirror).empty());
}

TEST(SessionMirrorTest, WhatDoesNotFitPutsItOutOfSync) {
  const std::vector<v1::TraceRecord> bad = {
      StepOf(1).Allocate(Range(1, 0, 2, 0, 1)),  // alive already
      StepOf(1).Allocate(Range(1, 0, 2, 4, 1)),  // no such handle
      StepOf(1).Allocate(Range(1, 1, 2, 3, 1)),  // no such group
      StepOf(1).Allocate(Range(1, 0, 2, 3, 0)),  // nothing
      StepOf(1).Free(3, 1),                      // not alive
      StepOf(1).Free(UINT32_MAX, UINT32_MAX),
  };
  for (const v1::TraceRecord& step : bad) {
    auto mirror = MirrorOf(1, 4);
    ASSERT_THAT(
        mirror->OnInventory(Inventory({Range(1, 0, 0, 0, 2)}).inventory()),
        IsOk());
    EXPECT_THAT(mirror->OnStep(step.step()), Not(IsOk()))
        << step.ShortDebugString();
    EXPECT_FALSE(mirror->in_sync());
    // Until there is a new inventory.
    EXPECT_THAT(mirror->OnStep(step.step()), IsOk());
    ASSERT_THAT(
        mirror->OnInventory(Inventory({Range(5, 0, 0, 1, 2)}).inventory()),
        IsOk());
    EXPECT_TRUE(mirror->in_sync());
    EXPECT_EQ(mirror->live_blocks(), 2u);
  }
}

TEST(SessionMirrorTest, BadMovesPutItOutOfSync) {
  for (const std::string& moves : {std::string("\x06", 1),  // not alive
                                   std::string("\x7e", 1),  // no such handle
                                   std::string("\xff", 1)}) {
    auto mirror = MirrorOf(1, 4);
    ASSERT_THAT(
        mirror->OnInventory(Inventory({Range(1, 0, 0, 0, 2)}).inventory()),
        IsOk());
    v1::MoveReport report;
    report.add_phases()->set_evicted(moves);
    ASSERT_THAT(mirror->OnMoveReport(report), IsOk());
    EXPECT_THAT(mirror->OnStep(v1::TraceRecord(StepOf(0)).step()), Not(IsOk()));
    EXPECT_FALSE(mirror->in_sync());
  }
}

TEST(SessionMirrorTest, ASequenceThatGivesBlocksBackDoesNotGrow) {
  auto mirror = MirrorOf(1, 4);
  ASSERT_THAT(
      mirror->OnInventory(Inventory({Range(1, 0, 0, 0, 2)}).inventory()),
      IsOk());
  for (int64_t s = 0; s < 10000; ++s) {
    const uint32_t page = static_cast<uint32_t>(s) + 2;
    ASSERT_THAT(mirror->OnStep(v1::TraceRecord(StepOf(2 * s).Allocate(
                                                   Range(1, 0, page, 2, 2)))
                                   .step()),
                IsOk());
    ASSERT_THAT(
        mirror->OnStep(v1::TraceRecord(StepOf(2 * s + 1).Free(2, 2)).step()),
        IsOk());
  }
  EXPECT_EQ(mirror->live_blocks(), 2u);
  ASSERT_THAT(
      mirror->OnStep(v1::TraceRecord(StepOf(90000).Tokens(1, 0, true)).step()),
      IsOk());
  EXPECT_EQ(mirror->live_blocks(), 0u);
}

TEST(SessionMirrorTest, RefusesWhatItCannotFollow) {
  EXPECT_THAT(SessionMirror::Create(v1::Hello()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SessionMirror::Create(Hello(2, 0).hello()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SessionMirror::Create(Hello(2, UINT32_MAX).hello()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace kvplace
