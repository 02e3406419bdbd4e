#include "server/core/policy/reactive_policy.h"

#include "server/core/policy/lru_policy.h"

namespace kvplace {

ReactivePolicy::ReactivePolicy(ReactiveVictims victims)
    : victims_(victims),
      traits_{.name = victims == ReactiveVictims::kWholeGroup ? "reactive-layer"
                                                              : "reactive-page",
              .default_delay_steps = 0,
              .index = VictimIndex::kRankByGroup} {}

double ReactivePolicy::Rank(const DeviceModel& model, BlockId block) const {
  return model.blocks().page(block);
}

void ReactivePolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                          StandingOrder* order) const {
  PromoteEverything(order);
  std::vector<BlockId>& queue = order->evict_queue;
  if (!request.phase_known) {
    for (uint32_t g = 0; g < order->groups.size(); ++g) {
      model.orders().ranks->VisitLowest(g, [&](BlockId block) {
        if (queue.size() >= request.max_evictions) return false;
        queue.push_back(block);
        return true;
      });
    }
    return;
  }
  const Bytes needed = model.config().block_bytes(request.group) *
                           static_cast<int64_t>(request.misses.size()) +
                       request.next_birth_bytes;
  if (needed <= request.free) return;
  const bool all = victims_ == ReactiveVictims::kWholeGroup;
  model.orders().ranks->VisitLowest(request.group.value(), [&](BlockId block) {
    if (!all && queue.size() >= request.max_evictions) return false;
    if (!model.stats().read_in(block, model.step())) queue.push_back(block);
    return true;
  });
  if (all) order->evict_at_least = static_cast<uint32_t>(queue.size());
}

}  // namespace kvplace
