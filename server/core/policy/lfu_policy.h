// lfu: promotes every miss on read and evicts the block with the lowest read
// count, counts decaying by `decay` per step. Scan-resistant where lru
// thrashes.
#ifndef KVPLACE_SERVER_CORE_POLICY_LFU_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_LFU_POLICY_H_

#include "server/core/policy/policy.h"

namespace kvplace {

class LfuPolicy final : public Policy {
 public:
  // 0 < decay < 1.
  explicit LfuPolicy(double decay = AccessStats::kDefaultDecay);

  const PolicyTraits& traits() const override { return traits_; }
  double Rank(const DeviceModel& model, BlockId block) const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  const PolicyTraits traits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_LFU_POLICY_H_
