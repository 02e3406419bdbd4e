// balanced: lru that leaves reads to DRAM while HBM serves more than its share
// alpha* = B_H / (B_H + B_D) of the bytes, after BATMAN (Chou et al., MEMSYS
// 2017). While the last finished step's HBM share was above alpha* it promotes
// nothing; above alpha* + 0.05 it also evicts, from the LRU end, as many blocks
// as that step read too many from HBM.
#ifndef KVPLACE_SERVER_CORE_POLICY_BALANCED_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_BALANCED_POLICY_H_

#include "server/core/policy/policy.h"

namespace kvplace {

class BalancedPolicy final : public Policy {
 public:
  // `slack` above alpha* that is tolerated before blocks are pushed back, 0..1.
  explicit BalancedPolicy(double slack = 0.05) : slack_(slack) {}

  const PolicyTraits& traits() const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  const double slack_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_BALANCED_POLICY_H_
