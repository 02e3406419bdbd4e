// The order of victims that the model keeps for each policy, by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/core/device_model.h"
#include "server/core/policy/lfu_policy.h"
#include "server/core/policy/lru_policy.h"
#include "server/core/policy/reactive_policy.h"
#include "server/core/policy/shadow_price_policy.h"
#include "tests/testing/model_orders.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr uint32_t kGroups = 2, kHandles = 12;

BlockRange Page(uint64_t sequence, uint32_t handle, uint32_t page, Tier tier) {
  return OnePage(kHandles, sequence, handle, page, tier);
}

TEST(DeviceModelIndex, InventoryIsOrderedByPageSinkLast) {
  const LruPolicy lru;
  const LfuPolicy lfu;
  DeviceModel model(SmallDevice(kGroups, kHandles, 24), &lru);
  for (const BlockRange& range :
       {Page(1, 5, 0, Tier::kHbm), Page(1, 3, 1, Tier::kHbm),
        Page(1, 0, 2, Tier::kHbm), Page(2, 1, 0, Tier::kHbm),
        Page(2, 2, 2, Tier::kHbm), Page(2, 4, 7, Tier::kDram),
        Page(1, 14, 1, Tier::kHbm)}) {
    ASSERT_THAT(model.AddInventory(range), IsOk());
  }
  model.FinishInventory(StepIndex(0));
  // Page 1 (3, 14), page 2 (0, 2), page 0 (1, 5).
  EXPECT_EQ(OldestFirst(model), Ids({3, 14, 0, 2, 1, 5}));
  model.SetPolicy(&lfu);
  EXPECT_EQ(Order(*model.orders().ranks), Ids({3, 14, 0, 2, 1, 5}));
  EXPECT_EQ(Order(*model.orders().outsiders), Ids({})) << "4 was never read";
  const ReactivePolicy reactive(ReactiveVictims::kLowestPage);
  model.SetPolicy(&reactive);
  EXPECT_EQ(Order(*model.orders().ranks, 0), Ids({1, 5, 3, 0, 2}));
  EXPECT_EQ(Order(*model.orders().ranks, 1), Ids({14}));
}

TEST(DeviceModelIndex, UnreadRankIsBelowEveryReadBlock) {
  const LfuPolicy lfu;
  DeviceModel model(SmallDevice(1, kHandles, 12), &lfu);
  for (const BlockRange& range :
       {Page(1, 0, 0, Tier::kHbm), Page(1, 1, UINT32_MAX - 1, Tier::kHbm),
        Page(1, 2, 1, Tier::kHbm), Page(1, 3, 2, Tier::kHbm)}) {
    ASSERT_THAT(model.AddInventory(range), IsOk());
  }
  model.FinishInventory(StepIndex(0));
  EXPECT_EQ(Order(*model.orders().ranks), Ids({2, 3, 1, 0}));
  ASSERT_THAT(model.BeginStep(StepIndex(0)), IsOk());
  const auto reads = Ids({2});
  PhaseUpdate phase;
  phase.reads = reads;
  StepAccount account;
  ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
  EXPECT_EQ(Order(*model.orders().ranks), Ids({3, 1, 0, 2}));
}

// lfu after shadow-price begins with the counts that the history has.
TEST(DeviceModelIndex, CountsAfterShadowPriceAreThoseOfItsHistory) {
  const ShadowPricePolicy shadow_price;
  const LfuPolicy lfu;
  DeviceModel model(SmallDevice(1, kHandles, 12), &shadow_price);
  for (uint32_t h = 0; h < 3; ++h) {
    ASSERT_THAT(model.AddInventory(Page(1, h, h, Tier::kHbm)), IsOk());
  }
  model.FinishInventory(StepIndex(100));
  double often = 0;
  for (int64_t step = 100; step < 110; ++step) {
    ASSERT_THAT(model.BeginStep(StepIndex(step)), IsOk());
    const auto reads = step < 107    ? Ids({0, 2})
                       : step == 109 ? Ids({0, 1})
                                     : Ids({0});
    PhaseUpdate phase;
    phase.reads = reads;
    StepAccount account;
    ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
    model.EndStep(account);
    often = 0.8 * often + 1;
  }
  EXPECT_EQ(model.stats().decay(), 0);
  model.SetPolicy(&lfu);
  EXPECT_EQ(Order(*model.orders().ranks), Ids({1, 2, 0}));
  EXPECT_NEAR(model.stats().count_at_last_read(BlockId(0)), often, 0.2);
  EXPECT_NEAR(model.stats().count_at_last_read(BlockId(1)), 1, 0.05);
}

// Ranks written down, and blocks in DRAM ranked whether they were read or not.
class WrittenRanks final : public Policy {
 public:
  const PolicyTraits& traits() const override {
    static constexpr PolicyTraits kTraits{.name = "written",
                                          .index = VictimIndex::kRank,
                                          .rank_outsiders = true,
                                          .rank_unread_outsiders = true};
    return kTraits;
  }
  double Rank(const DeviceModel&, BlockId block) const override {
    return ranks[block.value()];
  }
  void Plan(const DeviceModel&, const PlanRequest&,
            StandingOrder*) const override {}

  std::vector<double> ranks = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
};

TEST(DeviceModelIndex, RanksChangeWhenTheDriverSaysSo) {
  WrittenRanks policy;
  DeviceModel model(SmallDevice(1, kHandles, 12), &policy);
  for (uint32_t h = 0; h < 4; ++h) {
    const Tier tier = h < 2 ? Tier::kHbm : Tier::kDram;
    ASSERT_THAT(model.AddInventory(Page(1, h, h, tier)), IsOk());
  }
  model.FinishInventory(StepIndex(0));
  EXPECT_EQ(Order(*model.orders().ranks), Ids({0, 1}));
  EXPECT_EQ(Order(*model.orders().outsiders), Ids({3, 2})) << "highest first";

  policy.ranks = {5, 1, 9, 3, 4};
  ASSERT_THAT(model.BeginStep(StepIndex(0)), IsOk());
  PhaseUpdate phase;
  const BlockRange birth = Page(1, 4, 4, Tier::kDram);
  phase.births = {&birth, 1};
  StepAccount account;
  ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
  EXPECT_EQ(Order(*model.orders().ranks), Ids({0, 1}));
  EXPECT_EQ(Order(*model.orders().outsiders), Ids({4, 3, 2})) << "born in DRAM";

  phase.births = {};
  const auto reranked = Ids({0, 2, 7});  // 7 is not alive
  phase.reranked = reranked;
  ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
  EXPECT_EQ(Order(*model.orders().ranks), Ids({1, 0}));
  EXPECT_EQ(Order(*model.orders().outsiders), Ids({2, 4, 3}));
}

}  // namespace
}  // namespace kvplace
