// The future of a recorded workload, for clairvoyant policies.
//
// Each block's reads lie together, in order, with a cursor at the next one.
//
// Thread-safety: one thread at a time. Memory: 4 bytes per read and 20 per id.
#ifndef KVPLACE_SERVER_REPLAY_RECORDED_FUTURE_H_
#define KVPLACE_SERVER_REPLAY_RECORDED_FUTURE_H_

#include <cstdint>
#include <vector>

#include "server/core/policy/future.h"
#include "server/replay/workload.h"

namespace kvplace {

class RecordedFuture final : public Future {
 public:
  // `workload` must outlive it. REQUIRES: fewer than 2^32 - 1 phases.
  explicit RecordedFuture(const Workload& workload);

  // Before the first phase again.
  void Rewind();
  // Makes `phase` the current one. REQUIRES: phases in order, none left out.
  void Enter(size_t phase);

  uint64_t NextRead(BlockId block) const override {
    const uint32_t phase = phases_[next_[block.value()]];
    return phase == kEnd ? kNever : phase;
  }
  uint32_t ReadsWithin(BlockId block, uint64_t phases) const override;

 private:
  // Follows the last read of each block.
  static constexpr uint32_t kEnd = UINT32_MAX;

  const Workload& workload_;
  // Phases that read block b: [first_[b], first_[b + 1]), the last one kEnd.
  std::vector<uint32_t> phases_;
  std::vector<uint64_t> first_;
  // In phases_, by block.
  std::vector<uint64_t> next_;
  // The phase after the current one.
  uint64_t to_come_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_RECORDED_FUTURE_H_
