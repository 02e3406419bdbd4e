#include "server/replay/simulation.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/core/policy/belady_policy.h"
#include "server/core/policy/registry.h"

namespace kvplace {
namespace {

constexpr absl::string_view kBelady = "belady";

// Nearest-rank percentile, in microseconds; 0 of nothing.
double Microseconds(std::vector<double> seconds, double share) {
  if (seconds.empty()) return 0;
  const auto rank = static_cast<ptrdiff_t>(
      share * static_cast<double>(seconds.size() - 1) + 0.5);
  std::nth_element(seconds.begin(), seconds.begin() + rank, seconds.end());
  return seconds[static_cast<size_t>(rank)] * 1e6;
}

}  // namespace

std::vector<absl::string_view> SimulationPolicyNames() {
  std::vector<absl::string_view> names = OnlinePolicyNames();
  names.push_back(kBelady);
  return names;
}

absl::StatusOr<SimulationResult> Simulate(const Workload& workload,
                                          const DeviceConfig& device,
                                          absl::string_view policy_name,
                                          const SimulationOptions& options) {
  std::optional<RecordedFuture> future;
  std::unique_ptr<const Policy> policy;
  if (policy_name == kBelady) {
    future.emplace(workload);
    policy = std::make_unique<BeladyPolicy>(&*future);
  } else {
    auto made = MakeOnlinePolicy(policy_name);
    if (!made.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("policy is \"", policy_name, "\", expected one of ",
                       absl::StrJoin(SimulationPolicyNames(), ", ")));
    }
    policy = *std::move(made);
  }
  const PolicyTraits& traits = policy->traits();
  LoopOptions loop;
  loop.delay_steps = options.delay_steps.value_or(traits.default_delay_steps);
  loop.now = options.now;
  loop.on_start = options.on_start;
  loop.on_phase = options.on_phase;
  auto run = RunClosedLoop(workload, device, *policy,
                           future ? &*future : nullptr, loop);
  if (!run.ok()) return run.status();
  SimulationResult result;
  result.policy = std::string(policy_name);
  result.delay_steps = loop.delay_steps;
  result.clairvoyant = traits.clairvoyant;
  result.run = *std::move(run);
  result.decide_microseconds_p50 =
      Microseconds(result.run.decide_seconds, 0.50);
  result.decide_microseconds_p99 =
      Microseconds(result.run.decide_seconds, 0.99);
  return result;
}

}  // namespace kvplace
