// Plans are applied whole or not at all, and their terms.
#include "server/core/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "server/core/policy/shadow_price_policy.h"
#include "server/core/policy/static_policy.h"
#include "tests/testing/scripted_policy.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr auto kInternal = absl::StatusCode::kInternal;

// Two groups of 8 handles, HBM for 6 blocks. In HBM: 0, 1 and 8; in DRAM: 2, 3,
// 9 and 10; the rest is dead.
class PlannerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto add = [this](uint32_t first, uint32_t count, Tier tier) {
      ASSERT_THAT(model_.AddInventory({SequenceId(1), GroupId(first / 8),
                                       first % 8, BlockId(first), count, tier}),
                  IsOk());
    };
    add(0, 2, Tier::kHbm);
    add(8, 1, Tier::kHbm);
    add(2, 2, Tier::kDram);
    add(9, 2, Tier::kDram);
    model_.FinishInventory(StepIndex(100));
  }

  absl::Status MakePlan(ScriptedPolicy::Script script) {
    policy_.Say(std::move(script));
    return planner_.MakePlan(policy_, model_, &plan_);
  }

  // A step that evicts `blocks`.
  void Step(int64_t step, const std::vector<BlockId>& blocks) {
    ASSERT_THAT(model_.BeginStep(StepIndex(step)), IsOk());
    PhaseUpdate phase;
    phase.evicted = blocks;
    StepAccount account;
    ASSERT_THAT(model_.ApplyPhase(phase, &account), IsOk());
    model_.EndStep(account);
  }

  ScriptedPolicy policy_;
  DeviceModel model_{SmallDevice(2, 8, 6), &policy_};
  Planner planner_{3};
  Plan plan_;
};

TEST_F(PlannerTest, IdsRiseAndTermsFollowTheStep) {
  ASSERT_THAT(MakePlan({}), IsOk());
  EXPECT_EQ(plan_.id, PlanId(1));
  EXPECT_EQ(plan_.basis, StepIndex(99));
  EXPECT_EQ(plan_.valid_until, StepIndex(102));
  Step(107, {});
  ASSERT_THAT(MakePlan({}), IsOk());
  EXPECT_EQ(plan_.id, PlanId(2));
  EXPECT_EQ(plan_.basis, StepIndex(107));
  EXPECT_EQ(plan_.valid_until, StepIndex(110));
  EXPECT_THAT(MakePlan([](auto&, auto&, StandingOrder* order) {
                order->evict_at_least = 1;
              }),
              StatusIs(kInternal));
  ASSERT_THAT(MakePlan({}), IsOk());
  EXPECT_EQ(plan_.id, PlanId(3)) << "a refused plan has no number";
}

TEST_F(PlannerTest, ARepeatedPlanIsANewOneWithTheSameOrder) {
  ASSERT_THAT(MakePlan([](auto&, auto&, StandingOrder* order) {
                order->groups[0].promote_if_read = Ids({2, 3});
                order->evict_queue = Ids({0, 1, 8});
              }),
              IsOk());
  EXPECT_EQ(model_.residency().reserved(), kSmallBlock * 2);
  model_.mutable_residency().Depart();
  Step(107, Ids({0}));
  planner_.Issue(model_, &plan_);
  EXPECT_EQ(plan_.id, PlanId(2));
  EXPECT_EQ(plan_.basis, StepIndex(107));
  EXPECT_EQ(plan_.valid_until, StepIndex(110));
  EXPECT_EQ(plan_.order.evict_queue, Ids({0, 1, 8}));
  // What is in flight is not promised again: six blocks, two resident.
  EXPECT_EQ(model_.residency().reserved(), kSmallBlock * 2);
  EXPECT_EQ(model_.residency().free(), Bytes(0));
}

