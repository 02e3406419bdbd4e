#include "server/core/value/rank_buckets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <random>

namespace kvplace {
namespace {

TEST(RankBuckets, LowestFirstAndOldestOfEquals) {
  RankBuckets buckets(8);
  buckets.Put(3, 10);
  buckets.Put(1, 7);
  buckets.Put(2, 7);
  EXPECT_EQ(buckets.Lowest(), 1u);
  EXPECT_EQ(buckets.lowest_rank(), 7);
  buckets.Put(1, 7);
  EXPECT_EQ(buckets.Lowest(), 2u);
  buckets.Put(2, 12);
  buckets.Remove(1);
  EXPECT_EQ(buckets.Lowest(), 3u);
  EXPECT_EQ(buckets.lowest_rank(), 10);
  // Below what was the lowest.
  buckets.Put(5, 2);
  EXPECT_EQ(buckets.Lowest(), 5u);
  EXPECT_EQ(buckets.size(), 3u);
  EXPECT_FALSE(buckets.contains(1));
  buckets.Remove(1);
  EXPECT_EQ(buckets.size(), 3u);
  buckets.Clear();
  EXPECT_EQ(buckets.size(), 0u);
  EXPECT_FALSE(buckets.contains(5));
}

TEST(RankBuckets, WhatIsFarBelowStaysInOrder) {
  RankBuckets buckets(4);
  buckets.Put(0, 0);
  buckets.Put(1, 5);
  buckets.Put(2, 5 + 3 * RankBuckets::kBuckets);
  EXPECT_EQ(buckets.Lowest(), 0u);
  buckets.Remove(0);
  EXPECT_EQ(buckets.Lowest(), 1u);
  buckets.Remove(1);
  EXPECT_EQ(buckets.Lowest(), 2u);
  EXPECT_EQ(buckets.lowest_rank(), 5 + 3 * RankBuckets::kBuckets);
}

TEST(RankBuckets, AgainstAMapOfLists) {
  constexpr uint32_t kItems = 50;
  std::mt19937 random(11);
  RankBuckets buckets(kItems);
  std::map<int64_t, std::list<uint32_t>> twin;
  const auto drop = [&](uint32_t item) {
    for (auto at = twin.begin(); at != twin.end(); ++at) {
      at->second.remove(item);
      if (at->second.empty()) {
        twin.erase(at);
        return;
      }
    }
  };
  int64_t now = 0;
  for (int i = 0; i < 20000; ++i) {
    now += random() % 4;
    const uint32_t item = random() % kItems;
    // Nothing stays for long enough to fall out of the ring.
    if (random() % 4 == 0) {
      buckets.Remove(item);
      drop(item);
    } else {
      const int64_t rank = now + static_cast<int64_t>(random() % 40);
      buckets.Put(item, rank);
      drop(item);
      twin[rank].push_back(item);
    }
    ASSERT_EQ(buckets.contains(item),
              std::any_of(twin.begin(), twin.end(), [&](const auto& list) {
                return std::count(list.second.begin(), list.second.end(),
                                  item) > 0;
              }));
    if (twin.empty()) continue;
    ASSERT_EQ(buckets.Lowest(), twin.begin()->second.front());
    ASSERT_EQ(buckets.lowest_rank(), twin.begin()->first);
  }
}

}  // namespace
}  // namespace kvplace
