// Plans that were handed to a worker and may still be executed: what HBM room
// is promised to each, and what its moves are counted as.
//
// The core's ledger knows the sum in flight; which plan it belongs to matters
// when the worker reports on one while the next is under way.
// Thread-safety: one thread at a time. Bounded: the oldest of more than 64
// plans is forgotten, and its room with it.
#ifndef KVPLACE_SERVER_SERVICE_PLAN_LEDGER_H_
#define KVPLACE_SERVER_SERVICE_PLAN_LEDGER_H_

#include <deque>

#include "server/core/ids.h"
#include "server/core/plan.h"
#include "server/core/residency.h"
#include "server/core/units.h"

namespace kvplace {

// What a plan asked for, as far as it names blocks.
struct PlannedMoves {
  PlanId id;
  StepIndex valid_until;
  MoveReason evict_reason = MoveReason::kCapacity;
  uint64_t promotions = 0;
  uint64_t prefetches = 0;
  uint64_t evictions = 0;
  // Room in flight; 0 once reported on.
  Bytes room;
};

PlannedMoves Summarize(const Plan& plan);

class PlanLedger {
 public:
  void Clear() { plans_.clear(); }

  // The plan is on its way: what is reserved for it becomes in flight.
  void Depart(PlannedMoves plan, Residency* residency);
  // The worker has reported on this plan (or, 0, on moves of its own): its room
  // and that of older plans is free again. What the plan was; null if unknown.
  const PlannedMoves* Report(PlanId id, Residency* residency);
  // Plans that cannot be executed after `step`.
  void Expire(StepIndex step, Residency* residency);

 private:
  // Room of plans that were not reported on.
  void Release(Residency* residency) const;

  std::deque<PlannedMoves> plans_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_PLAN_LEDGER_H_
