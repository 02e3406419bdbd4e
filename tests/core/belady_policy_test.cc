#include "server/core/policy/belady_policy.h"

#include <gtest/gtest.h>

#include "tests/testing/small_model.h"
#include "tests/testing/written_future.h"

namespace kvplace {
namespace {

// Two groups, HBM for 3 blocks and full: 0, 1, 8.
class BeladyPolicyTest : public ::testing::Test {
 protected:
  void Start() {
    small_.Put(Ids({0, 1, 8}), Tier::kHbm);
    small_.Put(Ids({2, 3, 9}), Tier::kDram);
    small_.Start();
    small_.BeginStep();
  }

  WrittenFuture future_;
  const BeladyPolicy policy_{&future_};
  SmallModel small_{SmallDevice(2, 8, 3), policy_};
};

TEST_F(BeladyPolicyTest, Traits) {
  EXPECT_EQ(policy_.traits().name, "belady");
  EXPECT_TRUE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 0);
  EXPECT_EQ(policy_.traits().index, VictimIndex::kRank);
}

TEST_F(BeladyPolicyTest, FarthestNextReadGoesFirst) {
  future_.reads = {{0, {5}}, {1, {9}}, {8, {7}}, {2, {4}}, {3, {8}}};
  Start();
  small_.Phase(Ids({2, 3}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2, 3}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({2}));
  EXPECT_EQ(order.evict_queue, Ids({1})) << "3 comes after 8 and stays out";
  EXPECT_FALSE(order.groups[0].promote_all);
}

TEST_F(BeladyPolicyTest, NeverReadAgainIsFartherThanAnything) {
  future_.reads = {{0, {5}}, {8, {1000000}}, {2, {999999}}, {3, {4}}};
  Start();
  small_.Phase(Ids({2, 3}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2, 3}));
  EXPECT_EQ(order.evict_queue, Ids({1, 8}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({3, 2}));
}

TEST_F(BeladyPolicyTest, BypassesWhatIsNotReadBeforeSomethingHeld) {
  future_.reads = {{0, {5}}, {1, {5}}, {8, {5}}, {2, {5}}};
  Start();
  small_.Phase(Ids({2, 3}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2, 3}));
  EXPECT_EQ(order.evict_queue, Ids({}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({}));
}

TEST_F(BeladyPolicyTest, BirthsCompeteByTheirNextRead) {
  future_.reads = {{0, {2}}, {1, {3}},  {8, {9}},
                   {2, {6}}, {10, {1}}, {11, {20}}};
  Start();
  small_.Phase(Ids({2}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2}), Ids({10, 11, 12}));
  EXPECT_EQ(order.evict_queue, Ids({8}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({}));
  EXPECT_EQ(order.groups[1].new_block_tier, Tier::kHbm);
  EXPECT_EQ(order.new_in_dram, Ids({11, 12}));
}

TEST_F(BeladyPolicyTest, FreeRoomIsUsedBeforeAnyEviction) {
  future_.reads = {{0, {2}}, {1, {3}}, {2, {6}}, {3, {7}}, {9, {8}}};
  small_.Put(Ids({0, 1}), Tier::kHbm);
  small_.Put(Ids({2, 3}), Tier::kDram);
  small_.Start();
  small_.BeginStep();
  small_.Phase(Ids({2, 3}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2, 3}));
  EXPECT_EQ(order.evict_queue, Ids({}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({2}));
}

TEST_F(BeladyPolicyTest, BlocksReadInThePhaseAreAsGoodAsTheirNextRead) {
  future_.reads = {{0, {50}}, {1, {3}}, {8, {9}}, {2, {6}}};
  Start();
  small_.Phase(Ids({0, 2}));
  const StandingOrder order = small_.PhaseOrder(0, Ids({2}));
  EXPECT_TRUE(order.may_evict_read);
  EXPECT_EQ(order.evict_queue, Ids({0}));
  EXPECT_EQ(order.groups[0].promote_if_read, Ids({2}));
}

}  // namespace
}  // namespace kvplace
