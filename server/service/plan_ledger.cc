#include "server/service/plan_ledger.h"

namespace kvplace {
namespace {

constexpr size_t kMostPlans = 64;

}  // namespace

PlannedMoves Summarize(const Plan& plan) {
  PlannedMoves moves;
  moves.id = plan.id;
  moves.valid_until = plan.valid_until;
  moves.evict_reason = plan.order.evict_reason;
  for (const GroupOrder& group : plan.order.groups) {
    moves.promotions += group.promote_if_read.size();
    moves.prefetches += group.prefetch.size();
  }
  moves.evictions = plan.order.evict_at_least;
  return moves;
}

void PlanLedger::Depart(PlannedMoves plan, Residency* residency) {
  plan.room = residency->reserved();
  residency->Depart();
  plans_.push_back(plan);
  if (plans_.size() <= kMostPlans) return;
  plans_.pop_front();
  Release(residency);
}

const PlannedMoves* PlanLedger::Report(PlanId id, Residency* residency) {
  while (!plans_.empty() && plans_.front().id < id) plans_.pop_front();
  PlannedMoves* found = nullptr;
  if (!plans_.empty() && plans_.front().id == id) {
    found = &plans_.front();
    found->room = Bytes(0);
  }
  Release(residency);
  return found;
}

void PlanLedger::Expire(StepIndex step, Residency* residency) {
  while (!plans_.empty() && plans_.front().valid_until <= step) {
    plans_.pop_front();
  }
  Release(residency);
}

void PlanLedger::Release(Residency* residency) const {
  Bytes left;
  for (const PlannedMoves& plan : plans_) left += plan.room;
  residency->ReleaseInFlight(left);
}

}  // namespace kvplace
