// slack-oracle: knows which blocks are read in the next `window_steps` steps,
// and moves no more than HBM has bandwidth to spare. After the paper authors'
// later code.
//
// A phase may move B_H * (T_D - T_H) bytes (nothing if that is negative), T_D
// and T_H of its own traffic before any move: what HBM can take on while DRAM
// is busy anyway. Each promotion and prefetch counts its bytes, and in
// exclusive mode each eviction too. Candidates are worth their reads in the
// window, divided by 2 if the block is not being read now: a prefetch is two
// transfers, a promotion on read one. The best come first; of equals new
// blocks, then misses, then prefetches, of these what was last read latest (by
// step), then the lower block. Where there is no free room a block goes for it
// that the window reads least often, of equals the one last read longest ago
// (by step, never first), then the lower; never one with as many reads as what
// comes in is worth. New blocks are worth their reads, and are not a move.
//
// That a prefetch also prolongs T_D is not in the rule: it can cost more than
// it saves where DRAM binds in every phase.
#ifndef KVPLACE_SERVER_CORE_POLICY_SLACK_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_SLACK_POLICY_H_

#include <cstdint>

#include "server/core/policy/future.h"
#include "server/core/policy/policy.h"

namespace kvplace {

class SlackPolicy final : public Policy {
 public:
  static constexpr uint32_t kDefaultWindowSteps = 5;

  // `future` must outlive the policy; 1 <= window_steps <= 2^20.
  explicit SlackPolicy(const Future* future,
                       uint32_t window_steps = kDefaultWindowSteps);

  const PolicyTraits& traits() const override { return traits_; }
  double Rank(const DeviceModel& model, BlockId block) const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  uint32_t Uses(const DeviceModel& model, BlockId block) const;

  const Future& future_;
  const PolicyTraits traits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_SLACK_POLICY_H_
