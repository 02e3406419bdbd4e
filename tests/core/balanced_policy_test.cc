#include "server/core/policy/balanced_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"

namespace kvplace {
namespace {

// alpha* = B_H / (B_H + B_D) = 300 / (300 + 100) = 0.75.
DeviceConfig Device() {
  DeviceConfig device = SmallDevice(2, 40, 30);
  device.profile.hbm = BytesPerSecond(300);
  return device;
}

// 30 blocks in HBM, handles 0..29; 30..39 in DRAM; group 1 has 40, in DRAM.
class BalancedPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    small_.Put(IdRange(0, 30), Tier::kHbm);
    small_.Put(IdRange(30, 11), Tier::kDram);
    small_.Start();
  }
  // A step with so many hits (from handle 0 on) and misses.
  void Step(uint32_t hits, uint32_t misses) {
    std::vector<BlockId> reads = IdRange(0, hits);
    const std::vector<BlockId> missed = IdRange(30, misses);
    reads.insert(reads.end(), missed.begin(), missed.end());
    small_.Step(reads);
  }
  static void ExpectPromotes(const StandingOrder& order, bool all) {
    for (const GroupOrder& group : order.groups) {
      EXPECT_EQ(group.promote_all, all);
      EXPECT_EQ(group.new_block_tier, Tier::kHbm);
    }
  }

  const BalancedPolicy policy_;
  SmallModel small_{Device(), policy_};
};

TEST_F(BalancedPolicyTest, Traits) {
  EXPECT_EQ(policy_.traits().name, "balanced");
  EXPECT_FALSE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 1);
  EXPECT_EQ(policy_.traits().index, VictimIndex::kRecency);
  EXPECT_DOUBLE_EQ(BalancedHbmShare(Device()), 0.75);
}

TEST_F(BalancedPolicyTest, IsLruBeforeTheFirstStep) {
  const StandingOrder order = small_.Plan();
  ExpectPromotes(order, true);
  EXPECT_EQ(order.evict_queue.size(), 30u);
  EXPECT_EQ(order.evict_queue.front(), BlockId(1));
  EXPECT_EQ(order.evict_queue.back(), BlockId(0));
  EXPECT_EQ(order.evict_at_least, 0u);
  EXPECT_EQ(order.evict_reason, MoveReason::kCapacity);
}

TEST_F(BalancedPolicyTest, PromotesUpToTheShareInclusive) {
  Step(15, 5);  // 0.75
  ExpectPromotes(small_.Plan(), true);
  Step(5, 5);
  ExpectPromotes(small_.Plan(), true);
  Step(0, 0);  // an empty step has no share
  ExpectPromotes(small_.Plan(), true);
}

TEST_F(BalancedPolicyTest, PromotesNothingAboveTheShare) {
  Step(16, 5);  // 0.762
  const StandingOrder order = small_.Plan();
  ExpectPromotes(order, false);
  EXPECT_EQ(order.evict_at_least, 0u) << "within the slack";
  EXPECT_EQ(order.evict_reason, MoveReason::kCapacity);
  EXPECT_EQ(order.evict_queue.size(), 30u) << "room for births";
  Step(5, 5);
  ExpectPromotes(small_.Plan(), true);
}

TEST_F(BalancedPolicyTest, PushesBackWhatHbmReadTooMany) {
  Step(20, 0);  // 0.25 * 20 = 5 too many
  const StandingOrder order = small_.Plan();
  ExpectPromotes(order, false);
  EXPECT_EQ(order.evict_at_least, 5u);
  EXPECT_EQ(order.evict_reason, MoveReason::kRebalance);
  // From the LRU end: what was not read, oldest pages first.
  ASSERT_GE(order.evict_queue.size(), 5u);
  EXPECT_EQ(order.evict_queue[0], BlockId(20));
  EXPECT_EQ(order.evict_queue[4], BlockId(24));
}

TEST_F(BalancedPolicyTest, SlackIsAParameter) {
  const BalancedPolicy strict(0.0), lenient(0.3);
  Step(16, 5);
  small_.model().SetPolicy(&strict);
  Planner planner;
  Plan plan;
  ASSERT_THAT(planner.MakePlan(strict, small_.model(), &plan), IsOk());
  EXPECT_EQ(plan.order.evict_at_least, 0u) << "0.012 * 21 is no whole block";
  Step(20, 0);
  ASSERT_THAT(planner.MakePlan(strict, small_.model(), &plan), IsOk());
  EXPECT_EQ(plan.order.evict_at_least, 5u);
  ASSERT_THAT(planner.MakePlan(lenient, small_.model(), &plan), IsOk());
  EXPECT_EQ(plan.order.evict_at_least, 0u);
  EXPECT_FALSE(plan.order.groups[0].promote_all);
}

TEST_F(BalancedPolicyTest, InAPhasePushesBackOnceAStep) {
  Step(20, 0);
  small_.BeginStep();
  small_.Phase(Ids({0, 30}));
  const StandingOrder first = small_.PhaseOrder(0, Ids({30}));
  EXPECT_EQ(first.evict_at_least, 5u);
  EXPECT_EQ(first.evict_queue.size(), 5u);
  EXPECT_TRUE(first.may_evict_read);
  ExpectPromotes(first, false);
  const StandingOrder second = small_.PhaseOrder(1, Ids({40}));
  EXPECT_EQ(second.evict_at_least, 0u);
  EXPECT_EQ(second.evict_reason, MoveReason::kCapacity);
  ExpectPromotes(second, false);
}

TEST_F(BalancedPolicyTest, PushesBackNoMoreThanThereIs) {
  SmallModel small(Device(), policy_);
  small.Put(Ids({0, 1}), Tier::kHbm);
  small.Start();
  small.BeginStep();
  for (int i = 0; i < 10; ++i) small.Phase(Ids({0, 1}));
  small.EndStep();
  const StandingOrder order = small.Plan();
  EXPECT_EQ(order.evict_queue, Ids({0, 1}));
  EXPECT_EQ(order.evict_at_least, 2u) << "0.25 * 20 = 5, but two are there";
}

}  // namespace
}  // namespace kvplace
