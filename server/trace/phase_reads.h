// Decodes what the phases of recorded steps read, and their attention.
// Used by ReadTraceWindow.
#ifndef KVPLACE_SERVER_TRACE_PHASE_READS_H_
#define KVPLACE_SERVER_TRACE_PHASE_READS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/ids.h"
#include "server/replay/workload.h"
#include "server/trace/live_blocks.h"

namespace kvplace {

struct TraceNearMiss {
  uint32_t block;
  uint8_t mass;
};

// Reads by phase, blocks by index (see LiveBlocks), in the order of the
// records.
struct PhaseReads {
  PhaseLists<uint32_t> reads;
  // Only where asked for. complete: `masses` has one byte per read; otherwise
  // some or all reads had none, and neither list is to be used.
  std::vector<uint8_t> masses;
  PhaseLists<TraceNearMiss> near_misses;
  bool masses_complete = true;
};

// Thread-safety: one thread per object.
class PhaseReadsDecoder {
 public:
  // `blocks` must outlive this object. `handles`: handles are below this.
  PhaseReadsDecoder(const LiveBlocks* blocks, uint32_t groups, uint32_t handles,
                    bool masses)
      : blocks_(blocks), groups_(groups), handles_(handles), masses_(masses) {}

  // Appends one phase per group. INVALID_ARGUMENT names the field of the step
  // that breaks the contract; the phases are then of no use.
  absl::Status Decode(const v1::Step& step);

  const PhaseReads& phases() const { return phases_; }
  PhaseReads Take() { return std::move(phases_); }

 private:
  absl::Status DecodeGroup(const v1::GroupReads& entry);
  absl::Status ListReads(const v1::GroupReads& entry);
  absl::Status DecodeMasses(const v1::GroupReads& entry);
  // Of ids_.
  absl::Status FindBlocks(uint32_t group, std::vector<uint32_t>* blocks) const;
  void ClosePhase();

  const LiveBlocks* const blocks_;
  const uint32_t groups_;
  const uint32_t handles_;
  const bool masses_;
  PhaseReads phases_;
  // Of the group at hand.
  std::vector<BlockId> ids_;
  std::vector<uint32_t> reads_;
  std::vector<uint32_t> near_misses_;
  absl::flat_hash_set<uint64_t> listed_;
  // By index: the phase, counted from 1, that read the block last.
  std::vector<uint64_t> last_read_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_PHASE_READS_H_
