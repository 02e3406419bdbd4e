#include "server/core/policy/static_policy.h"

namespace kvplace {

const PolicyTraits& StaticPolicy::traits() const {
  static constexpr PolicyTraits kTraits{.name = "static",
                                        .default_delay_steps = 0};
  return kTraits;
}

void StaticPolicy::Plan(const DeviceModel& /*model*/,
                        const PlanRequest& /*request*/,
                        StandingOrder* /*order*/) const {}

}  // namespace kvplace
