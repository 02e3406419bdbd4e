// A worker's Step and the MoveReport before it, as the PhaseUpdates that
// DeviceModel wants to hear.
//
//   assembler.HoldReport(report);                       // if there is one
//   assembler.Begin(step, model.blocks());
//   model.BeginStep(assembler.step());
//   for each group g, in order:
//     model.BeginPhase(births {assembler.Births(g)});   // births alone
//     assembler.Phase(g, model.blocks(), detail, &update);  // the rest
//     model.ApplyPhase(update, ...);
//   assembler.End(model.blocks());
//
// Births go first because "all blocks of this sequence" includes them, and a
// block may end in the step in which it began.
//
// What a list decodes to does not depend on how the worker wrote it: reads and
// ends come in ascending order of handle, so that the order in which a policy
// hears of them does not either.
//
// Untrusted input. INVALID_ARGUMENT: bytes or fields that cannot be, named from
// "step." or "move_report." on; the stream has to end. NOT_FOUND: a handle or
// sequence that is not live; the pictures differ and have to be synchronized.
//
// Thread-safety: one thread at a time. Memory: scratch for one step's lists and
// their wire form, kept; no allocation once warm.
#ifndef KVPLACE_SERVER_CONVERT_STEP_ASSEMBLER_H_
#define KVPLACE_SERVER_CONVERT_STEP_ASSEMBLER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/move_report.h"
#include "server/convert/read_decoder.h"
#include "server/convert/sequence_tracker.h"
#include "server/convert/step_wire.h"
#include "server/core/block_table.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/metrics_sink.h"
#include "server/core/topology.h"

namespace kvplace {

class StepAssembler {
 public:
  // REQUIRES: Validate(device) is OK.
  explicit StepAssembler(const DeviceConfig& device);

  // Forgets what was held and how far sequences are: a new inventory follows.
  void Clear();

  // Keeps the report for the step that follows. INVALID_ARGUMENT also if one is
  // held already.
  absl::Status HoldReport(const v1::MoveReport& report);
  bool holds_report() const { return moves_.held(); }
  // The held report, until End. REQUIRES: holds_report().
  const MoveReportInfo& report() const { return moves_.info(); }

  // `step` must live until End, and `reads`, which are its reads where it has
  // none itself. Also INVALID_ARGUMENT: the held report is of another step.
  absl::Status Begin(const v1::Step& step, const BlockTable& blocks,
                     EncodedReads reads = {});
  StepIndex step() const { return StepIndex(step_->step()); }
  // >= 1.
  uint32_t decode_steps() const;
  const std::optional<StepMeasurement>& measured() const { return measured_; }

  // Whether the step ends blocks.
  bool frees() const { return !freed_.empty() || sequences_.any_ended(); }

  absl::Span<const BlockRange> Births(GroupId group) const {
    const size_t begin = births_begin_[group.value()];
    return absl::MakeConstSpan(births_).subspan(
        begin, births_begin_[group.value() + 1] - begin);
  }
  // Everything but the births, which `blocks` has already; kLedger: nor what
  // was read, which is not even looked at. The spans hold until the next call.
  absl::Status Phase(GroupId group, const BlockTable& blocks, StepDetail detail,
                     PhaseUpdate* update);
  // REQUIRES: all phases were applied; `blocks` is what is alive now.
  void End(const BlockTable& blocks);

  uint64_t TokensHeard(SequenceId sequence) const {
    return sequences_.TokensHeard(sequence);
  }

 private:
  // The first phase that is heard looks at the step's reads.
  absl::Status FindReads();
  absl::Status FindEntry(int index, const v1::GroupReads& reads,
                         int64_t* group_before);
  const v1::GroupReads& entry(int index) const {
    return encoded_.empty() ? step_->reads(index)
                            : parsed_[static_cast<size_t>(index)];
  }
  absl::Status GetBirths();
  absl::Status GetFreed(const BlockTable& blocks);
  absl::Status GetMeasured();
  // Where a freed handle is; kNoGroup if neither live nor born in this step.
  uint32_t GroupOfFreed(BlockId block, const BlockTable& blocks);
  absl::Status Ends(GroupId group, const BlockTable& blocks);

  const uint32_t groups_;
  const uint32_t handles_;
  SequenceTracker sequences_;
  ReadDecoder reads_;
  MoveReportDecoder moves_;

  const v1::Step* step_ = nullptr;
  std::optional<StepMeasurement> measured_;
  EncodedReads encoded_;
  // Of encoded_; more than those of this step, whose memory is kept.
  std::vector<v1::GroupReads> parsed_;
  // By group: index of its entry, or -1.
  bool found_reads_ = false;
  std::vector<int32_t> reads_of_;
  // Births and freed handles, one group after the other: group g has
  // [begin[g], begin[g + 1]).
  std::vector<BlockRange> births_;
  std::vector<size_t> births_begin_;
  std::vector<BlockId> freed_;
  std::vector<size_t> freed_begin_;
  // In order of the message, before they are sorted into the above.
  std::vector<BlockRange> births_as_sent_;
  std::vector<BlockId> freed_as_sent_;
  std::vector<uint32_t> freed_groups_;
  // Births by handle, made only when a freed handle was born in this step.
  std::vector<BlockRange> births_by_handle_;
  // Of the phase at hand.
  std::vector<KvWrite> kv_writes_;
  std::vector<BlockId> ends_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_STEP_ASSEMBLER_H_