TEST(MayRepeatTest, OnlyWhatIsNotDoneOnceAndWhileTheQueueLasts) {
  StandingOrder order;
  order.groups.resize(2);
  EXPECT_TRUE(MayRepeat(order, 0));
  order.evict_queue = Ids({0, 1, 2, 3, 4});
  EXPECT_TRUE(MayRepeat(order, 2));
  EXPECT_FALSE(MayRepeat(order, 3));
  order.groups[1].promote_if_read = Ids({9});
  EXPECT_TRUE(MayRepeat(order, 2));
  order.groups[1].prefetch = Ids({8});
  EXPECT_FALSE(MayRepeat(order, 2));
  order.groups[1].prefetch.clear();
  order.evict_at_least = 1;
  EXPECT_FALSE(MayRepeat(order, 0));
}

TEST_F(PlannerTest, OrderComesReset) {
  plan_.order.evict_queue = Ids({1, 2, 3});
  plan_.order.new_in_dram = Ids({1});
  plan_.order.may_evict_read = true;
  plan_.order.evict_unlisted_first = true;
  plan_.order.evict_at_least = 7;
  plan_.order.evict_reason = MoveReason::kRebalance;
  plan_.order.max_routed_share = 0.25;
  plan_.order.groups.resize(1);
  plan_.order.groups[0] = {true, Ids({1}), Ids({2}), Tier::kHbm};
  ASSERT_THAT(MakePlan({}), IsOk());
  EXPECT_EQ(plan_.order.evict_queue, Ids({}));
  EXPECT_EQ(plan_.order.new_in_dram, Ids({}));
  EXPECT_FALSE(plan_.order.may_evict_read);
  EXPECT_FALSE(plan_.order.evict_unlisted_first);
  EXPECT_EQ(plan_.order.evict_at_least, 0u);
  EXPECT_EQ(plan_.order.evict_reason, MoveReason::kCapacity);
  EXPECT_EQ(plan_.order.max_routed_share, 1.0);
  ASSERT_EQ(plan_.order.groups.size(), 2u);
  EXPECT_FALSE(plan_.order.groups[0].promote_all);
  EXPECT_EQ(plan_.order.groups[0].promote_if_read, Ids({}));
  EXPECT_EQ(plan_.order.groups[0].prefetch, Ids({}));
  EXPECT_EQ(plan_.order.groups[0].new_block_tier, Tier::kDram);
}

struct Broken {
  const char* name;
  void (*spoil)(StandingOrder*);
};

class BrokenPolicyTest : public PlannerTest,
                         public ::testing::WithParamInterface<Broken> {};

