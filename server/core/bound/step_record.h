// What one step did to a device's blocks, kept small: births, reads, KV writes
// and ends of each phase, in that order; and how long the step took.
//
// Handles are written as differences in variable-length bytes. Reads come in
// ascending order, so most take one byte where more than one block in 128 is
// read and two elsewhere (five at most): nothing is hashed or looked up.
//
// Thread-safety: one thread at a time writes; const methods from any. Memory:
// twice the bytes written and up to 2 KiB; no allocation once a step as large
// was kept.
#ifndef KVPLACE_SERVER_CORE_BOUND_STEP_RECORD_H_
#define KVPLACE_SERVER_CORE_BOUND_STEP_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "server/core/block_table.h"
#include "server/core/bound/access_window.h"
#include "server/core/device_model.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

class StepRecord {
 public:
  // Empty again. Gives memory back if the step kept last needed little of it.
  void Clear();
  // The next phase, in order of groups; of `phase` its reads, KV writes and
  // ends are kept.
  void AddPhase(absl::Span<const BlockRange> births, const PhaseUpdate& phase);
  // The modelled time of the whole step.
  void SetSeconds(Seconds seconds) { seconds_ = seconds; }

  uint64_t reads() const { return reads_; }
  Seconds seconds() const { return seconds_; }
  // Bytes kept, and bytes taken for them.
  size_t size() const { return bytes_.size(); }
  size_t capacity() const { return bytes_.capacity(); }

  // One phase, as it was added.
  struct Phase {
    std::vector<HandleRange> births;
    std::vector<BlockId> reads;
    std::vector<KvWrite> kv_writes;
    std::vector<BlockId> ends;
  };
  // Reads the phases of a record, which must outlive it unchanged.
  class Reader {
   public:
    explicit Reader(const StepRecord& record) : bytes_(record.bytes_) {}
    // False at the end. Reuses the memory of *phase.
    bool Next(Phase* phase);

   private:
    uint32_t Number();
    void Handles(std::vector<BlockId>* out);

    const std::vector<uint8_t>& bytes_;
    size_t at_ = 0;
  };

 private:
  void MakeRoom(size_t numbers);
  void Put(uint32_t number);
  void PutHandles(absl::Span<const BlockId> blocks);

  std::vector<uint8_t> bytes_;
  // Where the next byte goes; bytes_ ends there between two calls of AddPhase.
  size_t end_ = 0;
  uint64_t reads_ = 0;
  Seconds seconds_;
};

// Shared by a ring and those who took a window from it. Nobody changes a record
// that is shared.
using StepRecords = std::vector<std::shared_ptr<StepRecord>>;

// The steps as the bounds see them: one phase per group and step. A handle that
// ended and began again stands for two blocks; a block that was used before it
// began was there from the start. REQUIRES: every step has a phase for each
// group of `device`; 0 < block_bytes < 2^32. `numbers` is scratch: 4 bytes per
// handle.
AccessWindow WindowOfSteps(const DeviceConfig& device, const StepRecords& steps,
                           std::vector<uint32_t>* numbers);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_STEP_RECORD_H_
