// The log of touches against std::list.
#include "server/core/recency_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <set>
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
  list.Remove(BlockId(4));
  list.Remove(BlockId(4));
  list.Remove(BlockId(2));
  EXPECT_EQ(Order(list), Ids({0, 3}));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_TRUE(list.all_placed());
  EXPECT_FALSE(list.contains(BlockId(4)));
  list.Clear();
  EXPECT_EQ(Order(list), Ids({}));
  EXPECT_FALSE(list.contains(BlockId(3)));
}

TEST(RecencyList, HeldBlocksHaveNoPlace) {
  RecencyList list(5);
  list.Touch(BlockId(0));
  list.Touch(BlockId(1));
  list.Hold(BlockId(0));
  list.Hold(BlockId(2));
  EXPECT_EQ(Order(list), Ids({1}));
  EXPECT_TRUE(list.contains(BlockId(0)));
  EXPECT_FALSE(list.contains(BlockId(2)));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_FALSE(list.all_placed());
  list.Touch(BlockId(2));
  list.Touch(BlockId(0));
  EXPECT_EQ(Order(list), Ids({1}));
  EXPECT_EQ(list.size(), 3u);
  list.Remove(BlockId(0));
  EXPECT_FALSE(list.contains(BlockId(0)));
  list.Release(BlockId(0));
  list.Release(BlockId(2));
  EXPECT_EQ(Order(list), Ids({1, 2}));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_TRUE(list.all_placed());
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
  std::set<BlockId> held, held_inside;
  const auto touch = [&twin](BlockId block) {
    twin.remove(block);
    twin.push_back(block);
  };
  for (int i = 0; i < 5000; ++i) {
    SCOPED_TRACE(i);
    const BlockId block(below(handles));
    const bool in = held_inside.contains(block) ||
                    std::find(twin.begin(), twin.end(), block) != twin.end();
    ASSERT_EQ(list.contains(block), in);
    const uint32_t choice = below(1000);
    if (choice == 0) {
      list.Clear();
      twin.clear();
      held.clear();
      held_inside.clear();
    } else if (choice < 50) {
      list.Tidy();
    } else if (choice < 400) {
      list.Touch(block);
      held.contains(block) ? void(held_inside.insert(block)) : touch(block);
    } else if (choice < 600 && !held.contains(block)) {
      list.Hold(block);
      held.insert(block);
      if (twin.remove(block) > 0) held_inside.insert(block);
    } else if (choice < 600) {
      list.Release(block);
      held.erase(block);
      if (held_inside.erase(block) > 0) twin.push_back(block);
    } else if (choice < 800) {
      list.Remove(block);
      twin.remove(block);
      held_inside.erase(block);
    }
    ASSERT_EQ(list.all_placed(), held_inside.empty());
    ASSERT_EQ(list.size(), twin.size() + held_inside.size());
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
