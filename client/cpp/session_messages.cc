#include "client/cpp/session_messages.h"

#include <algorithm>
#include <cmath>

#include "server/convert/blocks.h"
#include "server/convert/hello.h"
#include "server/core/block_codec.h"

namespace kvplace::client {
namespace {

// A BlockRange with every field at its longest varint, and its own tag and
// length: 6 tags, 10 bytes of sequence, 5 each for the rest, 2.
constexpr size_t kLongestRange = 6 + 10 + 5 * 5 + 2;
// Around the ranges: sequence number, `last`, tags and lengths.
constexpr size_t kInventoryOverhead = 64;
constexpr size_t kMostRanges = 16384;

v1::MoveFailure FailureToProto(MoveFailure failure) {
  switch (failure) {
    case MoveFailure::kNone:
      return v1::MOVE_FAILURE_UNSPECIFIED;
    case MoveFailure::kNoRoom:
      return v1::MOVE_FAILURE_NO_ROOM;
    case MoveFailure::kWrongTier:
      return v1::MOVE_FAILURE_WRONG_TIER;
    case MoveFailure::kTransfer:
      return v1::MOVE_FAILURE_TRANSFER;
  }
  return v1::MOVE_FAILURE_UNSPECIFIED;
}

void EncodePhaseReads(const PhaseReads& reads, v1::GroupReads* out) {
  if (!reads.all_of.empty()) {
    out->set_group(reads.group.value());
    for (const SequenceId sequence : reads.all_of) {
      out->mutable_all()->add_sequences(sequence.value());
    }
    EncodeAscending(reads.near_misses, out->mutable_near_misses());
    return;
  }
  ReadSet set;
  set.group = reads.group;
  set.reads = reads.blocks;
  set.near_misses = reads.near_misses;
  set.masses = reads.masses;
  EncodeReads(set, out);
}

void EncodeMeasurement(const StepMeasurement& measured, v1::Measurement* out) {
  const double ns = std::max(1.0, std::round(measured.seconds.value() * 1e9));
  out->set_step_ns(static_cast<uint64_t>(ns));
  out->set_hbm_read_bytes(static_cast<uint64_t>(measured.hbm_reads.count()));
  out->set_dram_read_bytes(static_cast<uint64_t>(measured.dram_reads.count()));
}

}  // namespace

void EncodeHello(const SessionOptions& options, uint64_t incarnation,
                 StepIndex next_step, v1::Hello* out) {
  WorkerHello hello;
  hello.node_id = options.node_id;
  hello.device_index = options.device_index;
  hello.incarnation = incarnation;
  hello.model = options.model;
  hello.tenant = options.tenant;
  hello.pod = options.pod;
  hello.device = options.device;
  hello.dram_capacity = options.dram_capacity;
  hello.next_step = next_step;
  HelloToProto(hello, out);
}

size_t InventoryChunk(uint32_t max_message_bytes) {
  const size_t room = max_message_bytes > kInventoryOverhead
                          ? max_message_bytes - kInventoryOverhead
                          : 0;
  return std::clamp<size_t>(room / kLongestRange, 1, kMostRanges);
}

void EncodeInventory(absl::Span<const BlockRange> ranges, bool last,
                     v1::Inventory* out) {
  out->Clear();
  for (const BlockRange& range : ranges) {
    BlockRangeToProto(range, out->add_blocks());
  }
  out->set_last(last);
}

void EncodeStep(const StepSample& sample, v1::Step* out) {
  const StepData& step = sample.step;
  out->Clear();
  out->set_step(step.step.value());
  for (const BlockRange& range : step.allocated) {
    BlockRangeToProto(range, out->add_allocated());
  }
  for (const HandleRange& range : step.freed) {
    v1::HandleRange* freed = out->add_freed();
    freed->set_first(range.first.value());
    freed->set_count(range.count);
  }
  for (const SequenceStep& sequence : step.sequences) {
    v1::SequenceProgress* progress = out->add_sequences();
    progress->set_sequence(sequence.sequence.value());
    progress->set_new_tokens(sequence.new_tokens);
    progress->set_ended(sequence.ended);
  }
  for (const PhaseReads& reads : step.reads) {
    EncodePhaseReads(reads, out->add_reads());
  }
  if (step.measured) {
    EncodeMeasurement(*step.measured, out->mutable_measured());
  }
  out->set_decode_steps(sample.decode_steps);
}

void StripStep(v1::Step* step) {
  for (v1::GroupReads& reads : *step->mutable_reads()) {
    reads.clear_masses();
    reads.clear_near_misses();
  }
}

void EncodeReport(const MoveReport& report, v1::MoveReport* out) {
  out->Clear();
  out->set_plan_id(report.plan.id.value());
  out->set_step(report.step.value());
  for (const PhaseMoves& moves : report.phases) {
    v1::PhaseMoves* phase = out->add_phases();
    phase->set_group(moves.group.value());
    EncodeOrdered(moves.promoted, phase->mutable_promoted());
    EncodeOrdered(moves.prefetched, phase->mutable_prefetched());
    EncodeOrdered(moves.evicted, phase->mutable_evicted());
    EncodeOrdered(moves.failed, phase->mutable_failed());
    phase->set_failure(FailureToProto(moves.failure));
    phase->set_routed_reads(moves.routed_reads);
  }
  out->set_moved_bytes(static_cast<uint64_t>(report.moved_bytes.count()));
  out->set_moved_ns(report.moved_ns);
  out->set_expired(report.expired);
}

}  // namespace kvplace::client
