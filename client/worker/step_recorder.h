// What an emulated device did in a step, as the client wants to hear of it.
//
// Handles are the workload's block ids. Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_WORKER_STEP_RECORDER_H_
#define KVPLACE_CLIENT_WORKER_STEP_RECORDER_H_

#include <cstdint>
#include <vector>

#include "client/cpp/order.h"
#include "client/cpp/step_data.h"
#include "server/replay/emulated_device.h"
#include "server/replay/workload.h"

namespace kvplace::client {

class StepRecorder {
 public:
  // `workload` must outlive it. Sequences are told as their number in the
  // workload plus `first_sequence`.
  StepRecorder(const Workload& workload, uint64_t first_sequence);

  // A step begins; `step` is its number on the wire.
  void Begin(StepIndex step, const PlanRef& plan);
  // Phase `phase` of the workload is over. REQUIRES: in order.
  void Add(size_t phase, const PhaseOutcome& outcome);
  // The step is over: its report and its data, to be moved from.
  MoveReport& moves() { return moves_; }
  StepData& Finish();

 private:
  void AddBirths(const std::vector<BlockId>& blocks, GroupId group, Tier tier);
  void AddReads(size_t phase, GroupId group);
  void AddTokens(size_t phase);

  const Workload& workload_;
  const uint64_t first_sequence_;
  StepData step_;
  MoveReport moves_;
  // By sequence: tokens of the phase at hand, most tokens of any phase.
  std::vector<uint32_t> phase_tokens_;
  std::vector<uint32_t> tokens_;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_WORKER_STEP_RECORDER_H_
