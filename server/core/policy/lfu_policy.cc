#include "server/core/policy/lfu_policy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/core/policy/lru_policy.h"

namespace kvplace {

LfuPolicy::LfuPolicy(double decay)
    : traits_{.name = "lfu",
              .index = VictimIndex::kRank,
              .rank_outsiders = true,
              .count_decay = decay} {}

double LfuPolicy::Rank(const DeviceModel& model, BlockId block) const {
  return model.stats().ever_read(block) ? model.stats().LogCount(block)
                                        : UnreadRank(model, block);
}

void LfuPolicy::PlanQueue(const DeviceModel& model, size_t length,
                          StandingOrder* order) {
  order->evict_unlisted_first = true;
  std::vector<BlockId> residents;
  const RankHeap& inside = *model.orders().ranks;
  inside.VisitLowest(0, [&](BlockId block) {
    if (residents.size() >= length) return false;
    residents.push_back(block);
    return true;
  });
  if (residents.empty()) return;
  const double lowest = inside.rank(residents.front(), 0);
  std::vector<BlockId> outsiders;
  const RankHeap& outside = *model.orders().outsiders;
  outside.VisitLowest(0, [&](BlockId block) {
    if (outsiders.size() >= length || -outside.rank(block, 0) < lowest) {
      return false;
    }
    outsiders.push_back(block);
    return true;
  });
  // Merge, lowest rank first; of equals the lower handle, as in the heap. (The
  // visit was highest first, of equals the lower handle: no order to reverse.)
  const auto out_key = [&outside](BlockId block) {
    return std::pair(-outside.rank(block, 0), block);
  };
  std::sort(outsiders.begin(), outsiders.end(),
            [&](BlockId a, BlockId b) { return out_key(a) < out_key(b); });
  auto out = outsiders.begin();
  for (const BlockId block : residents) {
    const std::pair key(inside.rank(block, 0), block);
    while (out != outsiders.end() && out_key(*out) < key) {
      order->evict_queue.push_back(*out++);
    }
    order->evict_queue.push_back(block);
  }
  order->evict_queue.insert(order->evict_queue.end(), out, outsiders.end());
}

void LfuPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                     StandingOrder* order) const {
  PromoteEverything(order);
  std::vector<BlockId>& queue = order->evict_queue;
  if (!request.phase_known) {
    PlanQueue(model, request.max_evictions, order);
    return;
  }
  // Blocks read in the phase go only if there is no other.
  order->may_evict_read = true;
  std::vector<BlockId> read_now;
  const auto in_phase = [&](BlockId block) {
    return model.blocks().group(block) == request.group &&
           model.stats().read_in(block, model.step());
  };
  model.orders().ranks->VisitLowest(0, [&](BlockId block) {
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
