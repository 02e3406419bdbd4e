// One policy on one workload, decisions and device together: what `kvplacectl
// simulate` runs, and what kvplaced in observe mode runs beside a session.
//
// With a decision delay d >= 1 the planner sees a step's events d steps late,
// exactly as a server does that answers Step t with the order for step t + d.
// With d = 0 it is asked in every phase, after the phase's reads.
//
// Thread-safety: one thread at a time; no clock of its own.
#ifndef KVPLACE_SERVER_REPLAY_CLOSED_LOOP_H_
#define KVPLACE_SERVER_REPLAY_CLOSED_LOOP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/cost_model.h"
#include "server/core/device_model.h"
#include "server/core/planner.h"
#include "server/core/policy/policy.h"
#include "server/core/topology.h"
#include "server/replay/emulated_device.h"
#include "server/replay/recorded_future.h"
#include "server/replay/workload.h"

namespace kvplace {

// The device that serves `workload`, by the block ids of the workload.
DeviceConfig DeviceFor(const Workload& workload, const MachineProfile& profile,
                       ResidencyMode mode, uint64_t capacity_blocks,
                       Bytes fixed_bytes_per_phase, bool read_routing);

// What phase `phase` of the workload brings to a device.
PhaseInput InputOf(const Workload& workload, size_t phase);

// The inventory of the start, in ascending order of id; `hbm` ascending.
std::vector<BlockRange> InventoryOf(const Workload& workload,
                                    const std::vector<BlockId>& hbm);

// What an update points to.
struct UpdateScratch {
  std::vector<BlockRange> births;
  std::vector<BlockId> near_misses;
  std::vector<uint8_t> near_miss_masses;
};

// A phase's outcome as the model wants to hear of it.
PhaseUpdate UpdateOf(const Workload& workload, size_t phase,
                     const PhaseOutcome& outcome, UpdateScratch* scratch);

// Sum over all phases of the roofline bound.
Seconds RooflineSeconds(const Workload& workload, const DeviceConfig& device);
// The same for each step on its own.
std::vector<Seconds> RooflineStepSeconds(const Workload& workload,
                                         const DeviceConfig& device);

// An order that has just come into force, and the picture it was made of.
struct OrderInForce {
  // First phase whose end it governs; the births of the run's first phase are
  // placed by an order of their own, for phase 0, before the one that follows.
  size_t phase;
  // It was made for this phase alone, whose reads the model has heard of.
  bool phase_known;
  const DeviceModel& model;
  // Stays as it is until the next one.
  const StandingOrder& order;
};

struct LoopOptions {
  int delay_steps = 1;
  // With a delay: the planner sees the reads of one step in so many (>= 1), the
  // last of them, and plans anew after these only.
  uint32_t sample_every = 1;
  // Nothing is in HBM before the first phase. Policies that know the future
  // start as they like all the same.
  bool empty_start = false;
  // Monotonic seconds, to time decisions; may be empty.
  std::function<double()> now;
  // Called after the start was chosen, for each order, and after each phase;
  // may be empty.
  std::function<void(const std::vector<BlockId>& initial_hbm)> on_start;
  std::function<void(const OrderInForce& order)> on_order;
  std::function<void(size_t phase, const PhaseOutcome& outcome)> on_phase;
};

struct LoopResult {
  PhaseTraffic traffic;
  Seconds seconds;
  // What `seconds` is made of.
  TimeBreakdown breakdown;
  // One entry per step.
  std::vector<Seconds> step_seconds;
  // Seconds spent deciding, one entry per step; empty without `now`.
  std::vector<double> decide_seconds;
};

// `future` is needed by clairvoyant policies only (then the one they hold), and
// is rewound. INTERNAL: the policy broke the rules of plans.
absl::StatusOr<LoopResult> RunClosedLoop(const Workload& workload,
                                         const DeviceConfig& device,
                                         const Policy& policy,
                                         RecordedFuture* future,
                                         const LoopOptions& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_CLOSED_LOOP_H_
