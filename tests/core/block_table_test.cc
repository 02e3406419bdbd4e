// The block table against maps and vectors.
#include "server/core/block_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

BlockRange Range(uint64_t sequence, uint32_t group, uint32_t page,
                 uint32_t first, uint32_t count) {
  return {SequenceId(sequence), GroupId(group), page,
          BlockId(first),       count,          Tier::kDram};
}

std::vector<BlockId> Forward(const BlockTable& table, uint64_t sequence,
                             uint32_t group) {
  std::vector<BlockId> blocks;
  const uint32_t slot = table.Slot(SequenceId(sequence));
  if (slot == BlockTable::kNoSlot) return blocks;
  for (BlockId b = table.oldest(slot, GroupId(group)); b != kNoBlock;
       b = table.newer(b)) {
    blocks.push_back(b);
  }
  return blocks;
}

std::vector<BlockId> Backward(const BlockTable& table, uint64_t sequence,
                              uint32_t group) {
  std::vector<BlockId> blocks;
  const uint32_t slot = table.Slot(SequenceId(sequence));
  if (slot == BlockTable::kNoSlot) return blocks;
  for (BlockId b = table.newest(slot, GroupId(group)); b != kNoBlock;
       b = table.older(b)) {
    blocks.push_back(b);
  }
  return blocks;
}

TEST(BlockTable, KnowsWhatAHandleStandsFor) {
  BlockTable table(SmallDevice(2, 8, 4));
  ASSERT_THAT(table.Add(Range(7, 1, 3, 4, 2)), IsOk());
  EXPECT_TRUE(table.alive(BlockId(5)));
  EXPECT_FALSE(table.alive(BlockId(6)));
  EXPECT_TRUE(table.alive_in(BlockId(5), GroupId(1)));
  EXPECT_FALSE(table.alive_in(BlockId(5), GroupId(0)));
  EXPECT_FALSE(table.alive_in(BlockId(6), GroupId(1)));
  EXPECT_EQ(table.group(BlockId(5)), GroupId(1));
  EXPECT_EQ(table.page(BlockId(5)), 4u);
  EXPECT_EQ(table.sequence(BlockId(5)), SequenceId(7));
  EXPECT_EQ(table.live(), 2u);
  EXPECT_EQ(table.handles(), 16u);
  EXPECT_THAT(table.Sequences(), ElementsAre(SequenceId(7)));
  EXPECT_EQ(table.Slot(SequenceId(8)), BlockTable::kNoSlot);
}

TEST(BlockTable, AllAliveInOneGroup) {
  BlockTable table(SmallDevice(2, 4, 8));
  for (uint32_t h = 0; h < 7; ++h) {
    ASSERT_THAT(table.Add({SequenceId(1), GroupId(h / 4), h, BlockId(h), 1,
                           Tier::kDram}),
                IsOk());
  }
  EXPECT_TRUE(AllAliveIn(table, Ids({3, 0, 2}), GroupId(0)));
  EXPECT_TRUE(AllAliveIn(table, {}, GroupId(1)));
  EXPECT_FALSE(AllAliveIn(table, Ids({0, 4, 1}), GroupId(0))) << "of group 1";
  EXPECT_FALSE(AllAliveIn(table, Ids({4, 7}), GroupId(1))) << "not alive";
  EXPECT_FALSE(AllAliveIn(table, Ids({4, 8}), GroupId(1))) << "out of range";
  EXPECT_FALSE(AllAliveIn(table, Ids({UINT32_MAX}), GroupId(1)));
}

TEST(BlockTable, RunsOfOneGroup) {
  BlockTable table(SmallDevice(2, 8, 8));
  ASSERT_THAT(table.Add(Range(1, 0, 0, 0, 5)), IsOk());
  ASSERT_THAT(table.Add(Range(1, 1, 0, 5, 2)), IsOk());
  ASSERT_THAT(table.Add(Range(1, 0, 5, 8, 1)), IsOk());
  EXPECT_EQ(RunOfGroup(table, BlockId(0), 4), 4u) << "as many as asked for";
  EXPECT_EQ(RunOfGroup(table, BlockId(1), 12), 4u) << "another group";
  EXPECT_EQ(RunOfGroup(table, BlockId(5), 3), 2u) << "one that is not alive";
  EXPECT_EQ(RunOfGroup(table, BlockId(8), 1), 1u);
}

