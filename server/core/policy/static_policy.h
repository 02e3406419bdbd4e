// static: keeps what is in HBM and never moves anything; new blocks go to DRAM.
// The paper's first baseline (Fang et al., arXiv 2508.13231).
#ifndef KVPLACE_SERVER_CORE_POLICY_STATIC_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_STATIC_POLICY_H_

#include "server/core/policy/policy.h"

namespace kvplace {

class StaticPolicy final : public Policy {
 public:
  const PolicyTraits& traits() const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_STATIC_POLICY_H_
