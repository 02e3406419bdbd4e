#include "server/core/policy/lookahead_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"
#include "tests/testing/written_future.h"

namespace kvplace {
namespace {

// Two groups, so a step is two phases; now is phase 0. HBM for 3 blocks and
// full: 0, 1, 8.
class LookaheadPolicyTest : public ::testing::Test {
 protected:
  void Start() {
    small_.Put(Ids({0, 1, 8}), Tier::kHbm);
    small_.Put(Ids({2, 3, 9}), Tier::kDram);
    small_.Start();
  }

  WrittenFuture future_;
  const LookaheadPolicy policy_{&future_, {}};
  SmallModel small_{SmallDevice(2, 8, 3), policy_};
};

TEST_F(LookaheadPolicyTest, Traits) {
  EXPECT_EQ(policy_.traits().name, "lookahead-1");
  EXPECT_TRUE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 0);
  EXPECT_EQ(policy_.traits().rank_window_steps, 1u);
}

TEST_F(LookaheadPolicyTest, PromotesAndKeepsWhatTheNextStepReads) {
  future_.reads = {{0, {2}}, {1, {3}}, {2, {2}}, {3, {4}}, {8, {1}}};
  Start();
  small_.BeginStep();
  small_.Phase(Ids({2, 3}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2, 3}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({2})) << "3: two steps away";
  EXPECT_EQ(order.evict_queue, Ids({1}));
  EXPECT_FALSE(order.groups[0].promote_all);
  EXPECT_TRUE(order.groups[0].prefetch.empty());
}

TEST_F(LookaheadPolicyTest, BypassesWhatDoesNotFit) {
  future_.reads = {{0, {2}}, {1, {2}}, {2, {2}}, {8, {1}}};
  Start();
  small_.BeginStep();
  small_.Phase(Ids({2}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({}));
  EXPECT_EQ(order.evict_queue, Ids({}));
}

TEST_F(LookaheadPolicyTest, LeastRecentlyReadGoesFirst) {
  future_.reads = {{2, {2}}, {3, {2}}};
  Start();
  small_.Step(Ids({8}));
  small_.Step(Ids({1}));
  small_.BeginStep();
  small_.Phase(Ids({2, 3}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2, 3}));
  EXPECT_EQ(order.evict_queue, Ids({0, 8})) << "0 was never read";
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({2, 3}));
}

TEST_F(LookaheadPolicyTest, WhatIsReadNowGoesLastIfItIsNotReadNext) {
  future_.reads = {{2, {2}}, {8, {1}}, {1, {2}}};
  Start();
  small_.BeginStep();
  small_.Phase(Ids({0, 2}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2}));
  EXPECT_TRUE(order.may_evict_read);
  EXPECT_EQ(order.evict_queue, Ids({0}));
}

TEST_F(LookaheadPolicyTest, NewBlocksByTheSameRule) {
  future_.reads = {{0, {2}}, {8, {1}}, {2, {2}}, {10, {1}}, {11, {3}}};
  Start();
  small_.BeginStep();
  small_.Phase(Ids({2}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2}), Ids({10, 11}));
  EXPECT_EQ(order.evict_queue, Ids({1}));
  EXPECT_EQ(order.groups[1].new_block_tier, Tier::kHbm) << "10 is read sooner";
  EXPECT_EQ(order.new_in_dram, Ids({11}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({}));
}

// Three misses, room for five: with a window of 3 steps they are read once,
// twice and three times.
std::vector<BlockId> Promoted(double share) {
  WrittenFuture future;
  future.reads = {{2, {2}}, {3, {2, 4}}, {4, {2, 4, 6, 8}}, {5, {8}}};
  const LookaheadPolicy policy(&future, {"annealed-oracle", 3, share});
  EXPECT_EQ(policy.traits().name, "annealed-oracle");
  SmallModel small(SmallDevice(2, 8, 5), policy);
  small.Put(Ids({2, 3, 4, 5}), Tier::kDram);
  small.Start();
  small.BeginStep();
  small.Phase(Ids({2, 3, 4, 5}));
  return small.PhaseOrder(0, Ids({2, 3, 4, 5})).groups[0].promote_if_read;
}

TEST(LookaheadPolicyShare, TakesTheMostReadOfTheMisses) {
  EXPECT_EQ(Promoted(0), Ids({}));
  EXPECT_EQ(Promoted(0.01), Ids({4})) << "rounded up";
  EXPECT_EQ(Promoted(0.25), Ids({4}));
  EXPECT_EQ(Promoted(0.5), Ids({4, 3}));
  EXPECT_EQ(Promoted(1), Ids({4, 3, 2})) << "5 is not read in the window";
}

}  // namespace
}  // namespace kvplace