TEST(BlockTable, EveryMisuseHasItsError) {
  BlockTable table(SmallDevice(2, 8, 4));
  ASSERT_THAT(table.Add(Range(1, 0, 0, 0, 4)), IsOk());
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(table.Add(Range(1, 0, 0, 8, 0)),
              StatusIs(invalid, HasSubstr("count")));
  EXPECT_THAT(table.Add(Range(1, 0, 0, 16, 1)),
              StatusIs(invalid, HasSubstr("handles")));
  EXPECT_THAT(table.Add(Range(1, 0, 0, 15, 2)), StatusIs(invalid));
  EXPECT_THAT(table.Add(Range(1, 0, 0, UINT32_MAX, UINT32_MAX)),
              StatusIs(invalid));
  EXPECT_THAT(table.Add(Range(1, 2, 0, 8, 1)),
              StatusIs(invalid, HasSubstr("group")));
  EXPECT_THAT(table.Add(Range(1, 0, UINT32_MAX, 8, 1)),
              StatusIs(invalid, HasSubstr("first_page")));
  BlockRange nowhere = Range(1, 0, 0, 8, 1);
  nowhere.tier = Tier::kNone;
  EXPECT_THAT(table.Add(nowhere), StatusIs(invalid, HasSubstr("tier")));
  EXPECT_THAT(
      table.Add(Range(1, 0, 0, 3, 2)),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("handle 3")));
  EXPECT_THAT(table.Add(Range(1, 0, 0, 4, 5)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("group 0")));
  EXPECT_THAT(table.Remove({BlockId(0), 0}), StatusIs(invalid));
  EXPECT_THAT(table.Remove({BlockId(15), 2}), StatusIs(invalid));
  EXPECT_THAT(table.Remove({BlockId(3), 2}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("handle 4")));
  EXPECT_EQ(table.live(), 4u);
  EXPECT_THAT(Forward(table, 1, 0),
              ElementsAre(BlockId(0), BlockId(1), BlockId(2), BlockId(3)));
}

TEST(BlockTable, SequencesAreLimitedAndForgotten) {
  // 4096 groups: 4096 handles and 65536 more hold the lists of 17 sequences.
  BlockTable table(SmallDevice(4096, 1, 4));
  for (uint32_t s = 0; s < 17; ++s) {
    ASSERT_THAT(table.Add(Range(s, s, 0, s, 1)), IsOk());
  }
  EXPECT_THAT(
      table.Add(Range(17, 17, 0, 17, 1)),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("sequence 17")));
  EXPECT_EQ(table.sequences(), 17u);
  EXPECT_FALSE((table.Slot(SequenceId(17)) != BlockTable::kNoSlot));
  ASSERT_THAT(table.Add(Range(16, 17, 0, 17, 1)), IsOk()) << "it is known";
  ASSERT_THAT(table.Remove({BlockId(3), 1}), IsOk());
  EXPECT_TRUE((table.Slot(SequenceId(3)) != BlockTable::kNoSlot))
      << "until it is forgotten";
  table.ForgetIfEmpty(SequenceId(3));
  table.ForgetIfEmpty(SequenceId(4));
  table.ForgetIfEmpty(SequenceId(12345));
  EXPECT_FALSE((table.Slot(SequenceId(3)) != BlockTable::kNoSlot));
  EXPECT_TRUE((table.Slot(SequenceId(4)) != BlockTable::kNoSlot));
  ASSERT_THAT(table.Add(Range(99, 3, 5, 3, 1)), IsOk());
  EXPECT_EQ(table.sequence(BlockId(3)), SequenceId(99));
  EXPECT_THAT(Forward(table, 99, 3), ElementsAre(BlockId(3)));
  EXPECT_THAT(Forward(table, 99, 2), IsEmpty());
}

