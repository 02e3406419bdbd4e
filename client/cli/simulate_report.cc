#include "client/cli/simulate_report.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <nlohmann/json.hpp>
#include <string>

#include "client/cli/report_parts.h"

namespace kvplace {
namespace {

using Json = nlohmann::ordered_json;

// T_roof / T; null without a bound or without time.
Json RooflineRatio(const SimulationReport& report, const SimulationResult& r) {
  const double seconds = r.run.seconds.value();
  if (!report.roofline_seconds || seconds <= 0) return nullptr;
  return NumberJson(*report.roofline_seconds / seconds);
}

// Certified bound / T; null without it or without time.
Json HindsightRatio(const SimulationReport& report, const SimulationResult& r) {
  const double seconds = r.run.seconds.value();
  if (!report.hindsight || seconds <= 0) return nullptr;
  return NumberJson(report.hindsight->lower.value() / seconds);
}

Json BoundsJson(const SimulationReport& report) {
  Json bounds = {{"roofline_seconds", nullptr},
                 {"hindsight_seconds", nullptr},
                 {"hindsight_upper_seconds", nullptr},
                 {"iterations", nullptr},
                 {"seconds_spent", nullptr}};
  if (report.roofline_seconds) {
    bounds["roofline_seconds"] = NumberJson(*report.roofline_seconds);
  }
  if (report.hindsight) {
    bounds["hindsight_seconds"] = NumberJson(report.hindsight->lower.value());
    bounds["hindsight_upper_seconds"] =
        NumberJson(report.hindsight->upper.value());
    bounds["iterations"] = report.hindsight->iterations;
    bounds["seconds_spent"] = report.hindsight->seconds_spent;
  }
  return bounds;
}

Json ResultJson(const SimulationReport& report, const SimulationResult& r) {
  Json json = {{"policy", r.policy},
               {"clairvoyant", r.clairvoyant},
               {"delay_steps", r.delay_steps},
               {"total_seconds", NumberJson(r.run.seconds.value())}};
  json.update(TrafficJson(r.run.traffic));
  json.update(Json{{"roofline_ratio", RooflineRatio(report, r)},
                   {"hindsight_ratio", HindsightRatio(report, r)},
                   {"decide_microseconds",
                    {{"p50", r.decide_microseconds_p50},
                     {"p99", r.decide_microseconds_p99}}}});
  if (r.annealed) {
    json["annealed"] = {{"window_steps", r.annealed->point.window_steps},
                        {"share", r.annealed->point.share},
                        {"iterations", r.annealed->iterations}};
  }
  return json;
}

int64_t TotalReadBytes(const Workload& workload) {
  return (workload.block_bytes() *
          static_cast<int64_t>(workload.reads.items().size()))
      .count();
}

std::string Gigabytes(int64_t bytes) {
  return fmt::format("{:.3f} GB", static_cast<double>(bytes) / 1e9);
}

// The certified bound, and the schedule that shows how close one can come.
void PrintHindsight(const SimulationReport& report, std::ostream& out) {
  const HindsightResult& h = *report.hindsight;
  const auto line = [&](const char* name, double seconds) {
    fmt::print(
        out, "{:<16}{:>6}{:>13.6f}{:>10}{:>11}\n", name, "-", seconds,
        report.roofline_seconds && seconds > 0
            ? fmt::format("{:.3f}", *report.roofline_seconds / seconds)
            : "-",
        seconds > 0 ? fmt::format("{:.3f}", h.lower.value() / seconds) : "-");
  };
  line("(certified)", h.lower.value());
  line("(schedule)", h.upper.value());
}

}  // namespace

void PrintJson(const SimulationReport& report, std::ostream& out) {
  const Workload& workload = *report.workload;
  const DeviceConfig& device = *report.device;
  Json results = Json::array();
  for (const SimulationResult& r : report.results) {
    results.push_back(ResultJson(report, r));
  }
  const Json document = {
      {"schema", "kvplace.simulate/1"},
      {"traces", workload.sources},
      {"mode",
       device.mode == ResidencyMode::kInclusive ? "inclusive" : "exclusive"},
      {"read_routing", device.read_routing},
      {"profile", ProfileJson(device.profile)},
      {"steps", workload.steps},
      {"phases", workload.phases()},
      {"blocks", workload.blocks},
      {"read_bytes", TotalReadBytes(workload)},
      {"peak_kv_bytes", (workload.block_bytes() *
                         static_cast<int64_t>(workload.peak_live_blocks))
                            .count()},
      {"hbm_capacity_bytes", device.hbm_capacity.count()},
      {"fixed_bytes_per_phase", device.fixed_bytes_per_phase.count()},
      {"devices_sharing_dram", device.devices_sharing_dram},
      {"bounds", BoundsJson(report)},
      {"results", results}};
  out << document.dump(2) << "\n";
}

void PrintCsv(const SimulationReport& report, std::ostream& out) {
  const Json first = report.results.empty()
                         ? Json::object()
                         : ResultJson(report, report.results[0]);
  std::string line;
  for (const auto& [key, value] : first.items()) {
    if (value.is_object()) continue;
    line += (line.empty() ? "" : ",") + key;
  }
  out << line << ",decide_microseconds_p50,decide_microseconds_p99\n";
  for (const SimulationResult& r : report.results) {
    line.clear();
    const Json result = ResultJson(report, r);
    for (const auto& [key, value] : result.items()) {
      if (value.is_object()) continue;
      if (!line.empty()) line += ",";
      if (value.is_string()) {
        line += value.get<std::string>();
      } else if (!value.is_null()) {
        line += value.dump();
      }
    }
    out << line << "," << r.decide_microseconds_p50 << ","
        << r.decide_microseconds_p99 << "\n";
  }
}

void PrintTable(const SimulationReport& report, std::ostream& out) {
  const Workload& workload = *report.workload;
  const DeviceConfig& device = *report.device;
  const double peak = static_cast<double>(
      std::max<uint64_t>(workload.peak_live_blocks, 1) *
      static_cast<uint64_t>(workload.block_bytes().count()));
  fmt::print(out,
             "{} steps x {} groups, {} sequence(s), {} blocks of {} bytes, "
             "reads {}\n",
             workload.steps, workload.groups, workload.sequences,
             workload.blocks, workload.block_bytes().count(),
             Gigabytes(TotalReadBytes(workload)));
  fmt::print(
      out, "{}, {}{}, HBM {} ({:.1f}% of peak KV)\n\n", device.profile.name,
      device.mode == ResidencyMode::kInclusive ? "inclusive" : "exclusive",
      device.read_routing ? ", read routing" : "",
      Gigabytes(device.hbm_capacity.count()),
      100.0 * static_cast<double>(device.hbm_capacity.count()) / peak);
  fmt::print(out, "{:<16}{:>6}{:>13}{:>10}{:>11}{:>9}{:>10}{:>10}{:>11}\n",
             "policy", "delay", "seconds", "roofline", "hindsight", "misses",
             "promoted", "demoted", "decide p50");
  if (report.roofline_seconds) {
    fmt::print(out, "{:<16}{:>6}{:>13.6f}{:>10.3f}\n", "(roofline)", "-",
               *report.roofline_seconds, 1.0);
  }
  if (report.hindsight) PrintHindsight(report, out);
  for (const SimulationResult& r : report.results) {
    const PhaseTraffic& t = r.run.traffic;
    fmt::print(
        out,
        "{:<16}{:>6}{:>13.6f}{:>10}{:>11}{:>8.2f}%{:>9.2f}%{:>9.2f}%{:>8.1f} "
        "us\n",
        r.policy + (r.clairvoyant ? "*" : ""), r.delay_steps,
        r.run.seconds.value(), RatioText(RooflineRatio(report, r)),
        RatioText(HindsightRatio(report, r)),
        100 * ShareOf(t.dram_reads, t.reads()),
        100 * ShareOf(t.promoted, t.reads()),
        100 * ShareOf(t.demoted, t.reads()), r.decide_microseconds_p50);
  }
  fmt::print(out,
             "\nroofline, hindsight: bound / time, 1 is best. misses, "
             "promoted, demoted: "
             "share of the bytes read. * knows the future.\n");
  if (report.hindsight) {
    fmt::print(
        out,
        "certified: no schedule takes less. schedule: one that knows the "
        "future. gap {:.2f}% after {} iterations, {:.1f} s.\n",
        100 * report.hindsight->Gap(), report.hindsight->iterations,
        report.hindsight->seconds_spent);
  }
  for (const SimulationResult& r : report.results) {
    if (!r.annealed) continue;
    fmt::print(out,
               "{}: looks {} step(s) ahead and promotes the top {:.3f} of the "
               "misses, found in {} iterations.\n",
               r.policy, r.annealed->point.window_steps,
               r.annealed->point.share, r.annealed->iterations);
  }
}

}  // namespace kvplace
