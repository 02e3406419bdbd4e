// The list threaded through arrays against std::list.
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
  list.AddOldest(BlockId(1));
  EXPECT_EQ(Order(list), Ids({1, 0, 4, 3}));
  list.Remove(BlockId(4));
  list.Remove(BlockId(4));
  list.Remove(BlockId(2));
  EXPECT_EQ(Order(list), Ids({1, 0, 3}));
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
  for (int i = 0; i < 5000; ++i) {
    SCOPED_TRACE(i);
    const BlockId block(below(handles));
    const bool in = std::find(twin.begin(), twin.end(), block) != twin.end();
    ASSERT_EQ(list.contains(block), in);
    const uint32_t choice = below(1000);
    if (choice == 0) {
      list.Clear();
      twin.clear();
    } else if (choice < 500) {
      list.Touch(block);
      twin.remove(block);
      twin.push_back(block);
    } else if (choice < 800) {
      list.Remove(block);
      twin.remove(block);
    } else if (!in) {
      list.AddOldest(block);
      twin.push_front(block);
    }
    ASSERT_EQ(Order(list), std::vector<BlockId>(twin.begin(), twin.end()));
  }
}

}  // namespace
}  // namespace kvplace
