#include "server/replay/simulation.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/core/policy/belady_policy.h"
#include "server/core/policy/lookahead_policy.h"
#include "server/core/policy/registry.h"
#include "server/core/policy/slack_policy.h"

namespace kvplace {
namespace {

constexpr absl::string_view kAnnealed = "annealed-oracle";

// Nearest-rank percentile, in microseconds; 0 of nothing.
double Microseconds(std::vector<double> seconds, double share) {
  if (seconds.empty()) return 0;
  const auto rank = static_cast<ptrdiff_t>(
      share * static_cast<double>(seconds.size() - 1) + 0.5);
  std::nth_element(seconds.begin(), seconds.begin() + rank, seconds.end());
  return seconds[static_cast<size_t>(rank)] * 1e6;
}

LookaheadPolicy AnnealedPolicy(const RecordedFuture& future,
                               const LookaheadPoint& point) {
  return LookaheadPolicy(&future, {kAnnealed, point.window_steps, point.share});
}

// The point where a whole run takes the least time.
absl::StatusOr<LookaheadPoint> FindPoint(const Workload& workload,
                                         const DeviceConfig& device,
                                         AnnealingOptions options,
                                         RecordedFuture* future) {
  options.most_window_steps = std::max(workload.steps, 1u);
  return Anneal(
      options, [&](const LookaheadPoint& point) -> absl::StatusOr<double> {
        const LookaheadPolicy policy = AnnealedPolicy(*future, point);
        const auto run = RunClosedLoop(workload, device, policy, future, {});
        if (!run.ok()) return run.status();
        return run->seconds.value() * 1e9;
      });
}

// null: not the name of a clairvoyant policy.
std::unique_ptr<const Policy> MakeClairvoyant(absl::string_view name,
                                              const RecordedFuture& future,
                                              const LookaheadPoint& point) {
  if (name == "belady") return std::make_unique<BeladyPolicy>(&future);
  if (name == "slack-oracle") return std::make_unique<SlackPolicy>(&future);
  if (name == "lookahead-1") {
    return std::make_unique<LookaheadPolicy>(&future, LookaheadOptions());
  }
  if (name == kAnnealed) {
    return std::make_unique<LookaheadPolicy>(AnnealedPolicy(future, point));
  }
  return nullptr;
}

}  // namespace

std::vector<absl::string_view> SimulationPolicyNames() { return PolicyNames(); }

absl::StatusOr<SimulationResult> Simulate(const Workload& workload,
                                          const DeviceConfig& device,
                                          absl::string_view policy_name,
                                          const SimulationOptions& options) {
  SimulationResult result;
  std::optional<RecordedFuture> future;
  std::unique_ptr<const Policy> policy;
  if (auto made = MakeOnlinePolicy(policy_name, options.parameters);
      made.ok()) {
    policy = *std::move(made);
  } else if (absl::IsFailedPrecondition(made.status())) {
    future.emplace(workload);
    LookaheadPoint point;
    if (policy_name == kAnnealed) {
      auto found = FindPoint(workload, device, options.annealing, &*future);
      if (!found.ok()) return found.status();
      point = *found;
      result.annealed = {point, options.annealing.iterations};
    }
    policy = MakeClairvoyant(policy_name, *future, point);
  }
  if (policy == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("policy is \"", policy_name, "\", expected one of ",
                     absl::StrJoin(SimulationPolicyNames(), ", ")));
  }
  const PolicyTraits& traits = policy->traits();
  LoopOptions loop;
  loop.delay_steps = options.delay_steps.value_or(traits.default_delay_steps);
  loop.sample_every = options.sample_every;
  loop.empty_start = options.empty_start;
  loop.now = options.now;
  loop.on_start = options.on_start;
  loop.on_order = options.on_order;
  loop.on_phase = options.on_phase;
  auto run = RunClosedLoop(workload, device, *policy,
                           future ? &*future : nullptr, loop);
  if (!run.ok()) return run.status();
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
