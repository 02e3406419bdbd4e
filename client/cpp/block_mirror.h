// The client's own picture of its device: which blocks are alive and in which
// tier, from what the engine itself reported.
//
// It is what an Inventory is made of after a reconnect or a Resync, and what
// the local policy plans on when the server does not. It is the DeviceModel
// that the server has, fed with the same events, and the local orders come from
// the same Planner: one planner everywhere.
//
// Cost of Apply: O(births + reads + moves + frees), 10 to 35 ns each; without
// `track_reads` the reads cost nothing, and local orders know no recency.
//
// Thread-safety: one thread at a time. Memory: at most 60 bytes per handle.
#ifndef KVPLACE_CLIENT_CPP_BLOCK_MIRROR_H_
#define KVPLACE_CLIENT_CPP_BLOCK_MIRROR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cpp/step_data.h"
#include "server/core/device_model.h"
#include "server/core/plan.h"
#include "server/core/planner.h"
#include "server/core/policy/lru_policy.h"
#include "server/core/topology.h"

namespace kvplace::client {

class BlockMirror {
 public:
  // REQUIRES: Validate(device) is OK.
  BlockMirror(DeviceConfig device, bool track_reads);

  // Forgets everything; `live` is what there is, `next_step` comes next.
  absl::Status Replace(absl::Span<const BlockRange> live, StepIndex next_step);

  // One step and what was moved in it (null: nothing). `freed`, if not null,
  // gets the blocks that ended, ended sequences' included. An error means that
  // the engine's words contradict each other (a block that is not alive is
  // read, one in DRAM evicted, ...) and is named; the mirror is then broken and
  // refuses everything but Replace.
  absl::Status Apply(const StepData& step, const MoveReport* moves,
                     std::vector<BlockId>* freed);

  // Runs of consecutive pages under consecutive handles in one tier. O(live).
  std::vector<BlockRange> Inventory() const;
  // The order that the local policy (lru) gives for the coming step.
  absl::Status LocalOrder(Plan* plan);

  StepIndex next_step() const { return StepIndex(model_.step().value() + 1); }
  bool broken() const { return broken_; }
  const DeviceModel& model() const { return model_; }

 private:
  absl::Status ApplyPhases(const StepData& step, const MoveReport* moves);
  absl::Status SplitByGroup(const StepData& step, const MoveReport* moves);
  absl::Status CollectFrees(const StepData& step);
  absl::Status ApplyPhase(uint32_t group, StepAccount* account);
  void AddEnded(const StepData& step, GroupId group);
  void AppendLive(SequenceId sequence, GroupId group,
                  std::vector<BlockId>* blocks) const;

  const bool track_reads_;
  const LruPolicy policy_;
  DeviceModel model_;
  Planner planner_;
  bool broken_ = false;

  // Of the step being applied, by group; memory is kept.
  std::vector<std::vector<BlockRange>> births_;
  std::vector<std::vector<BlockId>> frees_;
  std::vector<const PhaseReads*> reads_;
  std::vector<const PhaseMoves*> moves_;
  std::vector<BlockId> all_;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_BLOCK_MIRROR_H_
