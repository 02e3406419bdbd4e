#include "server/replay/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "server/core/policy/lookahead_policy.h"
#include "server/core/policy/registry.h"
#include "tests/replay/hand_workload.h"
#include "tests/testing/random_workload.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class SimulationTest : public ::testing::Test {
 protected:
  SimulationTest() {
    std::mt19937_64 random(3);
    workload_ = RandomWorkload({}, random);
    device_ = Device(false);
  }
  DeviceConfig Device(bool read_routing) const {
    return DeviceFor(workload_, SmallDevice(1, 1, 1).profile,
                     ResidencyMode::kInclusive, workload_.peak_live_blocks / 2,
                     Bytes(0), read_routing);
  }

  Workload workload_;
  DeviceConfig device_;
};

TEST_F(SimulationTest, RunsEveryPolicyItNames) {
  EXPECT_THAT(SimulationPolicyNames(), Contains(absl::string_view("belady")));
  for (const absl::string_view name : SimulationPolicyNames()) {
    SCOPED_TRACE(name);
    const auto result = Simulate(workload_, device_, name, {});
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->policy, name);
    const auto online = OnlinePolicyNames();
    EXPECT_EQ(result->clairvoyant,
              std::find(online.begin(), online.end(), name) == online.end());
    EXPECT_EQ(result->delay_steps,
              name == "lfu" || name == "balanced" || name == "shadow-price");
    EXPECT_EQ(result->run.step_seconds.size(), workload_.steps);
    EXPECT_TRUE(result->run.decide_seconds.empty()) << "there is no clock";
    EXPECT_EQ(result->decide_microseconds_p99, 0);
  }
}

TEST_F(SimulationTest, AnnealedOracleRunsTheBestThatItFound) {
  SimulationOptions options;
  std::vector<int> evaluated;
  options.annealing.on_evaluated = [&](int n, int of) {
    EXPECT_EQ(of, 41);
    evaluated.push_back(n);
  };
  size_t phases = 0;
  options.on_phase = [&](size_t, const PhaseOutcome&) { ++phases; };
  const auto result = Simulate(workload_, device_, "annealed-oracle", options);
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->annealed.has_value());
  EXPECT_EQ(result->annealed->iterations, 40);
  EXPECT_EQ(evaluated.size(), 41u);
  EXPECT_EQ(phases, workload_.phases()) << "of the last run alone";
  // It is the run of the point, and no worse than the start.
  RecordedFuture future(workload_);
  const auto time = [&](uint32_t window, double share) {
    const LookaheadPolicy policy(&future, {"", window, share});
    const auto run = RunClosedLoop(workload_, device_, policy, &future, {});
    EXPECT_THAT(run, IsOk());
    return run->seconds.value();
  };
  const LookaheadPoint point = result->annealed->point;
  EXPECT_LE(point.window_steps, workload_.steps);
  EXPECT_EQ(time(point.window_steps, point.share), result->run.seconds.value());
  EXPECT_LE(result->run.seconds.value(), time(5, 0.5));
}

TEST_F(SimulationTest, TheSeedIsThatOfTheAnnealing) {
  const auto share = [this](uint64_t seed) {
    SimulationOptions options;
    options.annealing.seed = seed;
    options.annealing.iterations = 3;
    const auto r = Simulate(workload_, device_, "annealed-oracle", options);
    EXPECT_THAT(r, IsOk());
    return std::pair(r->annealed->point.window_steps, r->annealed->point.share);
  };
  EXPECT_EQ(share(1), share(1));
  std::set<std::pair<uint32_t, double>> found;
  for (uint64_t seed = 1; seed <= 8; ++seed) found.insert(share(seed));
  EXPECT_GT(found.size(), 1u);
}

TEST_F(SimulationTest, OnlyAnnealedOracleSaysWhatItFound) {
  for (const absl::string_view name : SimulationPolicyNames()) {
    SimulationOptions options;
    options.annealing.iterations = 0;
    EXPECT_EQ(Simulate(workload_, device_, name, options)->annealed.has_value(),
              name == "annealed-oracle");
  }
}

