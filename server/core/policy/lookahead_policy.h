// lookahead-1 and annealed-oracle: know which blocks are read in the next
// `window_steps` steps, and nothing beyond.
//
// A block is *wanted* if it is read in the window: in the phases (now, now +
// window_steps * groups]. Promotes on read the `share` of a phase's misses that
// the window reads most often, of equals what is read sooner, then the lower
// block; of these only wanted ones. Evicts only what is not wanted: blocks
// never read first (newest pages last), then by the step of the last read,
// oldest first, of equals the lower block. What does not fit stays in DRAM. New
// blocks come into HBM by the same rule; the share is of the misses alone.
//
// lookahead-1 is window 1 and share 1, after the paper's authors. With a window
// and a share found by simulated annealing (server/replay/annealing.h) it is
// the "upper bound" of Fang et al., arXiv 2508.13231: promotes only what is
// being read, evicts only what the window does not read. The paper leaves the
// order of the victims open; ours is what a policy can know that sees no
// farther than its window.
#ifndef KVPLACE_SERVER_CORE_POLICY_LOOKAHEAD_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_LOOKAHEAD_POLICY_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/core/policy/future.h"
#include "server/core/policy/policy.h"

namespace kvplace {

struct LookaheadOptions {
  // Outlives the policy.
  absl::string_view name = "lookahead-1";
  // At least 1.
  uint32_t window_steps = 1;
  // Of a phase's misses, rounded up to whole blocks; 0..1.
  double share = 1;
};

class LookaheadPolicy final : public Policy {
 public:
  // `future` must outlive the policy.
  LookaheadPolicy(const Future* future, const LookaheadOptions& options);

  const PolicyTraits& traits() const override { return traits_; }
  double Rank(const DeviceModel& model, BlockId block) const override;
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override;

 private:
  // Reads of the block in the window.
  uint32_t Uses(const DeviceModel& model, BlockId block) const;

  const Future& future_;
  const LookaheadOptions options_;
  const PolicyTraits traits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_LOOKAHEAD_POLICY_H_
