// Decodes what a worker says it moved.
//
// Untrusted input: INVALID_ARGUMENT names the field from "move_report." on.
// Whether the moves were possible is for the ledger to say.
// Thread-safety: one thread at a time. Memory is reused.
#ifndef KVPLACE_SERVER_CONVERT_MOVE_REPORT_H_
#define KVPLACE_SERVER_CONVERT_MOVE_REPORT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/units.h"

namespace kvplace {

// The report as a whole.
struct MoveReportInfo {
  // 0: the worker moved by its local policy.
  PlanId plan;
  StepIndex step;
  bool expired = false;
  Bytes moved;
  Seconds moving;
  // Blocks by kind, all phases together.
  uint64_t promoted = 0;
  uint64_t prefetched = 0;
  uint64_t evicted = 0;
  // Attempted and failed, in any phase.
  std::vector<BlockId> failed;
};

class MoveReportDecoder {
 public:
  MoveReportDecoder(uint32_t groups, uint32_t handles)
      : groups_(groups), handles_(handles) {}

  // Takes a report in. After an error nothing is held.
  absl::Status Hold(const v1::MoveReport& report);
  void Drop() { held_ = false; }
  bool held() const { return held_; }
  // REQUIRES: held().
  const MoveReportInfo& info() const { return info_; }

  // Sets the moves and routed reads of `update`, whose group is set; nothing if
  // no report is held. REQUIRES: asked for in rising order of group.
  void Fill(PhaseUpdate* update);

 private:
  enum Kind { kPromoted, kPrefetched, kEvicted };
  static constexpr int kKinds = 3;

  struct Phase {
    uint32_t group = 0;
    uint32_t routed_reads = 0;
    // Where its moves end in moves_.
    std::array<size_t, kKinds> end = {};
  };

  absl::Status Decode(const v1::MoveReport& report);
  absl::Status DecodePhase(const v1::PhaseMoves& moves);

  const uint32_t groups_;
  const uint32_t handles_;
  bool held_ = false;
  MoveReportInfo info_;
  std::vector<Phase> phases_;
  std::array<std::vector<BlockId>, kKinds> moves_;
  // First phase that was not asked for yet.
  size_t next_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_MOVE_REPORT_H_
