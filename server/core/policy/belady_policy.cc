#include "server/core/policy/belady_policy.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace kvplace {

const PolicyTraits& BeladyPolicy::traits() const {
  static constexpr PolicyTraits kTraits{.name = "belady",
                                        .clairvoyant = true,
                                        .default_delay_steps = 0,
                                        .index = VictimIndex::kRank};
  return kTraits;
}

double BeladyPolicy::Rank(const DeviceModel& /*model*/, BlockId block) const {
  // Farthest first. Phases are far below 2^53.
  const uint64_t next = future_.NextRead(block);
  return next == Future::kNever ? -1e300 : -static_cast<double>(next);
}

void BeladyPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                        StandingOrder* order) const {
  if (!request.phase_known) {
    for (GroupOrder& group : order->groups) group.new_block_tier = Tier::kHbm;
    return;
  }
  order->may_evict_read = true;
  // Who wants HBM, most urgent first: new blocks and this phase's misses.
  struct Wish {
    uint64_t next;
    BlockId block;
    bool birth;
  };
  std::vector<Wish> wishes;
  for (const BlockId block : request.next_births) {
    wishes.push_back({future_.NextRead(block), block, true});
  }
  for (const BlockId block : request.misses) {
    const uint64_t next = future_.NextRead(block);
    if (next != Future::kNever) wishes.push_back({next, block, false});
  }
  std::sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
    return std::pair(a.next, !a.birth) < std::pair(b.next, !b.birth);
  });
  std::vector<BlockId> farthest;
  model.ranks().VisitLowest(0, [&](BlockId block) {
    farthest.push_back(block);
    return farthest.size() <= wishes.size();
  });
  const Bytes each = model.config().block_bytes(request.group);
  int64_t room = request.free / each;
  size_t victim = 0;
  GroupOrder& group = order->groups[request.group.value()];
  std::vector<BlockId> lucky;  // births that get room
  for (const Wish& wish : wishes) {
    if (room > 0) {
      --room;
    } else if (victim < farthest.size() &&
               future_.NextRead(farthest[victim]) > wish.next) {
      order->evict_queue.push_back(farthest[victim++]);
    } else {
      break;
    }
    (wish.birth ? lucky : group.promote_if_read).push_back(wish.block);
  }
  const uint32_t next_group =
      (request.group.value() + 1) % static_cast<uint32_t>(order->groups.size());
  if (!lucky.empty()) order->groups[next_group].new_block_tier = Tier::kHbm;
  for (const BlockId block : request.next_births) {
    if (std::find(lucky.begin(), lucky.end(), block) == lucky.end()) {
      order->new_in_dram.push_back(block);
    }
  }
}

}  // namespace kvplace
