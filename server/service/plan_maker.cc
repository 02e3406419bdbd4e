#include "server/service/plan_maker.h"

#include "server/convert/plan_codec.h"

namespace kvplace {

absl::Status PlanMaker::Make(const Policy& policy, DeviceModel& model,
                             bool advisory, v1::Plan* out) {
  if (stands_ && MayRepeat(plan_.order, evicted_)) {
    planner_.Issue(model, &plan_);
  } else {
    Forget();
    if (auto s = planner_.MakePlan(policy, model, &plan_); !s.ok()) return s;
    made_ = true;
    first_id_ = plan_.id;
    evicted_ = 0;
  }
  stands_ = true;
  if (PlanId(out->id()) < first_id_) {
    EncodePlan(plan_, advisory, out);
  } else {
    EncodeRepeat(plan_, out);
  }
  return absl::OkStatus();
}

}  // namespace kvplace
