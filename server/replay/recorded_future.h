// The future of a recorded workload, for clairvoyant policies.
//
// Thread-safety: one thread at a time. Memory: 8 bytes per read and per id.
#ifndef KVPLACE_SERVER_REPLAY_RECORDED_FUTURE_H_
#define KVPLACE_SERVER_REPLAY_RECORDED_FUTURE_H_

#include <cstdint>
#include <vector>

#include "server/core/policy/belady_policy.h"
#include "server/replay/workload.h"

namespace kvplace {

class RecordedFuture final : public Future {
 public:
  // `workload` must outlive it.
  explicit RecordedFuture(const Workload& workload);

  // Before the first phase again.
  void Rewind();
  // Makes `phase` the current one. REQUIRES: phases in order, none left out.
  void Enter(size_t phase);

  uint64_t NextRead(BlockId block) const override {
    return next_[block.value()];
  }

 private:
  const Workload& workload_;
  std::vector<uint64_t> first_;
  // For each read, in order, the phase of the block's next one.
  std::vector<uint64_t> after_;
  std::vector<uint64_t> next_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_RECORDED_FUTURE_H_