TEST(BlockTable, SortsByPageAndKeepsEqualPagesInOrder) {
  BlockTable table(SmallDevice(1, 16, 4));
  ASSERT_THAT(table.Add(Range(1, 0, 5, 0, 2)), IsOk());   // pages 5, 6
  ASSERT_THAT(table.Add(Range(1, 0, 0, 8, 2)), IsOk());   // pages 0, 1
  ASSERT_THAT(table.Add(Range(1, 0, 1, 4, 1)), IsOk());   // page 1 again
  ASSERT_THAT(table.Add(Range(2, 0, 9, 12, 1)), IsOk());  // another sequence
  table.SortByPage();
  EXPECT_EQ(Forward(table, 1, 0), Ids({8, 9, 4, 0, 1}));
  EXPECT_EQ(Backward(table, 1, 0), Ids({1, 0, 4, 9, 8}));
  EXPECT_EQ(Forward(table, 2, 0), Ids({12}));
}

// More equal pages than an unstable sort would leave in place by chance.
TEST(BlockTable, SortsLongListsOfEqualPages) {
  BlockTable table(SmallDevice(1, 200, 4));
  std::vector<BlockId> expected[2];
  for (uint32_t h = 0; h < 200; ++h) {
    const uint32_t page = h % 3 == 0 ? 0 : 1;
    ASSERT_THAT(table.Add(Range(1, 0, page, h, 1)), IsOk());
    expected[page].emplace_back(h);
  }
  table.SortByPage();
  expected[0].insert(expected[0].end(), expected[1].begin(), expected[1].end());
  EXPECT_EQ(Forward(table, 1, 0), expected[0]);
}

// ---- the twin ----

struct TwinBlock {
  uint64_t sequence;
  uint32_t group, page;
};

struct Twin {
  std::map<uint32_t, TwinBlock> blocks;
  std::map<std::pair<uint64_t, uint32_t>, std::vector<BlockId>> lists;
  std::set<uint64_t> sequences;

  uint64_t InGroup(uint32_t group) const {
    return static_cast<uint64_t>(std::count_if(
        blocks.begin(), blocks.end(),
        [group](const auto& entry) { return entry.second.group == group; }));
  }
  bool HasBlocks(uint64_t sequence) const {
    return std::any_of(blocks.begin(), blocks.end(), [&](const auto& entry) {
      return entry.second.sequence == sequence;
    });
  }
};

class BlockTableTwin : public ::testing::TestWithParam<int> {
 protected:
  static constexpr uint32_t kGroups = 3, kLimit = 12, kSequences = 5;
  static constexpr uint32_t kHandles = kGroups * kLimit;

  uint32_t Below(uint32_t n) {
    return std::uniform_int_distribution<uint32_t>(0, n - 1)(random_);
  }

  void Add() {
    const BlockRange range =
        Range(Below(kSequences), Below(kGroups + 1) % (kGroups + 1), Below(20),
              Below(kHandles + 2), Below(6));
    const uint32_t first = range.first.value();
    absl::StatusCode expected = absl::StatusCode::kOk;
    if (range.count == 0 || first + range.count > kHandles ||
        range.group.value() >= kGroups) {
      expected = absl::StatusCode::kInvalidArgument;
    } else {
      bool taken = twin_.InGroup(range.group.value()) + range.count > kLimit;
      for (uint32_t i = 0; i < range.count; ++i) {
        taken |= twin_.blocks.count(first + i) > 0;
      }
      if (taken) expected = absl::StatusCode::kAlreadyExists;
    }
    ASSERT_THAT(table_.Add(range), StatusIs(expected));
    if (expected != absl::StatusCode::kOk) return;
    const std::pair key(range.sequence.value(), range.group.value());
    for (uint32_t i = 0; i < range.count; ++i) {
      twin_.blocks[first + i] = {key.first, key.second, range.first_page + i};
      twin_.lists[key].emplace_back(first + i);
    }
    twin_.sequences.insert(key.first);
  }

