// What holds for every policy in the loop: the schedule is valid, capacity is
// kept, and nothing is known before its time.
#include "server/replay/closed_loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "server/core/policy/lru_policy.h"
#include "server/core/policy/registry.h"
#include "server/replay/simulation.h"
#include "tests/replay/hand_workload.h"
#include "tests/replay/schedule_checker.h"
#include "tests/testing/random_workload.h"
#include "tests/testing/scripted_policy.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

struct Setting {
  ResidencyMode mode = ResidencyMode::kInclusive;
  bool read_routing = false;
  int delay = 1;
  uint32_t sample_every = 1;
};

// Runs the policy and checks its schedule.
LoopResult RunChecked(const Workload& workload, uint64_t capacity,
                      const std::string& policy, const Setting& setting,
                      Bytes fixed = Bytes(100)) {
  DeviceConfig device =
      DeviceFor(workload, SmallDevice(1, 1, 1).profile, setting.mode, capacity,
                fixed, setting.read_routing);
  EXPECT_THAT(Validate(device, 1 << 20, false), IsOk());
  ScheduleChecker checker(workload, device);
  SimulationOptions options;
  options.delay_steps = setting.delay;
  options.sample_every = setting.sample_every;
  options.annealing.iterations = 4;
  options.on_start = [&](const auto& hbm) { checker.Start(hbm); };
  options.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
    SCOPED_TRACE(testing::Message() << "phase " << phase);
    checker.Phase(phase, outcome);
  };
  const auto result = Simulate(workload, device, policy, options);
  EXPECT_THAT(result, IsOk());
  if (!result.ok()) return LoopResult();
  checker.Finish(result->run);
  // No phase can beat its roofline, so no run can.
  EXPECT_GE(result->run.seconds.value(),
            RooflineSeconds(workload, device).value() * (1 - 1e-9));
  return result->run;
}

std::vector<Setting> Settings() {
  std::vector<Setting> settings;
  for (const int delay : {0, 1, 2, 5}) {
    settings.push_back({ResidencyMode::kInclusive, false, delay});
    settings.push_back({ResidencyMode::kInclusive, true, delay});
    settings.push_back({ResidencyMode::kExclusive, false, delay});
  }
  return settings;
}

