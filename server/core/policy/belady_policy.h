// belady: MIN with bypass. Evicts the block whose next read is farthest away
// and promotes a miss only if it is read again before some block that is held:
// the fewest misses any schedule without prefetching can have. Clairvoyant.
//
// Belady 1966; with bypass, and all reads of a phase at once.
#ifndef KVPLACE_SERVER_CORE_POLICY_BELADY_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_BELADY_POLICY_H_

#include "server/core/policy/future.h"
#include "server/core/policy/policy.h"

namespace kvplace {

class BeladyPolicy final : public Policy {
 public:
  // `future` must outlive the policy.
  explicit BeladyPolicy(const Future* future) : future_(*future) {}

  const PolicyTraits& traits() const override;
  double Rank(const DeviceModel& model, BlockId block) const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  const Future& future_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_BELADY_POLICY_H_
