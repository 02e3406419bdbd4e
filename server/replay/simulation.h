// Several policies on one workload, under the same machine and capacity.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_REPLAY_SIMULATION_H_
#define KVPLACE_SERVER_REPLAY_SIMULATION_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/core/policy/registry.h"
#include "server/core/topology.h"
#include "server/replay/annealing.h"
#include "server/replay/closed_loop.h"
#include "server/replay/workload.h"

namespace kvplace {

// Every policy a simulation can run, online and clairvoyant, in the order in
// which `all` runs them.
std::vector<absl::string_view> SimulationPolicyNames();

struct SimulationResult {
  std::string policy;
  int delay_steps = 0;
  bool clairvoyant = false;
  LoopResult run;
  // What annealed-oracle found, and in how many iterations; for no other.
  struct Annealed {
    LookaheadPoint point;
    int iterations = 0;
  };
  std::optional<Annealed> annealed;
  // Medians over steps of the time spent deciding; 0 without a clock.
  double decide_microseconds_p50 = 0;
  double decide_microseconds_p99 = 0;
};

struct SimulationOptions {
  // Unset: each policy's own.
  std::optional<int> delay_steps;
  // See LoopOptions.
  uint32_t sample_every = 1;
  bool empty_start = false;
  // Of an online policy.
  PolicyParameters parameters;
  // For annealed-oracle; the longest window is the workload's.
  AnnealingOptions annealing;
  std::function<double()> now;
  std::function<void(const std::vector<BlockId>& initial_hbm)> on_start;
  std::function<void(const OrderInForce& order)> on_order;
  std::function<void(size_t phase, const PhaseOutcome& outcome)> on_phase;
};

// INVALID_ARGUMENT: an unknown policy, with the known ones; a parameter that
// the policy has not, or out of range.
absl::StatusOr<SimulationResult> Simulate(const Workload& workload,
                                          const DeviceConfig& device,
                                          absl::string_view policy,
                                          const SimulationOptions& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_SIMULATION_H_
