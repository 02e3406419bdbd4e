#include "server/core/policy/lru_policy.h"

namespace kvplace {

const PolicyTraits& LruPolicy::traits() const {
  static constexpr PolicyTraits kTraits{
      .name = "lru", .default_delay_steps = 0, .index = VictimIndex::kRecency};
  return kTraits;
}

void PromoteEverything(StandingOrder* order) {
  for (GroupOrder& group : order->groups) {
    group.promote_all = true;
    group.new_block_tier = Tier::kHbm;
  }
}

void LruPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                     StandingOrder* order) const {
  PromoteEverything(order);
  AppendOldest(model, request.max_evictions, &order->evict_queue);
  // Blocks read in the phase are the most recent: they go last, if at all.
  order->may_evict_read = request.phase_known;
}

}  // namespace kvplace
