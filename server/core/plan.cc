#include "server/core/plan.h"

#include "absl/strings/string_view.h"

namespace kvplace {

absl::string_view Name(MoveReason reason) {
  switch (reason) {
    case MoveReason::kMiss:
      return "miss";
    case MoveReason::kPrefetch:
      return "prefetch";
    case MoveReason::kCapacity:
      return "capacity";
    case MoveReason::kRebalance:
      return "rebalance";
  }
  return "unknown";
}

void StandingOrder::Reset(size_t group_count) {
  groups.resize(group_count);
  for (GroupOrder& group : groups) {
    group.promote_all = false;
    group.promote_if_read.clear();
    group.prefetch.clear();
    group.new_block_tier = Tier::kDram;
  }
  evict_queue.clear();
  new_in_dram.clear();
  evict_unlisted_first = false;
  evict_at_least = 0;
  evict_reason = MoveReason::kCapacity;
  max_routed_share = 1.0;
  may_evict_read = false;
}

}  // namespace kvplace
