#include "server/core/value/key_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

namespace kvplace {
namespace {

struct Lists {
  std::vector<RankedBlock> in_hbm, in_dram;
};

Lists Lowest(const KeyIndex& index, size_t in_hbm, size_t in_dram) {
  Lists lists;
  index.AppendLowest(in_hbm, in_dram, &lists.in_hbm, &lists.in_dram);
  return lists;
}

TEST(KeyIndex, WithoutKeysListsNothing) {
  KeyIndex index(100);
  EXPECT_TRUE(Lowest(index, 10, 10).in_hbm.empty());
  index.Set(BlockId(7), Tier::kHbm, -5);
  index.Set(BlockId(8), Tier::kDram, -5);
  EXPECT_EQ(Lowest(index, 10, 10).in_hbm.size(), 1u);
  EXPECT_EQ(Lowest(index, 10, 10).in_dram.size(), 1u);
  EXPECT_TRUE(Lowest(index, 0, 10).in_hbm.empty());
  index.Set(BlockId(7), Tier::kNone, -5);
  EXPECT_TRUE(Lowest(index, 10, 10).in_hbm.empty());
  index.Clear();
  EXPECT_TRUE(Lowest(index, 10, 10).in_dram.empty());
}

TEST(KeyIndex, KeysAreCut) {
  KeyIndex index(4);
  index.Set(BlockId(0), Tier::kHbm, -1'000'000);
  index.Set(BlockId(1), Tier::kHbm, 1'000'000);
  index.Set(BlockId(2), Tier::kDram, 1'000'000);
  const Lists lists = Lowest(index, 4, 4);
  ASSERT_EQ(lists.in_hbm.size(), 2u);
  EXPECT_LE(lists.in_hbm[0].key, KeyIndex::kLeastKey + 1);
  EXPECT_EQ(lists.in_hbm[1].key, KeyIndex::kMostKey);
  ASSERT_EQ(lists.in_dram.size(), 1u);
  EXPECT_EQ(lists.in_dram[0].key, -KeyIndex::kMostKey);
}

// Against sorting: of whole counts exactly so many, and none that is missing
// lies more than a bucket below one that is listed.
void ExpectLowest(std::vector<RankedBlock> listed, size_t count,
                  const std::map<uint32_t, int32_t>& all) {
  ASSERT_EQ(listed.size(), std::min(count, all.size()));
  int32_t highest = -40000;
  std::map<uint32_t, int32_t> missing = all;
  for (const RankedBlock& ranked : listed) {
    const auto at = missing.find(ranked.block.value());
    ASSERT_NE(at, missing.end()) << ranked.block.value();
    ASSERT_EQ(at->second, ranked.key);
    missing.erase(at);
    highest = std::max(highest, ranked.key);
  }
  for (const auto& [block, key] : missing) {
    ASSERT_GT(key + KeyIndex::kKeysPerBucket, highest) << block;
  }
  ASSERT_TRUE(std::is_sorted(
      listed.begin(), listed.end(),
      [](const auto& a, const auto& b) { return a.block < b.block; }));
}

TEST(KeyIndex, AgainstSorting) {
  std::mt19937 random(5);
  const auto below = [&](int n) { return static_cast<int>(random() % n); };
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    const auto handles = static_cast<uint32_t>(1 + below(300));
    KeyIndex index(handles);
    std::map<uint32_t, int32_t> in_hbm, in_dram;
    const int width = round % 2 == 0 ? 100 : 30000;
    for (int change = 0; change < 600; ++change) {
      const auto block =
          static_cast<uint32_t>(below(static_cast<int>(handles)));
      const auto tier = static_cast<Tier>(below(3));
      const int32_t key = -1 - below(width);
      index.Set(BlockId(block), tier, key);
      in_hbm.erase(block);
      in_dram.erase(block);
      if (tier == Tier::kHbm) in_hbm[block] = key;
      if (tier == Tier::kDram) in_dram[block] = -key;
    }
    const auto hbm_count = static_cast<size_t>(below(200));
    const auto dram_count = static_cast<size_t>(below(200));
    const Lists lists = Lowest(index, hbm_count, dram_count);
    ASSERT_NO_FATAL_FAILURE(ExpectLowest(lists.in_hbm, hbm_count, in_hbm));
    ASSERT_NO_FATAL_FAILURE(ExpectLowest(lists.in_dram, dram_count, in_dram));
  }
}

TEST(KeyIndex, ARunIsAsOneByOne) {
  std::mt19937 random(6);
  KeyIndex runs(128), singles(128);
  for (int round = 0; round < 50; ++round) {
    const uint32_t first = random() % 64, count = random() % 65;
    std::vector<Tier> tiers;
    std::vector<int32_t> keys;
    for (uint32_t i = 0; i < count; ++i) {
      tiers.push_back(static_cast<Tier>(random() % 3));
      keys.push_back(static_cast<int32_t>(random() % 80000) - 60000);
      singles.Set(BlockId(first + i), tiers.back(), keys.back());
    }
    runs.SetRun(BlockId(first), count, tiers.data(), keys.data());
    const Lists a = Lowest(runs, 128, 128), b = Lowest(singles, 128, 128);
    const auto same = [](const auto& x, const auto& y) {
      return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                        [](const RankedBlock& l, const RankedBlock& r) {
                          return l.key == r.key && l.block == r.block;
                        });
    };
    ASSERT_TRUE(same(a.in_hbm, b.in_hbm));
    ASSERT_TRUE(same(a.in_dram, b.in_dram));
  }
}

// Large devices are sampled: about as many as asked for.
TEST(KeyIndex, ALargeDeviceListsAboutAsMany) {
  constexpr uint32_t kHandles = 1 << 18;
  std::mt19937 random(7);
  KeyIndex index(kHandles);
  for (uint32_t h = 0; h < kHandles; ++h) {
    index.Set(BlockId(h), h % 5 == 0 ? Tier::kHbm : Tier::kDram,
              -1 - static_cast<int32_t>(random() % 8000));
  }
  const Lists lists = Lowest(index, 6000, 4000);
  EXPECT_NEAR(static_cast<double>(lists.in_hbm.size()), 6000, 1000);
  EXPECT_NEAR(static_cast<double>(lists.in_dram.size()), 4000, 1000);
}

// However many have one key.
TEST(KeyIndex, EqualKeysDoNotMakeTheListsLonger) {
  constexpr uint32_t kHandles = 1 << 16;
  KeyIndex index(kHandles);
  for (uint32_t h = 0; h < kHandles; ++h) {
    index.Set(BlockId(h), Tier::kHbm, -4000);
  }
  EXPECT_EQ(Lowest(index, 100, 100).in_hbm.size(), 100u);
}

}  // namespace
}  // namespace kvplace
