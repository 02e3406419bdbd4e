// The heap against an ordered set.
#include "server/core/rank_heap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

// The blocks that a visit of at most `most` sees.
std::vector<BlockId> Lowest(const RankHeap& heap, uint32_t partition,
                            size_t most) {
  std::vector<BlockId> blocks;
  if (most == 0) return blocks;
  heap.VisitLowest(partition, [&](BlockId block) {
    blocks.push_back(block);
    return blocks.size() < most;
  });
  return blocks;
}

TEST(RankHeap, LowestFirstTiesToTheLowerHandle) {
  RankHeap heap(10, 1);
  heap.Set(BlockId(7), 0, 1.0);
  heap.Set(BlockId(3), 0, 1.0);
  heap.Set(BlockId(5), 0, -2.0);
  heap.Set(BlockId(1), 0, 4.0);
  EXPECT_EQ(Lowest(heap, 0, 10), Ids({5, 3, 7, 1}));
  EXPECT_EQ(Lowest(heap, 0, 2), Ids({5, 3}));
  heap.Set(BlockId(1), 0, -3.0);
  heap.Set(BlockId(5), 0, 9.0);
  EXPECT_EQ(Lowest(heap, 0, 10), Ids({1, 3, 7, 5}));
  EXPECT_EQ(heap.rank(BlockId(5), 0), 9.0);
  heap.Remove(BlockId(3), 0);
  heap.Remove(BlockId(3), 0);
  heap.Remove(BlockId(9), 0);
  EXPECT_FALSE(heap.contains(BlockId(3)));
  EXPECT_EQ(Lowest(heap, 0, 10), Ids({1, 7, 5}));
}

TEST(RankHeap, InfinitiesAreRanks) {
  RankHeap heap(4, 1);
  const double infinite = std::numeric_limits<double>::infinity();
  heap.Set(BlockId(0), 0, infinite);
  heap.Set(BlockId(1), 0, 1e308);
  heap.Set(BlockId(2), 0, -infinite);
  EXPECT_EQ(Lowest(heap, 0, 4), Ids({2, 1, 0}));
}

TEST(RankHeap, AWalkGoesAsFarAsAsked) {
  RankHeap heap(100, 2);
  for (uint32_t h = 0; h < 50; ++h) heap.Set(BlockId(h), 1, (h * 7) % 50);
  const std::vector<BlockId> order = Lowest(heap, 1, 50);
  RankHeap::Walk walk(heap, 1);
  RankHeap::Walk other(heap, 1);
  EXPECT_EQ(other.Next(), order[0]);
  for (const BlockId block : order) EXPECT_EQ(walk.Next(), block);
  EXPECT_EQ(walk.Next(), kNoBlock);
  EXPECT_EQ(walk.Next(), kNoBlock);
  EXPECT_EQ(other.Next(), order[1]) << "walks do not disturb each other";
  EXPECT_EQ(RankHeap::Walk(heap, 0).Next(), kNoBlock);
}

TEST(RankHeap, VisitOfAnEmptyPartition) {
  RankHeap heap(4, 2);
  heap.Set(BlockId(0), 0, 1);
  EXPECT_EQ(Lowest(heap, 1, 4), Ids({}));
  EXPECT_EQ(heap.size(1), 0u);
}

class RankHeapTwin : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, RankHeapTwin, ::testing::Range(0, 12));

TEST_P(RankHeapTwin, RandomOperations) {
  SCOPED_TRACE(GetParam());
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  const auto below = [&](uint32_t n) {
    return std::uniform_int_distribution<uint32_t>(0, n - 1)(random);
  };
  // One partition or several; a block keeps the partition of its handle.
  const uint32_t partitions = 1 + below(3);
  const uint32_t handles = 1 + below(GetParam() % 2 ? 300 : 12);
  RankHeap heap(handles, partitions);
  std::vector<std::set<std::pair<double, uint32_t>>> twin(partitions);
  std::vector<double> rank(handles, std::numeric_limits<double>::quiet_NaN());
  for (int i = 0; i < 6000; ++i) {
    SCOPED_TRACE(i);
    const uint32_t h = below(handles);
    const uint32_t p = h % partitions;
    const bool in = !std::isnan(rank[h]);
    if (in) twin[p].erase({rank[h], h});
    if (below(3) == 0) {
      heap.Remove(BlockId(h), p);
      rank[h] = std::numeric_limits<double>::quiet_NaN();
    } else {
      // Few values, so that ranks tie.
      rank[h] = static_cast<double>(below(20)) - 10;
      heap.Set(BlockId(h), p, rank[h]);
      twin[p].insert({rank[h], h});
      ASSERT_EQ(heap.rank(BlockId(h), p), rank[h]);
    }
    if (below(2000) == 0) {
      heap.Clear();
      for (auto& set : twin) set.clear();
      for (double& r : rank) r = std::numeric_limits<double>::quiet_NaN();
    }
    ASSERT_EQ(heap.contains(BlockId(h)), !std::isnan(rank[h]));
    for (uint32_t q = 0; q < partitions; ++q) {
      ASSERT_EQ(heap.size(q), twin[q].size());
      const size_t most = 1 + below(handles);
      std::vector<BlockId> expected;
      for (const auto& [r, block] : twin[q]) {
        if (expected.size() == most) break;
        expected.emplace_back(block);
      }
      ASSERT_EQ(Lowest(heap, q, most), expected);
    }
  }
}

}  // namespace
}  // namespace kvplace
