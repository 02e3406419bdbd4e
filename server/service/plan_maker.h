// A device's plans as messages: made anew after a step that was heard, and
// otherwise the one of before under a new number, while that still stands
// (docs/adr/0020-steps-that-are-not-heard.md).
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_SERVICE_PLAN_MAKER_H_
#define KVPLACE_SERVER_SERVICE_PLAN_MAKER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/device_model.h"
#include "server/core/plan.h"
#include "server/core/planner.h"
#include "server/core/policy/policy.h"

namespace kvplace {

class PlanMaker {
 public:
  // As of Planner.
  explicit PlanMaker(uint32_t lifetime_steps) : planner_(lifetime_steps) {}

  // The next plan. *out is empty or has one that was made before, by this call.
  // INTERNAL: the policy broke the rules; nothing has changed.
  absl::Status Make(const Policy& policy, DeviceModel& model, bool advisory,
                    v1::Plan* out);

  // The last plan is not to be repeated: a step was heard, a block has ended,
  // or the policy is another.
  void Outdate() { stands_ = false; }
  // So many blocks were evicted.
  void OnEvicted(uint64_t blocks) { evicted_ += blocks; }
  // The last plan is of no use at all.
  void Forget() { made_ = stands_ = false; }

  // What Make made last; null: nothing, or it is of no more use.
  const Plan* last() const { return made_ ? &plan_ : nullptr; }

 private:
  Planner planner_;
  Plan plan_;
  bool made_ = false;
  // Whether it may still stand; its number when it was made, before it was
  // repeated; and how many blocks were evicted since.
  bool stands_ = false;
  PlanId first_id_{0};
  uint64_t evicted_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_PLAN_MAKER_H_
