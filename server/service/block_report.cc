#include "server/service/block_report.h"

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/convert/blocks.h"
#include "server/core/explain.h"
#include "server/service/policy_in_force.h"

namespace kvplace {
namespace {

v1::PlacementRule ToProto(Leader rule) {
  switch (rule) {
    case Leader::kValues:
      return v1::PLACEMENT_RULE_VALUES;
    case Leader::kLru:
      return v1::PLACEMENT_RULE_LRU;
    case Leader::kLfu:
      return v1::PLACEMENT_RULE_LFU;
    case Leader::kStatic:
      return v1::PLACEMENT_RULE_STATIC;
  }
  return v1::PLACEMENT_RULE_UNSPECIFIED;
}

absl::Status CheckBlock(const LiveSession& session, BlockId block) {
  session.AssertLocked();
  const BlockTable& blocks = session.scheduler_locked().model().blocks();
  if (block.value() >= blocks.handles()) {
    return absl::InvalidArgumentError(
        absl::StrCat("handle is ", block.value(), ", expected below ",
                     blocks.handles(), " on this device"));
  }
  if (!session.ready_locked()) {
    return absl::FailedPreconditionError(
        "the device's inventory is not complete, expected in a moment");
  }
  if (!blocks.alive(block)) {
    return absl::NotFoundError(absl::StrCat("handle is ", block.value(),
                                            ", expected that of a live block"));
  }
  return absl::OkStatus();
}

void ReportWorth(const BlockWorth& worth, v1::BlockWorth* out) {
  out->set_rule(ToProto(worth.rule));
  out->set_read_probability(worth.read_probability);
  out->set_theta(worth.theta);
  out->set_price(worth.price);
  out->set_value(worth.value());
  if (worth.value_if_read) out->set_value_if_read(*worth.value_if_read);
  if (worth.needed) out->set_needed(*worth.needed);
  out->set_hbm_binds(worth.hbm_binds);
  out->set_group_admits_all(worth.group_admits_all);
}

void ReportOrder(const Plan& plan, GroupId group, BlockId block,
                 v1::BlockInOrder* out) {
  const PlaceInOrder place = PlaceIn(plan.order, group, block);
  out->set_plan_id(plan.id.value());
  out->set_basis_step(plan.basis.value());
  out->set_promote_all(place.promote_all);
  if (place.promote_place) {
    out->set_promote_place(static_cast<uint32_t>(*place.promote_place));
  }
  out->set_promote_list(static_cast<uint32_t>(place.promote_list));
  if (place.evict_place) {
    out->set_evict_place(static_cast<uint32_t>(*place.evict_place));
  }
  out->set_evict_queue(static_cast<uint32_t>(place.evict_queue));
}

}  // namespace

absl::StatusOr<v1::ExplainBlockResponse> ReportBlock(const LiveSession& session,
                                                     BlockId block) {
  if (auto s = CheckBlock(session, block); !s.ok()) return s;
  session.AssertLocked();
  const DeviceScheduler& scheduler = session.scheduler_locked();
  const DeviceModel& model = scheduler.model();
  const BlockTable& blocks = model.blocks();
  const GroupId group = blocks.group(block);
  v1::ExplainBlockResponse out;
  out.set_node_id(session.key().node_id);
  out.set_device_index(session.key().device_index);
  out.set_handle(block.value());
  out.set_sequence(blocks.sequence(block).value());
  out.set_group(group.value());
  out.set_page(blocks.page(block));
  out.set_bytes(
      static_cast<uint64_t>(model.config().block_bytes(group).count()));
  out.set_tier(TierToProto(model.residency().tier(block)));
  out.set_step(model.step().value());
  if (model.stats().ever_read(block)) {
    out.set_last_read_step(model.stats().last_read(block).value());
  }
  out.set_mode(ModeToProto(scheduler.policy().settings.mode));
  out.set_policy(scheduler.policy().settings.policy);
  if (const auto worth = WorthOf(model, block)) {
    ReportWorth(*worth, out.mutable_worth());
  }
  if (const Plan* plan = scheduler.last_plan()) {
    ReportOrder(*plan, group, block, out.mutable_order());
  }
  return out;
}

}  // namespace kvplace
