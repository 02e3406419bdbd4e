// Observe mode: a device that executes the plans which the session does not
// send, on what the worker's steps read, beside the worker's own run.
//
// It starts from the worker's placement and from then on goes its own way: the
// same planner and the same emulated device as `kvplacectl simulate`, with a
// decision delay of one step. It runs one phase behind, because what begins in
// the next step is known only when that comes.
//
// Thread-safety: one thread at a time. Memory: a second DeviceModel and 9 bytes
// per handle.
#ifndef KVPLACE_SERVER_SERVICE_COUNTERFACTUAL_H_
#define KVPLACE_SERVER_SERVICE_COUNTERFACTUAL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/planner.h"
#include "server/core/policy/policy.h"
#include "server/replay/emulated_device.h"

namespace kvplace {

class Counterfactual {
 public:
  // The emulated device takes groups with blocks of one size only.
  static bool Supports(const DeviceConfig& device);

  // Starts where `live` is, after its inventory or between two steps. REQUIRES:
  // Supports(live.config()); `policy` outlives this object or its replacement.
  Counterfactual(const DeviceModel& live, const Policy* policy);
  Counterfactual(const Counterfactual&) = delete;
  Counterfactual& operator=(const Counterfactual&) = delete;

  void SetPolicy(const Policy* policy);

  // A step of the worker begins; `births` are those of its first group. This
  // finishes the step before: *finished is what it would have cost, nothing at
  // the first. An error (none is known) means that this object is of no more
  // use.
  absl::Status BeginStep(StepIndex step, absl::Span<const BlockRange> births,
                         std::optional<StepAccount>* finished);
  // Its phases in order: what the worker's phase began, read, wrote and ended
  // (tiers and moves are ignored), and what begins in the next one of the step.
  absl::Status Phase(const PhaseUpdate& phase,
                     absl::Span<const BlockRange> births,
                     absl::Span<const BlockRange> next_births);

 private:
  // A phase, kept until it is known what comes after it.
  struct Input {
    GroupId group;
    // Single blocks, by handle.
    std::vector<BlockRange> births;
    std::vector<BlockId> birth_ids;
    std::vector<BlockId> reads;
    std::vector<KvWrite> kv_writes;
    std::vector<BlockId> freed;
  };

  void Keep(const PhaseUpdate& phase, absl::Span<const BlockRange> births);
  // Ends the phase that is kept and tells the model.
  absl::Status EndPhase(absl::Span<const BlockRange> next_births);
  PhaseInput AsInput(absl::Span<const BlockRange> next_births);
  void ListBirths(const std::vector<BlockId>& ids, Tier tier);
  absl::Status Replan();

  DeviceModel model_;
  EmulatedDevice device_;
  const Policy* policy_;
  Planner planner_;
  Plan plan_;
  // The last phase that was told, still open on the device.
  Input input_;
  bool open_ = false;
  bool started_ = false;
  std::optional<StepIndex> step_;
  StepAccount account_;
  PhaseOutcome outcome_;
  std::vector<BlockRange> births_;
  std::vector<BlockId> next_birth_ids_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_COUNTERFACTUAL_H_
