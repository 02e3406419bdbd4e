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
  // The queue of a whole step, from what was known before it: the residents of
  // lowest count and, among them in their place, the blocks in DRAM that may be
  // promoted in the step. A block so promoted does not outlive residents of
  // higher count; one the queue does not name has a lower count than all it
  // does and goes first.
  static void PlanQueue(const DeviceModel& model, size_t length,
                        StandingOrder* order);

  const PolicyTraits traits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_LFU_POLICY_H_