INSTANTIATE_TEST_SUITE_P(
    Orders, BrokenPolicyTest,
    ::testing::Values(
        Broken{"EvictsTwice",
               [](StandingOrder* o) {
                 o->evict_queue = Ids({0, 1, 0});
               }},
        Broken{"EvictsWhatIsInDram",
               [](StandingOrder* o) {
                 o->evict_queue = Ids({0, 2});
               }},
        Broken{"EvictsTheDead",
               [](StandingOrder* o) { o->evict_queue = Ids({4}); }},
        Broken{"EvictsOutOfRange",
               [](StandingOrder* o) { o->evict_queue = Ids({16}); }},
        Broken{"EvictsNoBlock",
               [](StandingOrder* o) { o->evict_queue = {kNoBlock}; }},
        Broken{"RanksTheDead",
               [](StandingOrder* o) {
                 o->evict_unlisted_first = true;
                 o->evict_queue = Ids({0, 2, 4});
               }},
        Broken{"RanksTwice",
               [](StandingOrder* o) {
                 o->evict_unlisted_first = true;
                 o->evict_queue = Ids({2, 0, 2});
               }},
        Broken{"RanksOutOfRange",
               [](StandingOrder* o) {
                 o->evict_unlisted_first = true;
                 o->evict_queue = Ids({16});
               }},
        Broken{"PromotesTwice",
               [](StandingOrder* o) {
                 o->groups[0].promote_if_read = Ids({2, 3, 2});
               }},
        Broken{
            "PromotesTheDead",
            [](StandingOrder* o) { o->groups[1].promote_if_read = Ids({12}); }},
        Broken{
            "PromotesOutOfRange",
            [](StandingOrder* o) { o->groups[1].promote_if_read = Ids({16}); }},
        Broken{"PrefetchesTwice",
               [](StandingOrder* o) {
                 o->groups[1].prefetch = Ids({9, 9});
               }},
        Broken{"PrefetchesWhatIsInHbm",
               [](StandingOrder* o) { o->groups[1].prefetch = Ids({8}); }},
        Broken{"PrefetchesOutOfRange",
               [](StandingOrder* o) { o->groups[0].prefetch = {kNoBlock}; }},
        Broken{"PushesBackMoreThanItLists",
               [](StandingOrder* o) {
                 o->evict_queue = Ids({0, 1});
                 o->evict_at_least = 3;
               }},
        Broken{"RoutesMoreThanAll",
               [](StandingOrder* o) { o->max_routed_share = 1.01; }},
        Broken{"RoutesLessThanNothing",
               [](StandingOrder* o) { o->max_routed_share = -0.01; }},
        Broken{"RoutesNaN",
               [](StandingOrder* o) {
                 o->max_routed_share = std::numeric_limits<double>::quiet_NaN();
               }},
        Broken{"ForgetsAGroup", [](StandingOrder* o) { o->groups.resize(1); }},
        Broken{"InventsAGroup", [](StandingOrder* o) { o->groups.resize(3); }}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_P(BrokenPolicyTest, IsRefusedWholeAndReservesNothing) {
  const auto broken = [](auto&, auto&, StandingOrder* order) {
    order->groups[0].promote_all = true;  // would reserve everything
    GetParam().spoil(order);
  };
  EXPECT_THAT(MakePlan(broken), StatusIs(kInternal));
  EXPECT_EQ(model_.residency().reserved(), Bytes(0));
  StandingOrder order;
  EXPECT_THAT(planner_.MakePhaseOrder(policy_, model_, PlanRequest(), &order),
              StatusIs(kInternal));
  // And the planner is as good as new.
  const auto sound = [](auto&, auto&, StandingOrder* o) {
    o->evict_queue = Ids({8, 1, 0});
    o->groups[0].promote_if_read = Ids({3, 2});
    o->groups[0].prefetch = Ids({2});
    o->groups[1].prefetch = Ids({9, 10});
    o->evict_at_least = 3;
    o->max_routed_share = 0;
  };
  EXPECT_THAT(MakePlan(sound), IsOk());
  EXPECT_EQ(plan_.id, PlanId(1));
}

TEST_F(PlannerTest, QueueMayNameDramWhereUnlistedGoFirst) {
  const auto ranks = [](auto&, auto&, StandingOrder* order) {
    order->evict_unlisted_first = true;
    order->evict_queue = Ids({2, 0, 9, 8});
  };
  EXPECT_THAT(MakePlan(ranks), IsOk());
}

// It may have left by the time it is read.
TEST_F(PlannerTest, PromotionsMayNameWhatIsInHbm) {
  const auto returns = [](auto&, auto&, StandingOrder* order) {
    order->evict_queue = Ids({0});
    order->groups[0].promote_if_read = Ids({2, 0});
  };
  EXPECT_THAT(MakePlan(returns), IsOk());
}

TEST_F(PlannerTest, ReservesRoomForWhatThePlanMayBringIn) {
  ASSERT_THAT(MakePlan({}), IsOk());
  EXPECT_EQ(model_.residency().reserved(), Bytes(0));
  ASSERT_THAT(MakePlan([](auto&, auto&, StandingOrder* order) {
                order->groups[0].promote_if_read = Ids({2});
                order->groups[1].prefetch = Ids({9});
              }),
              IsOk());
  EXPECT_EQ(model_.residency().reserved(), kSmallBlock * 2);
  EXPECT_EQ(model_.residency().free(), kSmallBlock);
  // The newer plan takes the older one's room over.
  ASSERT_THAT(MakePlan([](auto&, const PlanRequest& request, auto*) {
                EXPECT_EQ(request.free, kSmallBlock * 3);
              }),
              IsOk());
  EXPECT_EQ(model_.residency().reserved(), Bytes(0));
  ASSERT_THAT(MakePlan([](auto&, auto&, StandingOrder* order) {
                order->groups[1].promote_all = true;
              }),
              IsOk());
  EXPECT_EQ(model_.residency().reserved(), kSmallBlock * 3);
  ASSERT_THAT(MakePlan([](auto&, auto&, StandingOrder* order) {
                order->groups[1].new_block_tier = Tier::kHbm;
              }),
              IsOk());
  EXPECT_EQ(model_.residency().reserved(), kSmallBlock * 3);
}

TEST_F(PlannerTest, RoomInFlightIsNotPromisedAgain) {
  const auto promote_all = [](auto&, auto&, StandingOrder* order) {
    order->groups[0].promote_all = true;
  };
  ASSERT_THAT(MakePlan([](auto&, auto&, StandingOrder* order) {
                order->groups[0].promote_if_read = Ids({2, 3});
              }),
              IsOk());
  model_.mutable_residency().Depart();
  ASSERT_THAT(MakePlan(promote_all), IsOk());
  EXPECT_EQ(model_.residency().in_flight(), kSmallBlock * 2);
  EXPECT_EQ(model_.residency().reserved(), kSmallBlock);
  EXPECT_EQ(model_.residency().free(), Bytes(0));
}

TEST_F(PlannerTest, RequestOfAPlan) {
  ASSERT_THAT(
      MakePlan([](const DeviceModel&, const PlanRequest& request, auto*) {
        EXPECT_FALSE(request.phase_known);
        EXPECT_TRUE(request.misses.empty());
        EXPECT_TRUE(request.next_births.empty());
        EXPECT_EQ(request.next_birth_bytes, Bytes(0));
        EXPECT_EQ(request.free, kSmallBlock * 3);
        EXPECT_EQ(request.max_evictions, 3u);
      }),
      IsOk());
}

TEST_F(PlannerTest, RequestOfAPhase) {
  const auto misses = Ids({2, 3});
  const auto births = Ids({11, 12});
  PlanRequest request;
  request.group = GroupId(1);
  request.misses = misses;
  request.next_births = births;
  request.next_birth_bytes = kSmallBlock * 2;
  size_t most = 99;
  policy_.Say([&](auto&, const PlanRequest& r, StandingOrder* order) {
    EXPECT_TRUE(r.phase_known);
    EXPECT_EQ(r.group, GroupId(1));
    EXPECT_EQ(r.misses.size(), 2u);
    EXPECT_EQ(order->groups.size(), 2u);
    EXPECT_TRUE(order->evict_queue.empty());
    most = r.max_evictions;
  });
  StandingOrder order;
  // Four blocks are wanted.
  for (const auto& [free, evictions] :
       {std::pair(Bytes(0), 4u), std::pair(Bytes(1), 4u),
        std::pair(Bytes(63), 4u), std::pair(Bytes(64), 3u),
        std::pair(Bytes(255), 1u), std::pair(Bytes(256), 0u),
        std::pair(Bytes(1000), 0u)}) {
    request.free = free;
    order.evict_queue = Ids({0});
    ASSERT_THAT(planner_.MakePhaseOrder(policy_, model_, request, &order),
                IsOk());
    EXPECT_EQ(most, evictions) << free.count() << " bytes free";
  }
  EXPECT_EQ(model_.residency().reserved(), Bytes(0));
}

// Evictions are counted in blocks of the smallest group.
TEST(PlannerSizes, EvictionsForAPhaseOfLargeBlocks) {
  ScriptedPolicy policy;
  DeviceConfig device = SmallDevice(2, 8, 100);
  device.groups[1].block_bytes = Bytes(160);
  DeviceModel model(device, &policy);
  const auto misses = Ids({8});
  PlanRequest request;
  request.group = GroupId(1);
  request.misses = misses;
  size_t most = 0;
  policy.Say(
      [&](auto&, const PlanRequest& r, auto*) { most = r.max_evictions; });
  StandingOrder order;
  Planner planner;
  ASSERT_THAT(planner.MakePhaseOrder(policy, model, request, &order), IsOk());
  EXPECT_EQ(most, 3u) << "160 bytes are 2.5 blocks of 64";
}

TEST(PlannerBound, EverythingAtFirstThenWhatRecentStepsEvicted) {
  const StaticPolicy policy;
  constexpr uint32_t kBlocks = 20000;
  DeviceModel model(SmallDevice(1, 2 * kBlocks, kBlocks), &policy);
  ASSERT_THAT(model.AddInventory({SequenceId(1), GroupId(0), 0, BlockId(0),
                                  kBlocks, Tier::kHbm}),
              IsOk());
  model.FinishInventory(StepIndex(0));
  EXPECT_EQ(model.EvictionBound(), kBlocks);
  const auto step = [&](int64_t s, const std::vector<BlockId>& evicted) {
    ASSERT_THAT(model.BeginStep(StepIndex(s)), IsOk());
    PhaseUpdate phase;
    phase.evicted = evicted;
    StepAccount account;
    ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
    model.EndStep(account);
  };
  step(0, {});
  EXPECT_EQ(model.EvictionBound(), kBlocks / 32);
  step(1, IdRange(0, 1600));
  EXPECT_EQ(model.EvictionBound(), 4 * 1600u + (kBlocks - 1600) / 32);
  step(2, {});
  EXPECT_EQ(model.EvictionBound(), 4 * 1575u + (kBlocks - 1600) / 32);
  // A plan that needed all of its queue makes the next one longer.
  step(3, IdRange(1600, model.EvictionBound()));
  EXPECT_GT(model.EvictionBound(), 4 * 1575u + (kBlocks - 1600) / 32);
}

TEST(PlannerBound, SpareWithinLimits) {
  const StaticPolicy policy;
  for (const auto& [blocks, spare] :
       {std::pair{100u, 256u}, std::pair{100000u, 1024u}}) {
    DeviceModel model(SmallDevice(1, blocks, blocks), &policy);
    ASSERT_THAT(model.AddInventory({SequenceId(1), GroupId(0), 0, BlockId(0),
                                    blocks, Tier::kHbm}),
                IsOk());
    model.FinishInventory(StepIndex(0));
    ASSERT_THAT(model.BeginStep(StepIndex(0)), IsOk());
    model.EndStep({});
    EXPECT_EQ(model.EvictionBound(), spare);
  }
}

// One step can replace all that is read.
TEST(PlannerBound, SpareForWhatTheLastStepReadWhereValuesChoose) {
  const ShadowPricePolicy policy;
  constexpr uint32_t kBlocks = 5000;
  DeviceModel model(SmallDevice(1, kBlocks, kBlocks), &policy);
  ASSERT_THAT(model.AddInventory({SequenceId(1), GroupId(0), 0, BlockId(0),
                                  kBlocks, Tier::kHbm}),
              IsOk());
  model.FinishInventory(StepIndex(0));
  int64_t s = 0;
  for (const auto& [reads, spare] :
       {std::pair{0u, 256u}, std::pair{100u, 256u}, std::pair{1000u, 1000u},
        std::pair{5000u, 2048u}, std::pair{300u, 300u}}) {
    ASSERT_THAT(model.BeginStep(StepIndex(s++)), IsOk());
    const std::vector<BlockId> ids = IdRange(0, reads);
    PhaseUpdate phase;
    phase.reads = ids;
    StepAccount account;
    ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
    model.EndStep(account);
    EXPECT_EQ(model.EvictionBound(), spare) << reads;
  }
}

}  // namespace
}  // namespace kvplace
