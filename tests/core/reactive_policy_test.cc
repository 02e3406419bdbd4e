#include "server/core/policy/reactive_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"

namespace kvplace {
namespace {

// HBM is full: pages 0..3 of group 0 (handles 0..3) and 0, 1 of group 1.
class ReactivePolicyTest : public ::testing::Test {
 protected:
  void Fill(SmallModel& small) {
    small.Put(Ids({0, 1, 2, 3, 8, 9}), Tier::kHbm);
    small.Put(Ids({4, 5, 10}), Tier::kDram);
    small.Start();
  }
  void SetUp() override {
    Fill(layer_);
    Fill(page_);
  }

  const ReactivePolicy by_layer_{ReactiveVictims::kWholeGroup};
  const ReactivePolicy by_page_{ReactiveVictims::kLowestPage};
  SmallModel layer_{SmallDevice(2, 8, 6), by_layer_};
  SmallModel page_{SmallDevice(2, 8, 6), by_page_};
};

TEST_F(ReactivePolicyTest, Traits) {
  EXPECT_EQ(by_layer_.traits().name, "reactive-layer");
  EXPECT_EQ(by_page_.traits().name, "reactive-page");
  for (const ReactivePolicy* policy : {&by_layer_, &by_page_}) {
    EXPECT_FALSE(policy->traits().clairvoyant);
    EXPECT_EQ(policy->traits().default_delay_steps, 0);
    EXPECT_EQ(policy->traits().index, VictimIndex::kRankByGroup);
  }
}

TEST_F(ReactivePolicyTest, LayerDropsAllOfTheGroupThatIsNotRead) {
  layer_.BeginStep();
  layer_.Phase(Ids({2, 4}));
  const StandingOrder order = layer_.PhaseOrder(0, Ids({4}));
  EXPECT_EQ(order.evict_queue, Ids({0, 1, 3}));
  EXPECT_EQ(order.evict_at_least, 3u);
  EXPECT_FALSE(order.may_evict_read);
  for (const GroupOrder& group : order.groups) {
    EXPECT_TRUE(group.promote_all);
    EXPECT_EQ(group.new_block_tier, Tier::kHbm);
  }
}

TEST_F(ReactivePolicyTest, PageDropsTheLowestAsManyAsNeeded) {
  page_.BeginStep();
  page_.Phase(Ids({1, 4, 5}));
  EXPECT_EQ(page_.PhaseOrder(0, Ids({4})).evict_queue, Ids({0}))
      << "the attention sink first";
  const StandingOrder order = page_.PhaseOrder(0, Ids({4, 5}));
  EXPECT_EQ(order.evict_at_least, 0u);
  EXPECT_TRUE(order.groups[0].promote_all);
  // 1 is read, so it is left out.
  EXPECT_EQ(order.evict_queue, Ids({0, 2}));
}

TEST_F(ReactivePolicyTest, PagesNotHandlesAreRanked) {
  SmallModel small(SmallDevice(1, 8, 3), by_page_);
  small.PutPage(BlockId(0), 9, Tier::kHbm);
  small.PutPage(BlockId(1), 2, Tier::kHbm);
  small.PutPage(BlockId(2), 5, Tier::kHbm);
  small.PutPage(BlockId(3), 6, Tier::kDram);
  small.Start();
  small.BeginStep();
  small.Phase(Ids({3}));
  EXPECT_EQ(small.PhaseOrder(0, Ids({3}), Ids({4})).evict_queue, Ids({1, 2}));
}

TEST_F(ReactivePolicyTest, OtherGroupsKeepTheirBlocks) {
  for (SmallModel* small : {&layer_, &page_}) {
    small->BeginStep();
    small->Phase(Ids({8, 10}));
    EXPECT_EQ(small->PhaseOrder(1, Ids({10})).evict_queue, Ids({9}));
  }
}

TEST_F(ReactivePolicyTest, EvictsNothingWhileTheMissesFit) {
  SmallModel layer(SmallDevice(2, 8, 8), by_layer_);
  SmallModel page(SmallDevice(2, 8, 8), by_page_);
  for (SmallModel* small : {&layer, &page}) {
    Fill(*small);
    small->BeginStep();
    small->Phase(Ids({0, 4, 5}));
    EXPECT_EQ(small->PhaseOrder(0, Ids({4, 5})).evict_queue, Ids({}));
    EXPECT_EQ(small->PhaseOrder(0, Ids({4, 5})).evict_at_least, 0u);
    EXPECT_FALSE(
        small->PhaseOrder(0, Ids({4, 5}), Ids({11})).evict_queue.empty())
        << "births need room too";
  }
}

TEST_F(ReactivePolicyTest, WithADelayGroupsFollowEachOther) {
  const StandingOrder layer = layer_.Plan();
  EXPECT_EQ(layer.evict_queue, Ids({0, 1, 2, 3, 8, 9}));
  EXPECT_EQ(layer.evict_at_least, 0u);
  EXPECT_TRUE(layer.groups[1].promote_all);
  EXPECT_EQ(page_.Plan().evict_queue, Ids({0, 1, 2, 3, 8, 9}));
}

}  // namespace
}  // namespace kvplace
