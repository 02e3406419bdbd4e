#include "server/core/policy/balanced_policy.h"

#include <algorithm>

#include "server/core/policy/lru_policy.h"

namespace kvplace {

const PolicyTraits& BalancedPolicy::traits() const {
  static constexpr PolicyTraits kTraits{.name = "balanced",
                                        .index = VictimIndex::kRecency};
  return kTraits;
}

void BalancedPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                          StandingOrder* order) const {
  PromoteEverything(order);
  order->may_evict_read = request.phase_known;
  size_t push_back = 0;
  const std::optional<StepAccount>& last = model.finished_step();
  if (last && last->traffic.reads() > Bytes(0)) {
    const auto read = static_cast<double>(last->traffic.reads().count());
    const double share =
        static_cast<double>(last->traffic.hbm_reads.count()) / read;
    const double target = BalancedHbmShare(model.config());
    if (share > target) {
      for (GroupOrder& group : order->groups) group.promote_all = false;
    }
    // Once a step: its first phase, where phases are decided one by one.
    const bool step_begins =
        !request.phase_known || request.group == GroupId(0);
    if (share > target + slack_ && step_begins) {
      push_back = static_cast<size_t>((share - target) *
                                      static_cast<double>(last->blocks_read));
      order->evict_reason = MoveReason::kRebalance;
    }
  }
  AppendOldest(model, std::max(request.max_evictions, push_back),
               &order->evict_queue);
  order->evict_at_least =
      static_cast<uint32_t>(std::min(push_back, order->evict_queue.size()));
}

}  // namespace kvplace
