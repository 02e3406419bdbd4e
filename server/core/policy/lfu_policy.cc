#include "server/core/policy/lfu_policy.h"

#include "server/core/policy/lru_policy.h"

namespace kvplace {

LfuPolicy::LfuPolicy(double decay)
    : traits_{
          .name = "lfu", .index = VictimIndex::kRank, .count_decay = decay} {}

double LfuPolicy::Rank(const DeviceModel& model, BlockId block) const {
  return model.stats().ever_read(block) ? model.stats().LogCount(block)
                                        : UnreadRank(model, block);
}

void LfuPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                     StandingOrder* order) const {
  PromoteEverything(order);
  std::vector<BlockId>& queue = order->evict_queue;
  if (!request.phase_known) {
    model.ranks().VisitLowest(0, [&](BlockId block) {
      if (queue.size() >= request.max_evictions) return false;
      queue.push_back(block);
      return true;
    });
    return;
  }
  // Blocks read in the phase go only if there is no other.
  order->may_evict_read = true;
  std::vector<BlockId> read_now;
  const auto in_phase = [&](BlockId block) {
    return model.blocks().group(block) == request.group &&
           model.stats().read_in(block, model.step());
  };
  model.ranks().VisitLowest(0, [&](BlockId block) {
    if (queue.size() >= request.max_evictions) return false;
    (in_phase(block) ? read_now : queue).push_back(block);
    return true;
  });
  for (const BlockId block : read_now) {
    if (queue.size() >= request.max_evictions) break;
    queue.push_back(block);
  }
}

}  // namespace kvplace
