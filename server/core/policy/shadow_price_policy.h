// shadow-price: keeps in HBM the blocks that are worth most there, P(read in
// the next step) times what a hit saves in the block's layer group. Our own
// policy, and the default. docs/policy.md has its rule and its argument.
#ifndef KVPLACE_SERVER_CORE_POLICY_SHADOW_PRICE_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_SHADOW_PRICE_POLICY_H_

#include "server/core/policy/policy.h"

namespace kvplace {

class ShadowPricePolicy final : public Policy {
 public:
  explicit ShadowPricePolicy(const RankingOptions& options = {});

  const PolicyTraits& traits() const override { return traits_; }
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  static void PlanPromotions(const DeviceModel& model, bool free,
                             size_t longest, StandingOrder* order);
  static void PlanPhase(const DeviceModel& model, const PlanRequest& request,
                        StandingOrder* order);

  const PolicyTraits traits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_SHADOW_PRICE_POLICY_H_