// Every policy in every setting.
void RunAll(const Workload& workload, uint64_t capacity) {
  for (const absl::string_view policy : SimulationPolicyNames()) {
    for (const Setting& setting : Settings()) {
      SCOPED_TRACE(testing::Message()
                   << policy << ", delay " << setting.delay << ", "
                   << (setting.mode == ResidencyMode::kInclusive ? "inclusive"
                                                                 : "exclusive")
                   << (setting.read_routing ? ", routed" : ""));
      RunChecked(workload, capacity, std::string(policy), setting);
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
  }
}

class ClosedLoop : public ::testing::TestWithParam<int> {
 protected:
  Workload Random(double read_share) {
    RandomWorkloadOptions options;
    options.sequences = 1 + static_cast<uint32_t>(random_() % 4);
    options.groups = 1 + static_cast<uint32_t>(random_() % 3);
    options.steps = 4 + static_cast<uint32_t>(random_() % 12);
    options.pages_max = 2 + static_cast<uint32_t>(random_() % 8);
    options.read_share = read_share;
    return RandomWorkload(options, random_);
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(Seeds, ClosedLoop, ::testing::Range(0, 12));

TEST_P(ClosedLoop, SchedulesAreValid) {
  SCOPED_TRACE(GetParam());
  const Workload workload = Random(0.1 + 0.1 * (GetParam() % 8));
  for (const uint64_t capacity :
       {uint64_t{0}, uint64_t{1}, workload.peak_live_blocks / 4,
        workload.peak_live_blocks / 2, workload.peak_live_blocks,
        workload.peak_live_blocks + 7}) {
    SCOPED_TRACE(testing::Message() << "capacity " << capacity);
    ASSERT_NO_FATAL_FAILURE(RunAll(workload, capacity));
  }
}

TEST_P(ClosedLoop, RunsAreRepeatable) {
  SCOPED_TRACE(GetParam());
  const Workload workload = Random(0.5);
  const uint64_t capacity = workload.peak_live_blocks / 2;
  for (const absl::string_view policy : SimulationPolicyNames()) {
    const LoopResult once =
        RunChecked(workload, capacity, std::string(policy), {});
    const LoopResult again =
        RunChecked(workload, capacity, std::string(policy), {});
    EXPECT_EQ(once.seconds.value(), again.seconds.value());
  }
}

// ---- what a plan knows ----

std::string Print(const StandingOrder& order) {
  std::ostringstream out;
  const auto list = [&out](const char* name, const std::vector<BlockId>& ids) {
    out << name;
    for (const BlockId id : ids) out << ' ' << id.value();
    out << '\n';
  };
  for (const GroupOrder& group : order.groups) {
    out << group.promote_all << int(group.new_block_tier);
    list(" promote", group.promote_if_read);
    list(" prefetch", group.prefetch);
  }
  list("evict", order.evict_queue);
  list("new_in_dram", order.new_in_dram);
  out << order.evict_at_least << order.evict_unlisted_first
      << order.may_evict_read << ' ' << order.max_routed_share;
  return out.str();
}

// The orders of a run, one per Plan call. With a delay the first is for the
// births of the first phase, the others are one per step; without, one per
// phase follows.
std::vector<std::string> Orders(const Workload& workload, uint64_t capacity,
                                const std::string& name, int delay) {
  std::vector<std::string> orders;
  const auto policy = MakeOnlinePolicy(name);
  const SpyPolicy spy(
      **policy, [&](const DeviceModel& model, const PlanRequest& request,
                    const StandingOrder& order) {
        const auto call = static_cast<int64_t>(orders.size()) - 1;
        if (call >= 0 && delay > 0) {
          EXPECT_EQ(model.step().value(), std::max<int64_t>(call - delay, -1));
          EXPECT_FALSE(request.phase_known);
        } else if (call >= 0) {
          EXPECT_EQ(model.step().value(), call / workload.groups);
          EXPECT_TRUE(request.phase_known);
        }
        orders.push_back(Print(order));
      });
  LoopOptions options;
  options.delay_steps = delay;
  const DeviceConfig device =
      DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                ResidencyMode::kInclusive, capacity, Bytes(0), false);
  EXPECT_THAT(RunClosedLoop(workload, device, spy, nullptr, options), IsOk());
  EXPECT_EQ(orders.size(),
            1 + (delay > 0 ? workload.steps : workload.phases()));
  return orders;
}

// Reads of steps after t - d cannot change the plan of step t, and those of
// step t - d can.
TEST_P(ClosedLoop, PlansKnowWhatIsOldEnough) {
  SCOPED_TRACE(GetParam());
  for (const char* policy : {"static", "reactive-layer", "reactive-page", "lru",
                             "lfu", "balanced", "shadow-price"}) {
    for (const int delay : {1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << policy << ", delay " << delay);
      const Workload workload = Random(0.4);
      const uint64_t capacity = workload.peak_live_blocks / 2;
      const auto orders = Orders(workload, capacity, policy, delay);
      for (uint32_t from = 0; from < workload.steps; ++from) {
        const Workload other = WithOtherReads(
            workload, size_t{from} * workload.groups, 0.4, random_);
        const auto others = Orders(other, capacity, policy, delay);
        const size_t same =
            std::min<size_t>(orders.size(), 1 + from + size_t(delay));
        for (size_t i = 0; i < same; ++i) {
          ASSERT_EQ(orders[i], others[i]) << "changed from step " << from;
        }
      }
    }
  }
}

TEST_P(ClosedLoop, PhaseOrdersKnowTheirPhaseAndNoLater) {
  SCOPED_TRACE(GetParam());
  for (const char* policy : {"static", "reactive-layer", "reactive-page", "lru",
                             "lfu", "balanced", "shadow-price"}) {
    SCOPED_TRACE(policy);
    const Workload workload = Random(0.4);
    const uint64_t capacity = workload.peak_live_blocks / 2;
    const auto orders = Orders(workload, capacity, policy, 0);
    for (size_t from = 0; from < workload.phases(); ++from) {
      const Workload other = WithOtherReads(workload, from, 0.4, random_);
      const auto others = Orders(other, capacity, policy, 0);
      for (size_t i = 0; i < 1 + from; ++i) {
        ASSERT_EQ(orders[i], others[i]) << "changed from phase " << from;
      }
    }
  }
}

// The tests above could pass because plans never depend on reads at all.
TEST(ClosedLoopDelay, ReadsArriveExactlyWhenTheyShould) {
  for (const int delay : {0, 1, 2, 3}) {
    size_t differ = 0, first_possible = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      std::mt19937_64 random(seed);
      RandomWorkloadOptions options;
      options.groups = 1;
      const Workload workload = RandomWorkload(options, random);
      const uint64_t capacity = workload.peak_live_blocks / 2;
      constexpr uint32_t kFrom = 3;
      const Workload other = WithOtherReads(workload, kFrom, 0.4, random);
      const auto a = Orders(workload, capacity, "lfu", delay);
      const auto b = Orders(other, capacity, "lfu", delay);
      for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i]) continue;
        ++differ;
        first_possible += i == 1 + kFrom + size_t(delay);
        break;
      }
    }
    EXPECT_GT(differ, 20u) << "delay " << delay;
    EXPECT_GT(first_possible, 10u) << "delay " << delay;
  }
}

// ---- edges ----