  void Remove() {
    const HandleRange range{BlockId(Below(kHandles + 2)), Below(4)};
    const uint32_t first = range.first.value();
    absl::StatusCode expected = absl::StatusCode::kOk;
    if (range.count == 0 || first + range.count > kHandles) {
      expected = absl::StatusCode::kInvalidArgument;
    }
    for (uint32_t i = 0; i < range.count; ++i) {
      if (expected == absl::StatusCode::kOk &&
          twin_.blocks.count(first + i) == 0) {
        expected = absl::StatusCode::kNotFound;
      }
    }
    ASSERT_THAT(table_.Remove(range), StatusIs(expected));
    if (expected != absl::StatusCode::kOk) return;
    for (uint32_t i = 0; i < range.count; ++i) {
      const TwinBlock block = twin_.blocks[first + i];
      std::erase(twin_.lists[{block.sequence, block.group}],
                 BlockId(first + i));
      twin_.blocks.erase(first + i);
    }
  }

  void Forget() {
    const uint32_t sequence = Below(kSequences);
    table_.ForgetIfEmpty(SequenceId(sequence));
    if (!twin_.HasBlocks(sequence)) twin_.sequences.erase(sequence);
  }

  void Sort() {
    table_.SortByPage();
    for (auto& [key, list] : twin_.lists) {
      std::stable_sort(list.begin(), list.end(), [this](BlockId a, BlockId b) {
        return twin_.blocks[a.value()].page < twin_.blocks[b.value()].page;
      });
    }
  }

  void Compare() {
    ASSERT_EQ(table_.live(), twin_.blocks.size());
    for (uint32_t h = 0; h < kHandles; ++h) {
      const auto it = twin_.blocks.find(h);
      ASSERT_EQ(table_.alive(BlockId(h)), it != twin_.blocks.end());
      for (uint32_t g = 0; g < kGroups; ++g) {
        ASSERT_EQ(table_.alive_in(BlockId(h), GroupId(g)),
                  it != twin_.blocks.end() && it->second.group == g);
      }
      if (it == twin_.blocks.end()) continue;
      ASSERT_EQ(table_.group(BlockId(h)), GroupId(it->second.group));
      ASSERT_EQ(table_.page(BlockId(h)), it->second.page);
      ASSERT_EQ(table_.sequence(BlockId(h)), SequenceId(it->second.sequence));
    }
    std::vector<SequenceId> known;
    for (const uint64_t s : twin_.sequences) known.emplace_back(s);
    ASSERT_THAT(table_.Sequences(), UnorderedElementsAreArray(known));
    ASSERT_EQ(table_.sequences(), known.size());
    for (uint64_t s = 0; s < kSequences; ++s) {
      ASSERT_EQ((table_.Slot(SequenceId(s)) != BlockTable::kNoSlot),
                twin_.sequences.count(s) > 0);
      for (uint32_t g = 0; g < kGroups; ++g) {
        std::vector<BlockId> list = twin_.lists[{s, g}];
        ASSERT_EQ(Forward(table_, s, g), list);
        std::reverse(list.begin(), list.end());
        ASSERT_EQ(Backward(table_, s, g), list);
      }
    }
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
  BlockTable table_{SmallDevice(kGroups, kLimit, 4)};
  Twin twin_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, BlockTableTwin, ::testing::Range(0, 10));

TEST_P(BlockTableTwin, RandomOperations) {
  SCOPED_TRACE(GetParam());
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(i);
    const uint32_t choice = Below(100);
    if (choice < 50) {
      ASSERT_NO_FATAL_FAILURE(Add());
    } else if (choice < 88) {
      ASSERT_NO_FATAL_FAILURE(Remove());
    } else if (choice < 95) {
      Forget();
    } else if (choice < 99) {
      Sort();
    } else if (Below(10) == 0) {
      table_.Clear();
      twin_ = Twin();
    }
    ASSERT_NO_FATAL_FAILURE(Compare());
  }
}

}  // namespace
}  // namespace kvplace
