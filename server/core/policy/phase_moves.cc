#include "server/core/policy/phase_moves.h"

#include <algorithm>

namespace kvplace {

PhaseMoves::PhaseMoves(const DeviceModel& model, const PlanRequest& request,
                       StandingOrder* order)
    : request_(request),
      order_(*order),
      room_(request.free / model.config().block_bytes(request.group)) {
  order_.may_evict_read = true;
}

void PhaseMoves::Evict(BlockId block) {
  order_.evict_queue.push_back(block);
  ++room_;
}

void PhaseMoves::BringIn(BlockId block, WishKind kind) {
  GroupOrder& group = order_.groups[request_.group.value()];
  if (kind == WishKind::kBirth) {
    births_.push_back(block);
  } else if (kind == WishKind::kMiss) {
    group.promote_if_read.push_back(block);
  } else {
    group.prefetch.push_back(block);
  }
  --room_;
}

void PhaseMoves::Finish() {
  const size_t next_group = (request_.group.value() + 1) % order_.groups.size();
  if (!births_.empty()) order_.groups[next_group].new_block_tier = Tier::kHbm;
  std::sort(births_.begin(), births_.end());
  for (const BlockId block : request_.next_births) {
    if (!std::binary_search(births_.begin(), births_.end(), block)) {
      order_.new_in_dram.push_back(block);
    }
  }
}

void PhaseMoves::OrderForStart(StandingOrder* order) {
  for (GroupOrder& group : order->groups) group.new_block_tier = Tier::kHbm;
}

}  // namespace kvplace
