#include "client/worker/worker_report.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/report_parts.h"

namespace kvplace::client {
namespace {

using Json = nlohmann::ordered_json;

// Nearest rank, in microseconds; 0 of nothing.
double Microseconds(std::vector<absl::Duration> waits, double share) {
  if (waits.empty()) return 0;
  std::sort(waits.begin(), waits.end());
  const auto rank =
      static_cast<size_t>(share * static_cast<double>(waits.size() - 1) + 0.5);
  return absl::ToDoubleMicroseconds(waits[rank]);
}

Json RooflineRatio(const ReplayResult& result) {
  if (result.seconds <= Seconds(0)) return nullptr;
  return result.roofline.value() / result.seconds.value();
}

Json SessionJson(const WorkerReport& report) {
  const SessionStats& stats = report.stats;
  return {{"connected", report.connected},
          {"last_error", report.last_error.ok()
                             ? Json(nullptr)
                             : Json(std::string(report.last_error.message()))},
          {"sessions", stats.sessions},
          {"reconnects", stats.reconnects()},
          {"disconnects", stats.disconnects},
          {"resyncs", stats.resyncs},
          {"inventories", stats.inventories},
          {"drains", stats.drains},
          {"plans", stats.plans},
          {"plans_advisory", stats.plans_advisory},
          {"plans_invalid", stats.plans_invalid},
          {"plans_expired", stats.plans_expired},
          {"plan_steps", stats.plan_steps},
          {"fallback_steps", stats.local_steps},
          {"samples_sent", stats.samples_sent},
          {"sample_every", stats.sample_every},
          {"dropped_steps", stats.dropped_steps},
          {"offline_steps", stats.offline_steps}};
}

}  // namespace

void PrintJson(const WorkerReport& report, std::ostream& out) {
  const ReplayResult& result = *report.result;
  const DeviceConfig& device = report.session->device;
  Json document = {
      {"schema", "kvplace.worker/1"},
      {"server", report.session->target},
      {"node", report.session->node_id},
      {"device", report.session->device_index},
      {"traces", report.workload->sources},
      {"mode",
       device.mode == ResidencyMode::kInclusive ? "inclusive" : "exclusive"},
      {"read_routing", device.read_routing},
      {"profile", ProfileJson(device.profile)},
      {"steps", result.steps},
      {"complete", result.complete},
      {"blocks", report.workload->blocks},
      {"hbm_capacity_bytes", device.hbm_capacity.count()},
      {"fixed_bytes_per_phase", device.fixed_bytes_per_phase.count()},
      {"total_seconds", result.seconds.value()}};
  document.update(TrafficJson(result.traffic));
  document.update(Json{{"roofline_seconds", result.roofline.value()},
                       {"roofline_ratio", RooflineRatio(result)},
                       {"wall_seconds", report.wall_seconds},
                       {"order_wait_microseconds",
                        {{"p50", Microseconds(result.waits, 0.5)},
                         {"p99", Microseconds(result.waits, 0.99)},
                         {"max", Microseconds(result.waits, 1)}}},
                       {"plan_timeouts", result.plan_timeouts},
                       {"session", SessionJson(report)}});
  out << document.dump(2) << "\n";
}

void PrintTable(const WorkerReport& report, std::ostream& out) {
  const ReplayResult& result = *report.result;
  const PhaseTraffic& t = result.traffic;
  const SessionStats& stats = report.stats;
  const auto gigabytes = [](Bytes bytes) {
    return static_cast<double>(bytes.count()) / 1e9;
  };
  const auto row = [&out](const char* name, const std::string& value) {
    fmt::print(out, "{:<22}{}\n", name, value);
  };
  row("device",
      fmt::format("{}/{} at {}", report.session->node_id,
                  report.session->device_index, report.session->target));
  row("steps",
      fmt::format("{}{}, {:.2f} s of wall time", result.steps,
                  result.complete ? "" : " (stopped)", report.wall_seconds));
  row("modelled time",
      fmt::format("{:.6f} s, roofline {:.6f} s, ratio {}",
                  result.seconds.value(), result.roofline.value(),
                  RatioText(RooflineRatio(result))));
  row("read", fmt::format("{:.3f} GB from HBM, {:.3f} GB from DRAM, misses "
                          "{:.2f}%",
                          gigabytes(t.hbm_reads), gigabytes(t.dram_reads),
                          100 * ShareOf(t.dram_reads, t.reads())));
  row("moved", fmt::format("{:.3f} GB promoted, {:.3f} GB prefetched, {:.3f} "
                           "GB demoted, {:.3f} GB new KV",
                           gigabytes(t.promoted), gigabytes(t.prefetched),
                           gigabytes(t.demoted), gigabytes(t.new_kv())));
  row("orders", fmt::format("{} steps by the server's plans, {} by the local "
                            "policy; {} plans received, {} expired",
                            stats.plan_steps, stats.local_steps, stats.plans,
                            stats.plans_expired));
  row("session",
      fmt::format("{}, {} reconnects, {} resyncs, {} steps dropped, "
                  "{} offline",
                  report.connected ? "up" : "down", stats.reconnects(),
                  stats.resyncs, stats.dropped_steps, stats.offline_steps));
  if (!result.waits.empty()) {
    row("wait for orders",
        fmt::format("{:.0f} us median, {:.0f} us at 99%, {} in vain",
                    Microseconds(result.waits, 0.5),
                    Microseconds(result.waits, 0.99), result.plan_timeouts));
  }
  if (!report.last_error.ok()) {
    row("last error", std::string(report.last_error.message()));
  }
}

absl::Status WriteFinalState(const std::string& path, const Workload& workload,
                             const ReplayWorker& worker) {
  Json hbm = Json::array();
  // Live and resident blocks by sequence.
  std::map<uint64_t, std::pair<uint64_t, uint64_t>> sequences;
  for (const BlockId block : worker.LiveBlocks()) {
    auto& [live, resident] =
        sequences[worker.first_sequence() + workload.SequenceOf(block)];
    ++live;
    if (worker.device().tier(block) != Tier::kHbm) continue;
    ++resident;
    hbm.push_back(block.value());
  }
  Json by_sequence = Json::array();
  for (const auto& [sequence, blocks] : sequences) {
    by_sequence.push_back({{"sequence", sequence},
                           {"live_blocks", blocks.first},
                           {"hbm_blocks", blocks.second}});
  }
  const Json document = {
      {"schema", "kvplace.worker_state/1"},
      {"steps", worker.result().steps},
      {"block_bytes", workload.block_bytes().count()},
      {"hbm_resident_bytes", worker.device().resident().count()},
      {"sequences", by_sequence},
      {"hbm", hbm}};
  std::ofstream file(path, std::ios::trunc);
  file << document.dump() << "\n";
  file.close();
  if (!file) {
    return absl::DataLossError(
        absl::StrCat("--final-state ", path, ": cannot be written"));
  }
  return absl::OkStatus();
}

}  // namespace kvplace::client