TEST_F(SimulationTest, ExplicitDelayHoldsForAll) {
  SimulationOptions options;
  options.delay_steps = 4;
  for (const absl::string_view name : SimulationPolicyNames()) {
    EXPECT_EQ(Simulate(workload_, device_, name, options)->delay_steps, 4);
  }
}

TEST_F(SimulationTest, UnknownPoliciesAreToldTheKnownOnes) {
  EXPECT_THAT(Simulate(workload_, device_, "mru", {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"mru\""), HasSubstr("lru"),
                             HasSubstr("belady"))));
}

// A clock that advances by 2 seconds at each look: every decision takes that,
// and so does what a step's end has to do with it.
TEST_F(SimulationTest, TimesDecisionsByStep) {
  double now = 0;
  SimulationOptions options;
  options.now = [&now] { return now += 2; };
  for (const auto& [delay, decisions] :
       {std::pair(1, 2u), std::pair(0, workload_.groups + 1)}) {
    options.delay_steps = delay;
    const auto result = Simulate(workload_, device_, "lru", options);
    ASSERT_THAT(result, IsOk());
    ASSERT_EQ(result->run.decide_seconds.size(), workload_.steps);
    for (size_t step = 0; step < workload_.steps; ++step) {
      // With a delay nothing has ended before the first plan.
      const unsigned ended = delay > 0 && step == 0 ? 1 : 0;
      EXPECT_DOUBLE_EQ(result->run.decide_seconds[step],
                       2.0 * (decisions - ended));
    }
    EXPECT_DOUBLE_EQ(result->decide_microseconds_p50, 2e6 * decisions);
    EXPECT_DOUBLE_EQ(result->decide_microseconds_p99, 2e6 * decisions);
  }
}

TEST_F(SimulationTest, RooflineByHand) {
  HandWorkload hand;
  hand.initial = IdRange(0, 4);
  hand.phases = {{{}, IdRange(0, 4), {}}, {Ids({4}), {}, {}}};
  const Workload workload = hand.Make();
  DeviceConfig device =
      DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                ResidencyMode::kInclusive, 4, Bytes(50), false);
  // (50 + h) / 1000 = (256 - h) / 100 at h = 228.2; then 16 new bytes, written
  // through 100 B/s.
  EXPECT_NEAR(RooflineSeconds(workload, device).value(), 306 / 1100.0 + 0.16,
              1e-12);
  const std::vector<Seconds> steps = RooflineStepSeconds(workload, device);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_NEAR(steps[0].value(), 306 / 1100.0, 1e-12);
  EXPECT_NEAR(steps[1].value(), 0.16, 1e-12);
  // With room for two blocks: 128 bytes through 100 B/s.
  device.hbm_capacity = kSmallBlock * 2;
  EXPECT_NEAR(RooflineSeconds(workload, device).value(), 1.28 + 0.16, 1e-12);
}

// balanced is judged by the bytes that HBM served, routed reads left out, at
// delay 0 as at any other.
TEST_F(SimulationTest, BalancedCountsRoutedReadsAsDramReadsAtAnyDelay) {
  HandWorkload hand;
  hand.pages_max = 40;
  hand.initial = IdRange(0, 40);
  // 0 and 9..39 are in HBM. Step 0: 22 hits, 1408 bytes, of which two blocks
  // are routed: 20 / 22 = alpha*, not above it. Step 1: block 1 is a miss.
  hand.phases.resize(2);
  std::vector<BlockId> hits = IdRange(10, 21);
  hits.insert(hits.begin(), BlockId(0));
  hand.phases[0].reads = hits;
  hand.phases[1].reads = Ids({1});
  const Workload workload = hand.Make();
  for (const bool routing : {false, true}) {
    const DeviceConfig device =
        DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                  ResidencyMode::kInclusive, 33, Bytes(0), routing);
    for (const int delay : {0, 1}) {
      SCOPED_TRACE(testing::Message() << "delay " << delay);
      SimulationOptions options;
      options.delay_steps = delay;
      const auto result = Simulate(workload, device, "balanced", options);
      ASSERT_THAT(result, IsOk());
      EXPECT_EQ(result->run.traffic.promoted, kSmallBlock * (routing ? 1 : 0));
    }
  }
}

}  // namespace
}  // namespace kvplace
