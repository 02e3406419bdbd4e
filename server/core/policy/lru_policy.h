// lru: one list over all groups and sequences; promotes every miss on read and
// evicts the least recently read blocks. What engines do inside the worker
// today, and the baseline to beat.
#ifndef KVPLACE_SERVER_CORE_POLICY_LRU_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_LRU_POLICY_H_

#include "server/core/policy/policy.h"

namespace kvplace {

class LruPolicy final : public Policy {
 public:
  const PolicyTraits& traits() const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;
};

// Promote every miss of every group, new blocks into HBM.
void PromoteEverything(StandingOrder* order);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_LRU_POLICY_H_
