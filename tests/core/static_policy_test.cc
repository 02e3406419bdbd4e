#include "server/core/policy/static_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"

namespace kvplace {
namespace {

TEST(StaticPolicy, Traits) {
  const StaticPolicy policy;
  EXPECT_EQ(policy.traits().name, "static");
  EXPECT_FALSE(policy.traits().clairvoyant);
  EXPECT_EQ(policy.traits().default_delay_steps, 0);
  EXPECT_EQ(policy.traits().index, VictimIndex::kNone);
}

TEST(StaticPolicy, NeverMovesAnything) {
  const StaticPolicy policy;
  SmallModel small(SmallDevice(2, 8, 2), policy);
  small.Put(Ids({0, 1}), Tier::kHbm);
  small.Put(Ids({2, 3, 8}), Tier::kDram);
  small.Start();
  small.BeginStep();
  small.Phase(Ids({1, 2, 3}));
  for (const StandingOrder& order :
       {small.Plan(), small.PhaseOrder(0, Ids({2, 3}), Ids({9}))}) {
    EXPECT_EQ(order.evict_queue, Ids({}));
    EXPECT_EQ(order.evict_at_least, 0u);
    for (const GroupOrder& group : order.groups) {
      EXPECT_FALSE(group.promote_all);
      EXPECT_EQ(group.promote_if_read, Ids({}));
      EXPECT_EQ(group.prefetch, Ids({}));
      EXPECT_EQ(group.new_block_tier, Tier::kDram);
    }
  }
}

}  // namespace
}  // namespace kvplace
