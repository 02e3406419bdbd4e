// The last steps of a device, for a bound over them.
//
// Whoever wants the window takes it by sharing the records, which costs a
// pointer per step: a step that comes meanwhile leaves shared records alone and
// writes into spare ones. Records that are given back are the spare ones of the
// next time, so nothing is allocated once this has gone round.
//
// Thread-safety: one thread at a time; taken records may be read elsewhere
// until they are given back. Memory: that of the records kept (see
// step_record.h), and of as many again as steps come while a window is out.
#ifndef KVPLACE_SERVER_CORE_BOUND_STEP_RING_H_
#define KVPLACE_SERVER_CORE_BOUND_STEP_RING_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "server/core/bound/step_record.h"
#include "server/core/units.h"

namespace kvplace {

class StepRing {
 public:
  // Keeps `steps` > 0 of them, fewer where they read more than `max_reads`
  // blocks together (but at least one).
  StepRing(uint32_t steps, uint64_t max_reads);

  // The record of the step that begins, empty; one that was begun and not
  // committed is forgotten.
  StepRecord& Begin();
  // It is whole, and took so long. REQUIRES: Begin.
  void Commit(Seconds seconds);
  // No step is known any more.
  void Clear();

  uint32_t steps() const { return count_; }
  uint64_t reads() const { return reads_; }
  // Committed since the beginning; also the number of the next step.
  uint64_t committed() const { return committed_; }
  // Bytes of all records, spare ones included.
  size_t bytes() const;

  // Oldest first.
  StepRecords Share() const;
  // Of Share; the caller keeps no other pointer to them.
  void GiveBack(StepRecords records);

 private:
  void DropOldest();
  void Keep(std::shared_ptr<StepRecord> record);

  const uint64_t max_reads_;
  // The ring: `count_` records from `first_` on.
  StepRecords ring_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
  uint64_t reads_ = 0;
  uint64_t committed_ = 0;
  std::shared_ptr<StepRecord> open_;
  // At most as many as the ring has.
  StepRecords spare_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_STEP_RING_H_
