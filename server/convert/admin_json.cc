#include "server/convert/admin_json.h"

#include <map>
#include <string>

namespace kvplace {
namespace {

const char* ReasonName(v1::MoveReason reason) {
  switch (reason) {
    case v1::MOVE_REASON_MISS:
      return "miss";
    case v1::MOVE_REASON_PREFETCH:
      return "prefetch";
    case v1::MOVE_REASON_CAPACITY:
      return "capacity";
    case v1::MOVE_REASON_REBALANCE:
      return "rebalance";
    default:
      return "unknown";
  }
}

OrderedJson MovesJson(const v1::DeviceStatus& device) {
  OrderedJson moves = OrderedJson::array();
  for (const v1::MoveCounts& m : device.moves()) {
    moves.push_back({{"reason", ReasonName(m.reason())},
                     {"done_blocks", m.done_blocks()},
                     {"failed_blocks", m.failed_blocks()},
                     {"expired_blocks", m.expired_blocks()}});
  }
  return moves;
}

OrderedJson LatencyJson(const v1::DeviceStatus& device) {
  if (!device.has_plan_latency()) return nullptr;
  const v1::PlanLatency& latency = device.plan_latency();
  return {{"plans", latency.plans()},
          {"median_seconds", latency.median_seconds()},
          {"p99_seconds", latency.p99_seconds()},
          {"longest_seconds", latency.longest_seconds()},
          {"decide_seconds", latency.decide_seconds()}};
}

OrderedJson ToJson(const v1::DeviceStatus& d) {
  return {
      {"device_index", d.device_index()},
      {"epoch", d.epoch()},
      {"model", d.model()},
      {"tenant", d.tenant()},
      {"pod", d.pod()},
      {"hbm_capacity_bytes", d.hbm_capacity_bytes()},
      {"hbm_resident_bytes", d.hbm_resident_bytes()},
      {"hbm_reserved_bytes", d.hbm_reserved_bytes()},
      {"hbm_in_flight_bytes", d.hbm_in_flight_bytes()},
      {"live_bytes", d.live_bytes()},
      {"live_blocks", d.live_blocks()},
      {"sequences", d.sequences()},
      {"last_step", d.last_step()},
      {"step_seconds", d.step_seconds()},
      {"roofline_seconds", d.roofline_seconds()},
      {"roofline_ratio", d.roofline_ratio()},
      {"hindsight_ratio", d.has_hindsight_ratio()
                              ? OrderedJson(d.hindsight_ratio())
                              : OrderedJson(nullptr)},
      {"hindsight_gap_ratio", d.has_hindsight_gap_ratio()
                                  ? OrderedJson(d.hindsight_gap_ratio())
                                  : OrderedJson(nullptr)},
      {"hindsight_age_seconds", d.has_hindsight_age_seconds()
                                    ? OrderedJson(d.hindsight_age_seconds())
                                    : OrderedJson(nullptr)},
      {"hindsight_window_steps", d.has_hindsight_window_steps()
                                     ? OrderedJson(d.hindsight_window_steps())
                                     : OrderedJson(nullptr)},
      {"utilization", d.utilization()},
      {"miss_share", d.miss_share()},
      {"migration_bytes_per_second", d.migration_bytes_per_second()},
      {"mode", ModeName(d.mode())},
      {"policy", d.policy()},
      {"steps", d.steps()},
      {"total_seconds", d.total_seconds()},
      {"total_roofline_seconds", d.total_roofline_seconds()},
      {"read_bytes", d.read_bytes()},
      {"dram_read_bytes", d.dram_read_bytes()},
      {"moved_bytes", d.moved_bytes()},
      {"observed_plan_seconds", d.observed_plan_seconds()},
      {"moves", MovesJson(d)},
      {"plan_latency", LatencyJson(d)}};
}

}  // namespace

std::string ModeName(v1::Mode mode) {
  switch (mode) {
    case v1::MODE_ACT:
      return "act";
    case v1::MODE_ADVISE:
      return "advise";
    case v1::MODE_OBSERVE:
      return "observe";
    default:
      return "unknown";
  }
}

OrderedJson ToJson(const v1::NodeStatus& node) {
  OrderedJson devices = OrderedJson::array();
  for (const v1::DeviceStatus& device : node.devices()) {
    devices.push_back(ToJson(device));
  }
  return {{"node_id", node.node_id()},
          {"draining", node.draining()},
          {"dram_capacity_bytes", node.has_dram_capacity_bytes()
                                      ? OrderedJson(node.dram_capacity_bytes())
                                      : OrderedJson(nullptr)},
          {"dram_used_bytes", node.dram_used_bytes()},
          {"devices", devices}};
}

OrderedJson ToJson(const v1::SessionStatus& s) {
  return {{"node_id", s.node_id()},
          {"device_index", s.device_index()},
          {"epoch", s.epoch()},
          {"incarnation", s.incarnation()},
          {"peer", s.peer()},
          {"ready", s.ready()},
          {"messages", s.messages()},
          {"plans", s.plans()},
          {"resyncs", s.resyncs()},
          {"rejected", s.rejected()},
          {"silent_seconds", s.silent_seconds()}};
}

OrderedJson ToJson(const v1::SequenceStatus& s) {
  return {{"sequence", s.sequence()},
          {"live_blocks", s.live_blocks()},
          {"hbm_blocks", s.hbm_blocks()},
          {"new_tokens", s.new_tokens()}};
}

OrderedJson ToJson(const v1::PolicySettings& settings) {
  // Sorted: a protobuf map has no order.
  const std::map<std::string, double> parameters(settings.parameters().begin(),
                                                 settings.parameters().end());
  OrderedJson named = OrderedJson::object();
  for (const auto& [name, value] : parameters) named[name] = value;
  return {{"policy", settings.policy()},
          {"parameters", named},
          {"mode", ModeName(settings.mode())}};
}

OrderedJson ToJson(const v1::RankedDevice& d) {
  return {{"node_id", d.node_id()},
          {"device_index", d.device_index()},
          {"needed_bytes", d.needed_bytes()},
          {"hbm_free_bytes", d.hbm_free_bytes()},
          {"fits", d.fits()},
          {"predicted_utilization", d.predicted_utilization()},
          {"predicted_step_seconds", d.predicted_step_seconds()}};
}

}  // namespace kvplace
