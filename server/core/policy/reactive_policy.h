// reactive-layer, reactive-page: promote every block read from DRAM; when the
// phase's misses do not fit, make room within the phase's own layer group. The
// paper authors' token and page baselines: weak by construction (one drops all
// of a group that is not being read, the other evicts attention sinks first),
// kept to compare with.
//
// With a decision delay the phase's misses are not known: the eviction queue
// then lists each group's blocks in the order of the groups.
#ifndef KVPLACE_SERVER_CORE_POLICY_REACTIVE_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_REACTIVE_POLICY_H_

#include "server/core/policy/policy.h"

namespace kvplace {

enum class ReactiveVictims : uint8_t {
  // All blocks of the group not read in the phase.
  kWholeGroup,
  // The lowest pages of the group not read in the phase, as many as needed.
  kLowestPage,
};

class ReactivePolicy final : public Policy {
 public:
  explicit ReactivePolicy(ReactiveVictims victims);

  const PolicyTraits& traits() const override { return traits_; }
  double Rank(const DeviceModel& model, BlockId block) const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  const ReactiveVictims victims_;
  const PolicyTraits traits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_REACTIVE_POLICY_H_
