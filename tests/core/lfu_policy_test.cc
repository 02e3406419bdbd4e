#include "server/core/policy/lfu_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"

namespace kvplace {
namespace {

class LfuPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    small_.Put(Ids({0, 1, 2, 8}), Tier::kHbm);
    small_.Put(Ids({3, 4, 5, 9}), Tier::kDram);
    small_.Start();
  }

  const LfuPolicy policy_;
  SmallModel small_{SmallDevice(2, 8, 5), policy_};
};

TEST_F(LfuPolicyTest, Traits) {
  EXPECT_EQ(policy_.traits().name, "lfu");
  EXPECT_FALSE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 1);
  EXPECT_EQ(policy_.traits().index, VictimIndex::kRank);
  EXPECT_TRUE(policy_.traits().rank_outsiders);
  EXPECT_EQ(policy_.traits().count_decay, 0.8);
  EXPECT_EQ(LfuPolicy(0.5).traits().count_decay, 0.5);
}

TEST_F(LfuPolicyTest, DecayReachesTheModel) {
  const LfuPolicy slow(0.99);
  small_.model().SetPolicy(&slow);
  EXPECT_EQ(small_.model().stats().decay(), 0.99);
}

TEST_F(LfuPolicyTest, PromotesEverythingAndBirthsGoToHbm) {
  for (const StandingOrder& order :
       {small_.Plan(), small_.PhaseOrder(0, Ids({3}))}) {
    for (const GroupOrder& group : order.groups) {
      EXPECT_TRUE(group.promote_all);
      EXPECT_EQ(group.new_block_tier, Tier::kHbm);
    }
    EXPECT_EQ(order.evict_at_least, 0u);
  }
}

TEST_F(LfuPolicyTest, UnreadBlocksGoFirstByPageSinkLast) {
  const StandingOrder order = small_.Plan();
  EXPECT_EQ(order.evict_queue, Ids({1, 2, 0, 8}));
  EXPECT_TRUE(order.evict_unlisted_first);
  EXPECT_FALSE(order.may_evict_read);
}

// counts after step 2: 0: 1 + .8 + .64, 1: 1, 2: .8, 3: .64 + 1, 4: .64.
TEST_F(LfuPolicyTest, QueueRanksByCountInBothTiers) {
  small_.Step(Ids({0, 3, 4}));
  small_.Step(Ids({0, 2}));
  small_.Step(Ids({0, 1, 3}));
  // 8 was never read; 4 and 3 are in DRAM; 5 and 9 were never read there.
  EXPECT_EQ(small_.Plan().evict_queue, Ids({8, 4, 2, 1, 3, 0}));
}

// Blocks in DRAM below every resident are not in the queue: unlisted go first.
TEST_F(LfuPolicyTest, QueueBeginsWithTheLowestResident) {
  small_.Step(Ids({0, 1, 2, 3, 4}));
  small_.Step(Ids({8}));
  small_.Step(Ids({0, 1, 2, 4}));
  // 8: .8; 3: .64; 4: 1.64 as 0, 1 and 2.
  EXPECT_EQ(small_.Plan().evict_queue, Ids({8, 0, 1, 2, 4}));
}

TEST_F(LfuPolicyTest, OfEqualCountsTheLowerHandleGoesFirstInEitherTier) {
  small_.Step(Ids({0, 1, 2, 3, 4, 5}));
  small_.BeginStep();
  small_.Phase(Ids({8}));
  small_.Phase({}, Ids({4}), Ids({1}));
  small_.EndStep();
  // HBM: 0, 2, 4, 8; DRAM: 1, 3, 5, all but 8 read once in step 0.
  EXPECT_EQ(small_.Plan().evict_queue, Ids({0, 1, 2, 3, 4, 5, 8}));
}

TEST_F(LfuPolicyTest, PhaseEvictsTheLowestReadOnesLast) {
  small_.Step(Ids({0, 1, 2}));
  small_.BeginStep();
  small_.Phase(Ids({8, 9}));
  small_.EndStep();
  small_.BeginStep();
  small_.Phase(Ids({1, 2, 3, 4}));
  // One block is free. 0: .64, 8: .8; read now: 1 and 2.
  StandingOrder order = small_.PhaseOrder(0, Ids({3, 4}));
  EXPECT_TRUE(order.may_evict_read);
  EXPECT_FALSE(order.evict_unlisted_first);
  EXPECT_EQ(order.evict_queue, Ids({0}));
  EXPECT_EQ(small_.PhaseOrder(0, Ids({3, 4}), Ids({10, 11})).evict_queue,
            Ids({0, 8, 1}));
  EXPECT_EQ(small_.PhaseOrder(0, {}).evict_queue, Ids({}));
}

// A block read in this phase stays even if its count is the lowest.
TEST_F(LfuPolicyTest, BlocksReadInThePhaseGoLastWhateverTheirCount) {
  small_.Step(Ids({0, 2}));
  small_.Step(Ids({0, 2}));
  small_.BeginStep();
  small_.Phase(Ids({1, 3, 4}));
  // 8 was never read; 1 has 1; 0 and 2 have .8 + .64.
  EXPECT_EQ(small_.PhaseOrder(0, Ids({3, 4}), Ids({9, 10})).evict_queue,
            Ids({8, 0, 2}));
}

// The same step's earlier phase is not this phase.
TEST_F(LfuPolicyTest, BlocksReadInAnotherPhaseOfTheStepMayGo) {
  small_.Step(Ids({0, 1, 2}));
  small_.BeginStep();
  small_.Phase(Ids({0, 1, 2}));
  small_.Phase(Ids({8, 9}));
  // 8 has the lowest count, but it is of this phase.
  EXPECT_EQ(small_.PhaseOrder(1, Ids({9}), Ids({3})).evict_queue, Ids({0}));
}

}  // namespace
}  // namespace kvplace
