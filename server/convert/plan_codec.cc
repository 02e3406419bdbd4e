#include "server/convert/plan_codec.h"

#include "absl/strings/str_cat.h"
#include "server/convert/blocks.h"
#include "server/core/block_codec.h"

namespace kvplace {
namespace {

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

void EncodeGroup(const GroupOrder& group, v1::GroupOrder* out) {
  out->set_promote_all(group.promote_all);
  out->mutable_promote_if_read()->clear();
  EncodeOrdered(group.promote_if_read, out->mutable_promote_if_read());
  out->mutable_prefetch()->clear();
  EncodeOrdered(group.prefetch, out->mutable_prefetch());
  out->set_new_block_tier(TierToProto(group.new_block_tier));
  out->set_promote_reason(v1::MOVE_REASON_MISS);
}

}  // namespace

v1::MoveReason MoveReasonToProto(MoveReason reason) {
  switch (reason) {
    case MoveReason::kMiss:
      return v1::MOVE_REASON_MISS;
    case MoveReason::kPrefetch:
      return v1::MOVE_REASON_PREFETCH;
    case MoveReason::kCapacity:
      return v1::MOVE_REASON_CAPACITY;
    case MoveReason::kRebalance:
      return v1::MOVE_REASON_REBALANCE;
  }
  return v1::MOVE_REASON_UNSPECIFIED;
}

void EncodeRepeat(const Plan& plan, v1::Plan* out) {
  out->set_id(plan.id.value());
  out->set_basis_step(plan.basis.value());
  out->set_valid_until_step(plan.valid_until.value());
}

void EncodePlan(const Plan& plan, bool advisory, v1::Plan* out) {
  const StandingOrder& order = plan.order;
  EncodeRepeat(plan, out);
  out->set_advisory(advisory);
  const int groups = static_cast<int>(order.groups.size());
  while (out->groups_size() > groups) out->mutable_groups()->RemoveLast();
  while (out->groups_size() < groups) out->add_groups();
  for (int g = 0; g < groups; ++g) {
    EncodeGroup(order.groups[static_cast<size_t>(g)], out->mutable_groups(g));
  }
  out->mutable_evict_queue()->clear();
  EncodeOrdered(order.evict_queue, out->mutable_evict_queue());
  out->set_evict_at_least(order.evict_at_least);
  out->set_evict_reason(MoveReasonToProto(order.evict_reason));
  out->set_max_routed_share(order.max_routed_share);
  out->set_evict_unlisted_first(order.evict_unlisted_first);
}

absl::Status PlanDecoder::Decode(const v1::Plan& plan, Plan* out) {
  if (plan.id() == 0) return Bad("plan.id is 0, expected >= 1");
  if (plan.valid_until_step() <= plan.basis_step()) {
    return Bad("plan.valid_until_step is ", plan.valid_until_step(),
               ", expected more than basis_step, ", plan.basis_step());
  }
  out->id = PlanId(plan.id());
  out->basis = StepIndex(plan.basis_step());
  out->valid_until = StepIndex(plan.valid_until_step());
  return Within(DecodeOrder(plan, &out->order), "plan.");
}

absl::Status PlanDecoder::DecodeOrder(const v1::Plan& plan,
                                      StandingOrder* out) {
  if (static_cast<uint32_t>(plan.groups_size()) != groups_) {
    return Bad("groups has ", plan.groups_size(), " entries, expected ",
               groups_);
  }
  out->Reset(groups_);
  for (int g = 0; g < plan.groups_size(); ++g) {
    if (auto s =
            DecodeGroup(plan.groups(g), &out->groups[static_cast<size_t>(g)]);
        !s.ok()) {
      return Within(s, "groups[", g, "].");
    }
  }
  if (auto s = DecodeList("evict_queue", plan.evict_queue(), &out->evict_queue);
      !s.ok()) {
    return s;
  }
  if (plan.evict_at_least() > out->evict_queue.size()) {
    return Bad("evict_at_least is ", plan.evict_at_least(),
               ", expected at most the ", out->evict_queue.size(),
               " entries of evict_queue");
  }
  if (!(plan.max_routed_share() >= 0 && plan.max_routed_share() <= 1)) {
    return Bad("max_routed_share is ", plan.max_routed_share(),
               ", expected 0..1");
  }
  out->evict_at_least = plan.evict_at_least();
  out->evict_reason = plan.evict_reason() == v1::MOVE_REASON_REBALANCE
                          ? MoveReason::kRebalance
                          : MoveReason::kCapacity;
  out->max_routed_share = plan.max_routed_share();
  out->evict_unlisted_first = plan.evict_unlisted_first();
  return absl::OkStatus();
}

absl::Status PlanDecoder::DecodeGroup(const v1::GroupOrder& group,
                                      GroupOrder* out) {
  auto tier = TierFromProto(group.new_block_tier());
  if (!tier.ok()) return Within(tier.status(), "new_block_");
  out->promote_all = group.promote_all();
  out->new_block_tier = *tier;
  if (auto s = DecodeList("promote_if_read", group.promote_if_read(),
                          &out->promote_if_read);
      !s.ok()) {
    return s;
  }
  return DecodeList("prefetch", group.prefetch(), &out->prefetch);
}

absl::Status PlanDecoder::DecodeList(const char* field,
                                     const std::string& bytes,
                                     std::vector<BlockId>* out) {
  const auto limit = static_cast<uint32_t>(seen_.size());
  if (auto s = DecodeOrdered(bytes, limit, out); !s.ok()) {
    return Within(s, field, ": ");
  }
  absl::Status status;
  size_t marked = 0;
  for (; marked < out->size(); ++marked) {
    const uint32_t handle = (*out)[marked].value();
    if (seen_[handle]) {
      status = Bad(field, ": handle ", handle, " twice, expected each once");
      break;
    }
    seen_[handle] = true;
  }
  for (size_t i = 0; i < marked; ++i) seen_[(*out)[i].value()] = false;
  return status;
}

}  // namespace kvplace
