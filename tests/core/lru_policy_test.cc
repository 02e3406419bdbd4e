#include "server/core/policy/lru_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"

namespace kvplace {
namespace {

class LruPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    small_.Put(Ids({0, 1, 2, 8, 9}), Tier::kHbm);
    small_.Put(Ids({3, 4, 10}), Tier::kDram);
    small_.Start();
  }

  const LruPolicy policy_;
  SmallModel small_{SmallDevice(2, 8, 5), policy_};
};

TEST_F(LruPolicyTest, Traits) {
  EXPECT_EQ(policy_.traits().name, "lru");
  EXPECT_FALSE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 0);
  EXPECT_EQ(policy_.traits().index, VictimIndex::kRecency);
}

TEST_F(LruPolicyTest, PromotesEverythingAndBirthsGoToHbm) {
  for (const StandingOrder& order :
       {small_.Plan(), small_.PhaseOrder(0, Ids({3}))}) {
    for (const GroupOrder& group : order.groups) {
      EXPECT_TRUE(group.promote_all);
      EXPECT_EQ(group.new_block_tier, Tier::kHbm);
    }
    EXPECT_EQ(order.evict_at_least, 0u);
    EXPECT_EQ(order.evict_reason, MoveReason::kCapacity);
    EXPECT_FALSE(order.evict_unlisted_first);
  }
}

// One list over all groups: pages 1, 2 of both groups, then the sinks.
TEST_F(LruPolicyTest, PlanListsTheLeastRecentFirst) {
  EXPECT_EQ(small_.Plan().evict_queue, Ids({1, 9, 2, 0, 8}));
  small_.Step(Ids({1, 2}));
  EXPECT_EQ(small_.Plan().evict_queue, Ids({9, 0, 8, 1, 2}));
  small_.Step(Ids({8}));
  EXPECT_EQ(small_.Plan().evict_queue, Ids({9, 0, 1, 2, 8}));
  EXPECT_FALSE(small_.Plan().may_evict_read);
}

TEST_F(LruPolicyTest, PhaseEvictsAsManyAsItNeedsReadOnesLast) {
  small_.BeginStep();
  small_.Phase(Ids({1, 3, 4}));
  StandingOrder order = small_.PhaseOrder(0, Ids({3, 4}));
  EXPECT_TRUE(order.may_evict_read);
  EXPECT_EQ(order.evict_queue, Ids({9, 2}));
  EXPECT_EQ(small_.PhaseOrder(0, Ids({3, 4}), Ids({11})).evict_queue,
            Ids({9, 2, 0}));
  EXPECT_EQ(small_.PhaseOrder(0, Ids({3, 4}), Ids({11, 12, 13})).evict_queue,
            Ids({9, 2, 0, 8, 1}));
  EXPECT_EQ(small_.PhaseOrder(0, {}).evict_queue, Ids({}));
}

TEST_F(LruPolicyTest, PromotedBlocksAreTheMostRecent) {
  small_.BeginStep();
  small_.Phase(Ids({0, 3}), Ids({3}), Ids({1}));
  small_.EndStep();
  EXPECT_EQ(small_.Plan().evict_queue, Ids({9, 2, 8, 0, 3}));
}

}  // namespace
}  // namespace kvplace
