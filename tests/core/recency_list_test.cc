// The log of touches against std::list.
#include "server/core/recency_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

std::vector<BlockId> Order(const RecencyList& list) {
  std::vector<BlockId> blocks;
  for (BlockId b = list.oldest(); b != kNoBlock; b = list.newer(b)) {
    blocks.push_back(b);
  }
  return blocks;
}

TEST(RecencyList, OldestFirst) {
  RecencyList list(5);
  EXPECT_EQ(list.oldest(), kNoBlock);
  list.Touch(BlockId(3));
  list.Touch(BlockId(0));
  list.Touch(BlockId(4));
  list.Touch(BlockId(3));
  EXPECT_EQ(Order(list), Ids({0, 4, 3}));
  std::vector<BlockId> all;
  EXPECT_EQ(list.TouchHeld(Ids({0, 1, 3}),
                           [&all](BlockId block) { all.push_back(block); }),
            2u);
  EXPECT_EQ(all, Ids({0, 1, 3}));
  EXPECT_EQ(Order(list), Ids({4, 0, 3}));
  list.Remove(BlockId(4));
  list.Remove(BlockId(4));
  list.Remove(BlockId(2));
  EXPECT_EQ(Order(list), Ids({0, 3}));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_FALSE(list.contains(BlockId(4)));
  list.Clear();
  EXPECT_EQ(Order(list), Ids({}));
  EXPECT_FALSE(list.contains(BlockId(3)));
}

class RecencyListTwin : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, RecencyListTwin, ::testing::Range(0, 10));

TEST_P(RecencyListTwin, RandomOperations) {
  SCOPED_TRACE(GetParam());
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  const auto below = [&](uint32_t n) {
    return std::uniform_int_distribution<uint32_t>(0, n - 1)(random);
  };
  const uint32_t handles = 1 + below(40);
  RecencyList list(handles);
  std::list<BlockId> twin;
  const auto touch = [&twin](BlockId block) {
    twin.remove(block);
    twin.push_back(block);
  };
  for (int i = 0; i < 5000; ++i) {
    SCOPED_TRACE(i);
    const BlockId block(below(handles));
    const bool in = std::find(twin.begin(), twin.end(), block) != twin.end();
    ASSERT_EQ(list.contains(block), in);
    const uint32_t choice = below(1000);
    if (choice == 0) {
      list.Clear();
      twin.clear();
    } else if (choice < 50) {
      list.Tidy();
    } else if (choice < 400) {
      list.Touch(block);
      touch(block);
    } else if (choice < 500) {
      const std::vector<BlockId> blocks = IdRange(0, below(handles));
      uint32_t held = 0;
      for (const BlockId b : blocks) {
        if (!list.contains(b)) continue;
        ++held;
        touch(b);
      }
      ASSERT_EQ(list.TouchHeld(blocks, [](BlockId) {}), held);
    } else if (choice < 800) {
      list.Remove(block);
      twin.remove(block);
    }
    ASSERT_EQ(list.size(), twin.size());
    std::vector<BlockId> oldest;
    list.AppendOldest(3, &oldest);
    ASSERT_EQ(oldest, std::vector<BlockId>(
                          twin.begin(),
                          std::next(twin.begin(),
                                    static_cast<ptrdiff_t>(
                                        std::min<size_t>(3, twin.size())))));
    ASSERT_EQ(Order(list), std::vector<BlockId>(twin.begin(), twin.end()));
  }
}

}  // namespace
}  // namespace kvplace
