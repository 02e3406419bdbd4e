#include "server/core/policy/slack_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"
#include "tests/testing/written_future.h"

namespace kvplace {
namespace {

// Two groups; now is phase 0 and the window of 5 steps ends with phase 10. HBM
// for 3 blocks and full: 0, 1, 8. Blocks 2 and 3 are being read.
class SlackPolicyTest : public ::testing::Test {
 protected:
  StandingOrder Order(int64_t slack_blocks,
                      const std::vector<BlockId>& births = {}) {
    DeviceConfig device = SmallDevice(2, 8, 3);
    device.mode = mode_;
    SmallModel small(device, policy_);
    small.Put(Ids({0, 1, 8}), Tier::kHbm);
    small.Put(Ids({2, 3, 9}), Tier::kDram);
    small.Start();
    small.BeginStep();
    small.Phase(Ids({2, 3}));
    // A block less one byte is no room for a block.
    return small.PhaseOrder(0, Ids({2, 3}), births,
                            kSmallBlock * (slack_blocks + 1) - Bytes(1));
  }

  ResidencyMode mode_ = ResidencyMode::kInclusive;
  WrittenFuture future_;
  const SlackPolicy policy_{&future_};
};

TEST_F(SlackPolicyTest, Traits) {
  EXPECT_EQ(policy_.traits().name, "slack-oracle");
  EXPECT_TRUE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 0);
  EXPECT_EQ(policy_.traits().rank_window_steps, 5u);
}

TEST_F(SlackPolicyTest, MovesNoMoreThanTheSlack) {
  future_.reads = {{2, {2, 4}}, {3, {2, 4, 6}}};
  StandingOrder order = Order(0);
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({}));
  EXPECT_EQ(order.evict_queue, Ids({}));
  order = Order(1);
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({3}));
  EXPECT_EQ(order.evict_queue, Ids({0}));
  order = Order(2);
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({3, 2}));
  EXPECT_EQ(order.evict_queue, Ids({0, 1}));
  EXPECT_EQ(Order(100).groups[0].promote_if_read, Ids({3, 2}));
}

TEST_F(SlackPolicyTest, TheWindowEnds) {
  future_.reads = {{2, {10}}, {3, {12}}};
  EXPECT_EQ(Order(2).groups[0].promote_if_read, Ids({2}));
}

TEST_F(SlackPolicyTest, APrefetchIsWorthHalfItsReads) {
  // 3 reads, 2 reads, and 5 / 2.
  future_.reads = {{3, {2, 4, 6}}, {2, {2, 4}}, {9, {1, 3, 5, 7, 9}}};
  StandingOrder order = Order(2);
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({3}));
  EXPECT_EQ(order.groups[0].prefetch, Ids({9}));
  order = Order(3);
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({3, 2}));
  EXPECT_EQ(order.groups[0].prefetch, Ids({9}));
  EXPECT_EQ(order.evict_queue, Ids({0, 1, 8}));
}

TEST_F(SlackPolicyTest, OnlyWhatIsWorthLessGoes) {
  future_.reads = {{0, {2}}, {1, {2, 4}},    {8, {1, 3}},
                   {2, {6}}, {3, {2, 4, 6}}, {9, {1, 3}}};
  const StandingOrder order = Order(10);
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({3}));
  EXPECT_EQ(order.groups[0].prefetch, Ids({}));
  EXPECT_EQ(order.evict_queue, Ids({0}));
}

TEST_F(SlackPolicyTest, APrefetchDoesNotDisplaceItsEqual) {
  future_.reads = {{0, {2}}, {1, {2}}, {8, {1}}, {9, {1, 3}}};
  EXPECT_EQ(Order(10).groups[0].prefetch, Ids({}));
  future_.reads[9] = {1, 3, 5};
  EXPECT_EQ(Order(10).groups[0].prefetch, Ids({9}));
}

TEST_F(SlackPolicyTest, NewBlocksAreNoMoves) {
  future_.reads = {{0, {2}}, {1, {2, 4}}, {8, {1, 3}}, {10, {1, 3}}};
  const StandingOrder order = Order(0, Ids({10, 11}));
  EXPECT_EQ(order.groups[1].new_block_tier, Tier::kHbm);
  EXPECT_EQ(order.new_in_dram, Ids({11}));
  EXPECT_EQ(order.evict_queue, Ids({0}));
}

TEST_F(SlackPolicyTest, InExclusiveModeEvictionsCount) {
  mode_ = ResidencyMode::kExclusive;
  future_.reads = {{2, {2, 4}}, {3, {2, 4, 6}}, {10, {1}}};
  EXPECT_EQ(Order(1).groups[0].promote_if_read, Ids({}));
  EXPECT_EQ(Order(3).groups[0].promote_if_read, Ids({3}));
  EXPECT_EQ(Order(4).groups[0].promote_if_read, Ids({3, 2}));
  EXPECT_EQ(Order(0, Ids({10})).new_in_dram, Ids({10}));
  EXPECT_EQ(Order(1, Ids({10})).new_in_dram, Ids({}));
}

}  // namespace
}  // namespace kvplace
