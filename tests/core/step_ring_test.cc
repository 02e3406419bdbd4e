#include "server/core/bound/step_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/testing/counting_allocator.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// A step of one phase with so many reads.
void Push(StepRing* ring, uint32_t reads) {
  static std::vector<BlockId> ids = IdRange(0, 10'000);
  PhaseUpdate phase;
  phase.reads = absl::MakeConstSpan(ids).first(reads);
  ring->Begin().AddPhase({}, phase);
  ring->Commit(Seconds(reads));
}

std::vector<uint64_t> Reads(const StepRecords& records) {
  std::vector<uint64_t> reads;
  for (const auto& record : records) reads.push_back(record->reads());
  return reads;
}

TEST(StepRingTest, KeepsTheLastSteps) {
  StepRing ring(3, 1000);
  EXPECT_THAT(ring.Share(), SizeIs(0));
  for (uint32_t n = 1; n <= 5; ++n) Push(&ring, n);
  EXPECT_THAT(Reads(ring.Share()), ElementsAre(3, 4, 5));
  EXPECT_EQ(ring.reads(), 12u);
  EXPECT_EQ(ring.committed(), 5u);
  EXPECT_EQ(ring.Share()[2]->seconds(), Seconds(5));
}

TEST(StepRingTest, KeepsFewerWhereTheyReadMuch) {
  StepRing ring(4, 10);
  for (const uint32_t n : {4, 4, 3}) Push(&ring, n);
  EXPECT_THAT(Reads(ring.Share()), ElementsAre(4, 3));
  Push(&ring, 50);
  EXPECT_THAT(Reads(ring.Share()), ElementsAre(50));
  for (const uint32_t n : {1, 2, 3, 4, 0}) Push(&ring, n);
  EXPECT_THAT(Reads(ring.Share()), ElementsAre(2, 3, 4, 0));
}

TEST(StepRingTest, AStepThatWasNotCommittedIsForgotten) {
  StepRing ring(4, 100);
  Push(&ring, 1);
  PhaseUpdate phase;
  const std::vector<BlockId> ids = IdRange(0, 7);
  phase.reads = ids;
  ring.Begin().AddPhase({}, phase);
  Push(&ring, 2);
  EXPECT_THAT(Reads(ring.Share()), ElementsAre(1, 2));
}

TEST(StepRingTest, SharedRecordsAreLeftAlone) {
  StepRing ring(3, 1000);
  for (uint32_t n = 1; n <= 3; ++n) Push(&ring, n);
  StepRecords window = ring.Share();
  for (uint32_t n = 4; n <= 9; ++n) Push(&ring, n);
  ring.Clear();
  EXPECT_THAT(Reads(window), ElementsAre(1, 2, 3));
  ring.GiveBack(std::move(window));
  EXPECT_THAT(ring.Share(), SizeIs(0));
  EXPECT_EQ(ring.committed(), 9u);
  Push(&ring, 4);
  EXPECT_THAT(Reads(ring.Share()), ElementsAre(4));
}

TEST(StepRingTest, NothingIsAllocatedOnceWarm) {
  StepRing ring(8, 1 << 20);
  const auto round = [&ring] {
    for (int i = 0; i < 20; ++i) Push(&ring, 5'000);
    StepRecords window = ring.Share();
    for (int i = 0; i < 5; ++i) Push(&ring, 5'000);
    ring.GiveBack(std::move(window));
  };
  for (int i = 0; i < 3; ++i) round();
  const size_t bytes = ring.bytes();
  const int64_t before = AllocationCount();
  for (int i = 0; i < 10; ++i) round();
  // The list of a window, each time.
  EXPECT_EQ(AllocationCount() - before, 10);
  EXPECT_EQ(ring.bytes(), bytes);
  // 8 steps in the ring and at most 6 besides, at a byte a read, in up to twice
  // that.
  EXPECT_LE(bytes, 14 * 6'100 * 2u);
}

}  // namespace
}  // namespace kvplace
