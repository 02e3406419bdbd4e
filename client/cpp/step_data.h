// What a serving engine tells the client after each decode step, in the core's
// types. The meaning of every field is that of session.proto.
//
// Thread-safety: plain values.
#ifndef KVPLACE_CLIENT_CPP_STEP_DATA_H_
#define KVPLACE_CLIENT_CPP_STEP_DATA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/core/block_table.h"
#include "server/core/ids.h"
#include "server/core/metrics_sink.h"
#include "server/core/units.h"

namespace kvplace::client {

// What the phase of one layer group read.
struct PhaseReads {
  GroupId group;
  // Dense attention: every live block that these sequences have in the group;
  // `blocks` and `masses` are empty then.
  std::vector<SequenceId> all_of;
  // Otherwise the blocks, ascending, each once.
  std::vector<BlockId> blocks;
  // Scored but not read, ascending.
  std::vector<BlockId> near_misses;
  // Attention masses, if the engine has them: one byte per block read, then one
  // per near miss; or empty.
  std::vector<uint8_t> masses;
};

// New tokens or the end of a sequence.
struct SequenceStep {
  SequenceId sequence;
  // Tokens whose KV was written in this step, in each group.
  uint32_t new_tokens = 0;
  // All blocks it still has end with this step.
  bool ended = false;
};

// One decode step.
struct StepData {
  // Rises from step to step.
  StepIndex step;
  // Blocks that began, each with the tier it began in.
  std::vector<BlockRange> allocated;
  // Blocks that ended, after their reads.
  std::vector<HandleRange> freed;
  std::vector<SequenceStep> sequences;
  // A group at most once, in rising order of group.
  std::vector<PhaseReads> reads;
  std::optional<StepMeasurement> measured;
};

// Why moves failed; the words of session.proto.
enum class MoveFailure : uint8_t { kNone, kNoRoom, kWrongTier, kTransfer };

// Moves that took effect at the end of one phase, in order of execution.
struct PhaseMoves {
  GroupId group;
  std::vector<BlockId> promoted;
  std::vector<BlockId> prefetched;
  std::vector<BlockId> evicted;
  // Attempted; the blocks are where they were.
  std::vector<BlockId> failed;
  MoveFailure failure = MoveFailure::kNone;
  // Reads of resident blocks that were served from their DRAM copies.
  uint32_t routed_reads = 0;
};

// Names a plan: ids are unique within a session, epochs among sessions. Zeros:
// no plan, the local policy.
struct PlanRef {
  uint64_t epoch = 0;
  PlanId id{0};

  friend bool operator==(PlanRef, PlanRef) = default;
};

// What was moved in one step, and by whose order (Order::plan).
struct MoveReport {
  StepIndex step;
  PlanRef plan;
  // In rising order of group.
  std::vector<PhaseMoves> phases;
  // Over the whole step; 0 when not measured.
  Bytes moved_bytes;
  uint64_t moved_ns = 0;
  // `plan` was received too late to be executed. The client sets it.
  bool expired = false;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_STEP_DATA_H_