// Every policy's schedule stays valid, and new orders come after the steps that
// were heard of only.
TEST(ClosedLoopSampling, OrdersChangeAfterSampledStepsOnly) {
  std::mt19937_64 random(7);
  RandomWorkloadOptions shape;
  shape.steps = 20;
  const Workload workload = RandomWorkload(shape, random);
  const DeviceConfig device =
      DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                ResidencyMode::kInclusive, 9, Bytes(0), false);
  for (const char* policy : {"lru", "lfu", "shadow-price", "balanced"}) {
    SCOPED_TRACE(policy);
    RunChecked(workload, 9, policy, {ResidencyMode::kInclusive, false, 1, 3});
    std::vector<size_t> steps;
    SimulationOptions options;
    options.delay_steps = 2;
    options.sample_every = 3;
    options.on_order = [&](const OrderInForce& order) {
      EXPECT_LT(order.model.step().value(),
                static_cast<int64_t>(order.phase / workload.groups) + 1);
      steps.push_back(order.phase / workload.groups);
    };
    ASSERT_THAT(Simulate(workload, device, policy, options), IsOk());
    // The order of the start, and after steps 2, 5, 8, ... with delay 2.
    std::vector<size_t> expected = {0, 0};
    for (size_t s = 4; s < workload.steps; s += 3) expected.push_back(s);
    EXPECT_EQ(steps, expected);
  }
}

TEST(ClosedLoopEdges, NoReadsAtAll) {
  std::mt19937_64 random(1);
  const Workload some = RandomWorkload({}, random);
  const Workload none = WithOtherReads(some, 0, 0, random);
  ASSERT_TRUE(none.reads.items().empty());
  ASSERT_NO_FATAL_FAILURE(RunAll(none, 5));
  ASSERT_NO_FATAL_FAILURE(RunAll(none, 0));
}

TEST(ClosedLoopEdges, NoStepsAtAll) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  ASSERT_NO_FATAL_FAILURE(RunAll(hand.Make(), 2));
  EXPECT_EQ(RunChecked(hand.Make(), 2, "lru", {}).seconds.value(), 0);
}

TEST(ClosedLoopEdges, NoBlocksAtAll) {
  HandWorkload hand;
  hand.phases.resize(3);
  ASSERT_NO_FATAL_FAILURE(RunAll(hand.Make(), 2));
  // Only the fixed bytes: 100 at 1000 B/s in each phase.
  EXPECT_DOUBLE_EQ(RunChecked(hand.Make(), 2, "lru", {}).seconds.value(), 0.3);
}

TEST(ClosedLoopEdges, OnePhase) {
  HandWorkload hand;
  hand.initial = Ids({0, 1, 2});
  hand.phases = {{Ids({3}), Ids({0, 1, 2, 3}), {}}};
  for (uint64_t capacity = 0; capacity <= 5; ++capacity) {
    ASSERT_NO_FATAL_FAILURE(RunAll(hand.Make(), capacity));
  }
}

TEST(ClosedLoopEdges, BlocksBornAndFreedInOnePhase) {
  HandWorkload hand;
  hand.initial = Ids({0});
  hand.phases = {{Ids({1, 2}), Ids({0, 1}), Ids({1, 2})},
                 {Ids({3}), {}, Ids({3})},
                 {Ids({4}), Ids({0, 4}), Ids({0, 4})},
                 {Ids({5, 6}), Ids({5, 6}), Ids({5})}};
  for (uint64_t capacity = 0; capacity <= 4; ++capacity) {
    ASSERT_NO_FATAL_FAILURE(RunAll(hand.Make(), capacity));
  }
}

TEST(ClosedLoopEdges, RoomForEverythingMissesOnlyTheStart) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const Workload workload = RandomWorkload({}, random);
    const uint64_t capacity = workload.blocks + 100;
    for (const char* policy : {"lru", "lfu", "belady"}) {
      const LoopResult run = RunChecked(workload, capacity, policy, {});
      EXPECT_EQ(run.traffic.dram_reads, Bytes(0)) << policy;
      EXPECT_EQ(run.traffic.demoted, Bytes(0)) << policy;
    }
  }
}

TEST(ClosedLoopEdges, NoCapacityReadsEverythingFromDram) {
  std::mt19937_64 random(7);
  const Workload workload = RandomWorkload({}, random);
  for (const absl::string_view policy : SimulationPolicyNames()) {
    const LoopResult run = RunChecked(workload, 0, std::string(policy), {});
    EXPECT_EQ(run.traffic.hbm_reads, Bytes(0)) << policy;
    EXPECT_EQ(run.traffic.promoted, Bytes(0)) << policy;
    EXPECT_EQ(run.traffic.new_kv_hbm, Bytes(0)) << policy;
  }
}

TEST(ClosedLoopEdges, BrokenPoliciesStopTheRun) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  hand.phases.resize(2);
  const Workload workload = hand.Make();
  const ScriptedPolicy broken([](auto&, auto&, StandingOrder* order) {
    order->evict_queue = Ids({7});
  });
  const DeviceConfig device =
      DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                ResidencyMode::kInclusive, 2, Bytes(0), false);
  EXPECT_THAT(RunClosedLoop(workload, device, broken, nullptr, {}),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace kvplace
