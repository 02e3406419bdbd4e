// A live session in lockstep decides what `simulate --delay-steps 1` decides,
// bit for bit; and observe mode computes what simulate would.
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "server/core/policy/registry.h"
#include "server/replay/closed_loop.h"
#include "tests/service/lockstep_worker.h"
#include "tests/service/session_test_util.h"
#include "tests/testing/random_workload.h"

namespace kvplace {
namespace {

using ::testing::SizeIs;

enum class Device { kInclusive, kRouting, kExclusive };

struct Recorded {
  std::vector<PhaseOutcome> phases;
  // Per step, summed over its phases as the model sums them.
  std::vector<StepAccount> steps;
};

void Add(const PhaseOutcome& outcome, bool first_of_step, Recorded* out) {
  out->phases.push_back(outcome);
  if (first_of_step) out->steps.emplace_back();
  out->steps.back().traffic += outcome.traffic;
  out->steps.back().seconds += outcome.seconds;
}

void ExpectSame(const PhaseTraffic& a, const PhaseTraffic& b) {
  EXPECT_EQ(a.hbm_reads, b.hbm_reads);
  EXPECT_EQ(a.dram_reads, b.dram_reads);
  EXPECT_EQ(a.promoted, b.promoted);
  EXPECT_EQ(a.prefetched, b.prefetched);
  EXPECT_EQ(a.demoted, b.demoted);
  EXPECT_EQ(a.new_kv_hbm, b.new_kv_hbm);
  EXPECT_EQ(a.new_kv_dram, b.new_kv_dram);
}

void ExpectSame(const PhaseOutcome& a, const PhaseOutcome& b) {
  EXPECT_EQ(a.read_hbm, b.read_hbm);
  EXPECT_EQ(a.read_dram, b.read_dram);
  EXPECT_EQ(a.promoted, b.promoted);
  EXPECT_EQ(a.prefetched, b.prefetched);
  EXPECT_EQ(a.evicted, b.evicted);
  EXPECT_EQ(a.new_hbm, b.new_hbm);
  EXPECT_EQ(a.new_dram, b.new_dram);
  EXPECT_EQ(a.routed_reads, b.routed_reads);
  ExpectSame(a.traffic, b.traffic);
  EXPECT_EQ(a.seconds, b.seconds);  // every bit
}

class ParityTest
    : public SessionTest,
      public ::testing::WithParamInterface<std::tuple<std::string, Device>> {
 protected:
  std::string policy() const { return std::get<0>(GetParam()); }
  Device kind() const { return std::get<1>(GetParam()); }

  DeviceConfig Config(const Workload& workload, uint32_t seed) const {
    const uint64_t capacity = 8 + seed * 5 % 40;
    MachineProfile profile = *FindProfile("paper-gh200");
    return DeviceFor(workload, profile,
                     kind() == Device::kExclusive ? ResidencyMode::kExclusive
                                                  : ResidencyMode::kInclusive,
                     capacity, Bytes(seed % 3 * 500),
                     kind() == Device::kRouting);
  }

  Recorded Simulate(const Workload& workload, const DeviceConfig& config) {
    auto made = MakeOnlinePolicy(policy());
    EXPECT_THAT(made, IsOk());
    Recorded out;
    LoopOptions options;
    options.delay_steps = 1;
    options.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
      Add(outcome, phase % workload.groups == 0, &out);
    };
    EXPECT_THAT(RunClosedLoop(workload, config, **made, nullptr, options),
                IsOk());
    return out;
  }

