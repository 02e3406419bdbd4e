// What a clairvoyant policy may ask of the recorded future.
//
// Phases are counted as p = step * groups + group. "Now" is the current phase,
// whose reads are over: a question is about the phases after it. Before the
// first phase everything is to come.
//
// Thread-safety: one thread at a time; whoever replays the record moves on.
#ifndef KVPLACE_SERVER_CORE_POLICY_FUTURE_H_
#define KVPLACE_SERVER_CORE_POLICY_FUTURE_H_

#include <cstdint>

#include "server/core/ids.h"

namespace kvplace {

class Future {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;

  virtual ~Future() = default;
  // First phase after the current one in which the block is read.
  virtual uint64_t NextRead(BlockId block) const = 0;
  // How many of the next `phases` phases, (now, now + phases], read the block.
  virtual uint32_t ReadsWithin(BlockId block, uint64_t phases) const = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_FUTURE_H_
