// Sets and their changes against std::set.
#include "server/core/read_sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <set>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

using ::testing::IsEmpty;

std::vector<BlockId> List(absl::Span<const BlockId> blocks) {
  return {blocks.begin(), blocks.end()};
}

struct Changes {
  std::vector<BlockId> entered, left;
};

Changes Hear(ReadSets* sets, uint32_t group, const std::vector<BlockId>& reads,
             bool more = false) {
  ReadSets::Changes changes;
  EXPECT_TRUE(more ? sets->HearMore(GroupId(group), reads, &changes)
                   : sets->Hear(GroupId(group), reads, &changes));
  return {List(changes.entered), List(changes.left)};
}

TEST(ReadSets, TellsWhatChanged) {
  ReadSets sets(2);
  Changes changes = Hear(&sets, 1, Ids({3, 63, 64, 1000}));
  EXPECT_EQ(changes.entered, Ids({3, 63, 64, 1000}));
  EXPECT_THAT(changes.left, IsEmpty());
  changes = Hear(&sets, 1, Ids({4, 64, 300}));
  EXPECT_EQ(changes.entered, Ids({4, 300}));
  EXPECT_EQ(changes.left, Ids({3, 63, 1000}));
  EXPECT_EQ(List(sets.set(GroupId(1))), Ids({4, 64, 300}));
  EXPECT_THAT(sets.set(GroupId(0)), IsEmpty());
}

TEST(ReadSets, ASecondPhaseOfAStepAdds) {
  ReadSets sets(1);
  Hear(&sets, 0, Ids({3, 64}));
  const Changes changes = Hear(&sets, 0, Ids({3, 5, 200}), true);
  EXPECT_EQ(changes.entered, Ids({5, 200}));
  EXPECT_THAT(changes.left, IsEmpty());
  EXPECT_EQ(List(sets.set(GroupId(0))), Ids({3, 5, 64, 200}));
}

TEST(ReadSets, ReadsMustAscend) {
  ReadSets sets(1);
  Hear(&sets, 0, Ids({3, 5, 7}));
  ReadSets::Changes changes;
  for (const auto& reads :
       {Ids({3, 7, 5}), Ids({4, 4}), Ids({3, 3}), Ids({5, 3}), Ids({9, 8}),
        Ids({3, 5, 7, 7}), Ids({3, 5, 7, 6}), Ids({5, 4, 7})}) {
    EXPECT_FALSE(sets.Hear(GroupId(0), reads, &changes));
    EXPECT_FALSE(sets.HearMore(GroupId(0), reads, &changes));
    EXPECT_EQ(List(sets.set(GroupId(0))), Ids({3, 5, 7}));
  }
}

TEST(ReadSets, TimeIsOfThePhase) {
  ReadSets sets(4);
  for (const uint32_t g : {2, 0, 3, 2}) Hear(&sets, g, Ids({g}));
  EXPECT_LT(sets.time(GroupId(0)), sets.time(GroupId(3)));
  EXPECT_LT(sets.time(GroupId(3)), sets.time(GroupId(2)));
  EXPECT_LT(sets.time(GroupId(2)), sets.Now());
  sets.Clear();
  EXPECT_THAT(sets.set(GroupId(2)), IsEmpty());
}

class ReadSetsTwin : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, ReadSetsTwin, ::testing::Range(0, 10));

TEST_P(ReadSetsTwin, RandomReads) {
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  const auto below = [&](uint32_t n) {
    return std::uniform_int_distribution<uint32_t>(0, n - 1)(random);
  };
  constexpr uint32_t kGroups = 3;
  const uint32_t handles = 1 + below(GetParam() % 2 == 0 ? 300 : 5000);
  ReadSets sets(kGroups);
  std::vector<std::set<BlockId>> twins(kGroups);
  for (int i = 0; i < 150; ++i) {
    SCOPED_TRACE(i);
    const uint32_t group = below(kGroups);
    std::set<BlockId>& twin = twins[group];
    if (!twin.empty() && below(4) == 0) {
      const BlockId block =
          *std::next(twin.begin(), below(static_cast<uint32_t>(twin.size())));
      sets.Filter(GroupId(group), [=](BlockId b) { return b != block; });
      twin.erase(block);
    }
    const bool more = below(4) == 0;
    std::set<BlockId> reads;
    // Mostly what was read before.
    for (const BlockId block : twin) {
      if (below(10) > 0) reads.insert(block);
    }
    for (uint32_t n = below(1 + handles / (1 + below(10))); n > 0; --n) {
      reads.insert(BlockId(below(handles)));
    }
    std::vector<BlockId> entered, left;
    for (const BlockId b : reads) {
      if (!twin.contains(b)) entered.push_back(b);
    }
    for (const BlockId b : twin) {
      if (!more && !reads.contains(b)) left.push_back(b);
    }
    const Changes changes = Hear(
        &sets, group, std::vector<BlockId>(reads.begin(), reads.end()), more);
    ASSERT_EQ(changes.entered, entered);
    ASSERT_EQ(changes.left, left);
    if (more) {
      twin.insert(reads.begin(), reads.end());
    } else {
      twin = reads;
    }
    for (uint32_t g = 0; g < kGroups; ++g) {
      ASSERT_EQ(List(sets.set(GroupId(g))),
                std::vector<BlockId>(twins[g].begin(), twins[g].end()));
    }
  }
}

}  // namespace
}  // namespace kvplace