  void Serve(Mode mode) {
    options_.defaults.policy = policy();
    options_.defaults.mode = mode;
    Restart();
  }
};

TEST_P(ParityTest, LiveEqualsSimulated) {
  int whole_reads = 0;
  uint64_t moves = 0;
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RandomWorkloadOptions shape;
    shape.read_share = seed % 4 == 0 ? 1.0 : 0.5;
    shape.groups = 1 + seed % 3;
    shape.free_share = 0;  // the worker here frees whole sequences
    std::mt19937_64 random(seed);
    const Workload workload = RandomWorkload(shape, random);
    const DeviceConfig config = Config(workload, seed);
    const Recorded expected = Simulate(workload, config);

    ForgetMetrics();
    Serve(Mode::kAct);
    auto stream = Connect();
    LockstepWorker worker(workload, config, stream.get(), true);
    ASSERT_NO_FATAL_FAILURE(worker.Start());
    Recorded live;
    for (uint32_t step = 0; step < workload.steps; ++step) {
      std::vector<PhaseOutcome> outcomes;
      ASSERT_NO_FATAL_FAILURE(worker.RunStep(step, &outcomes));
      for (const PhaseOutcome& outcome : outcomes) {
        Add(outcome, &outcome == outcomes.data(), &live);
        moves += outcome.promoted.size() + outcome.evicted.size();
      }
    }
    ASSERT_EQ(live.phases.size(), expected.phases.size());
    for (size_t p = 0; p < live.phases.size(); ++p) {
      SCOPED_TRACE(absl::StrCat("phase ", p));
      ExpectSame(live.phases[p], expected.phases[p]);
      if (HasFailure()) return;
    }
    // And the server's own account of what the worker did.
    const auto seen = device();
    ASSERT_THAT(seen.steps, SizeIs(workload.steps));
    for (uint32_t step = 0; step < workload.steps; ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      ExpectSame(seen.steps[step].traffic, expected.steps[step].traffic);
      EXPECT_EQ(seen.steps[step].seconds, expected.steps[step].seconds);
      if (HasFailure()) return;
    }
    EXPECT_TRUE(seen.ledger_always_fits);
    whole_reads += worker.whole_reads();
  }
  EXPECT_GT(whole_reads, 0);
  EXPECT_EQ(moves > 0, policy() != "static");
}

TEST_P(ParityTest, ObserveModeComputesTheSimulation) {
  for (uint32_t seed = 21; seed <= 24; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    RandomWorkloadOptions shape;
    shape.free_share = 0;
    const Workload workload = RandomWorkload(shape, random);
    const DeviceConfig config = Config(workload, seed);
    const Recorded expected = Simulate(workload, config);

    ForgetMetrics();
    Serve(Mode::kObserve);
    auto stream = Connect();
    LockstepWorker worker(workload, config, stream.get(), false);
    ASSERT_NO_FATAL_FAILURE(worker.Start());
    std::vector<PhaseOutcome> outcomes;
    for (uint32_t step = 0; step < workload.steps; ++step) {
      ASSERT_NO_FATAL_FAILURE(worker.RunStep(step, &outcomes));
    }
    const auto out = stream->Take();
    EXPECT_THAT(out, SizeIs(1));  // Welcome; no plan ever
    const auto seen = device();
    // The last step is finished by the one that never comes.
    ASSERT_THAT(seen.observed, SizeIs(workload.steps - 1));
    double total = 0;
    for (size_t step = 0; step < seen.observed.size(); ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      ExpectSame(seen.observed[step].traffic, expected.steps[step].traffic);
      EXPECT_EQ(seen.observed[step].seconds, expected.steps[step].seconds);
      if (HasFailure()) return;
      total += seen.observed[step].seconds.value();
    }
    EXPECT_EQ(status().observed_plan_seconds(), total);
  }
}

std::string ParamName(
    const ::testing::TestParamInfo<std::tuple<std::string, Device>>& info) {
  std::string name = std::get<0>(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  switch (std::get<1>(info.param)) {
    case Device::kInclusive:
      return name + "_inclusive";
    case Device::kRouting:
      return name + "_routing";
    case Device::kExclusive:
      return name + "_exclusive";
  }
  return name;
}

std::vector<std::string> Policies() {
  const auto names = OnlinePolicyNames();
  return std::vector<std::string>(names.begin(), names.end());
}

INSTANTIATE_TEST_SUITE_P(
    OnlinePolicies, ParityTest,
    ::testing::Combine(::testing::ValuesIn(Policies()),
                       ::testing::Values(Device::kInclusive, Device::kRouting,
                                         Device::kExclusive)),
    ParamName);

}  // namespace
}  // namespace kvplace
