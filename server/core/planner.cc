#include "server/core/planner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kvplace {

bool MayRepeat(const StandingOrder& order, uint64_t evicted) {
  const auto nothing_once = [](const GroupOrder& group) {
    return group.prefetch.empty();
  };
  return order.evict_at_least == 0 && 2 * evicted <= order.evict_queue.size() &&
         std::all_of(order.groups.begin(), order.groups.end(), nothing_once);
}

absl::Status Planner::CheckOnce(const DeviceModel& model,
                                const std::vector<BlockId>& list, Tier expected,
                                const char* what) {
  const uint32_t handles = model.blocks().handles();
  const Residency& residency = model.residency();
  size_t marked = 0;
  for (; marked < list.size(); ++marked) {
    const uint32_t handle = list[marked].value();
    if (handle >= handles) break;
    uint64_t& word = seen_[handle / 64];
    const uint64_t bit = uint64_t{1} << (handle % 64);
    // A block that is not alive is in no tier.
    const Tier tier = residency.tier(list[marked]);
    if (expected == Tier::kNone ? tier == Tier::kNone : tier != expected) break;
    if ((word & bit) != 0) break;
    word |= bit;
  }
  // Nothing else is marked, so whole words can go.
  if (marked > seen_.size()) {
    std::fill(seen_.begin(), seen_.end(), 0);
  } else {
    for (size_t i = 0; i < marked; ++i) seen_[list[i].value() / 64] = 0;
  }
  if (marked == list.size()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("policy's ", what, " names handle ", list[marked].value(),
                   ", which is repeated or in the wrong tier"));
}

absl::Status Planner::Check(const DeviceModel& model,
                            const StandingOrder& order) {
  seen_.resize((size_t{model.blocks().handles()} + 63) / 64);
  if (order.groups.size() != model.config().groups.size() ||
      order.evict_at_least > order.evict_queue.size() ||
      !(order.max_routed_share >= 0 && order.max_routed_share <= 1)) {
    return absl::InternalError("policy's order does not fit the device");
  }
  if (auto s = CheckOnce(model, order.evict_queue,
                         order.evict_unlisted_first ? Tier::kNone : Tier::kHbm,
                         "eviction queue");
      !s.ok()) {
    return s;
  }
  for (const GroupOrder& group : order.groups) {
    if (auto s =
            CheckOnce(model, group.promote_if_read, Tier::kNone, "promotions");
        !s.ok()) {
      return s;
    }
    if (auto s = CheckOnce(model, group.prefetch, Tier::kDram, "prefetches");
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

Bytes Planner::RoomWanted(const DeviceModel& model,
                          const StandingOrder& order) const {
  Bytes wanted;
  for (uint32_t g = 0; g < order.groups.size(); ++g) {
    const GroupOrder& group = order.groups[g];
    if (group.promote_all || group.new_block_tier == Tier::kHbm) {
      return model.residency().capacity();
    }
    wanted += model.config().block_bytes(GroupId(g)) *
              static_cast<int64_t>(group.promote_if_read.size() +
                                   group.prefetch.size());
  }
  return wanted;
}

absl::Status Planner::MakePlan(const Policy& policy, DeviceModel& model,
                               Plan* plan) {
  plan->order.Reset(model.config().groups.size());
  PlanRequest request;
  // The newer plan takes over the room of one that was not sent.
  request.free = model.residency().free() + model.residency().reserved();
  request.max_evictions = model.EvictionBound();
  policy.Plan(model, request, &plan->order);
  if (auto s = Check(model, plan->order); !s.ok()) return s;
  Issue(model, plan);
  return absl::OkStatus();
}

void Planner::Issue(DeviceModel& model, Plan* plan) {
  model.mutable_residency().ReleaseReserved();
  model.mutable_residency().Reserve(RoomWanted(model, plan->order));
  last_id_ = PlanId(last_id_.value() + 1);
  plan->id = last_id_;
  plan->basis = model.step();
  plan->valid_until = StepIndex(model.step().value() + lifetime_steps_);
}

absl::Status Planner::MakePhaseOrder(const Policy& policy,
                                     const DeviceModel& model,
                                     PlanRequest request,
                                     StandingOrder* order) {
  order->Reset(model.config().groups.size());
  request.phase_known = true;
  const Bytes needed = model.config().block_bytes(request.group) *
                           static_cast<int64_t>(request.misses.size()) +
                       request.next_birth_bytes;
  Bytes smallest = kMaxBytes;
  for (const GroupConfig& group : model.config().groups) {
    smallest = std::min(smallest, group.block_bytes);
  }
  request.max_evictions = 0;
  if (needed > request.free) {
    request.max_evictions = static_cast<size_t>(
        (needed - request.free + smallest - Bytes(1)) / smallest);
  }
  policy.Plan(model, request, order);
  return Check(model, *order);
}

}  // namespace kvplace
