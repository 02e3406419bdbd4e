#include "client/cli/bench_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "client/cli/text_table.h"

namespace kvplace {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string NameOf(load::ReadEncoding encoding) {
  for (const auto& [name, value] : EncodingNames()) {
    if (value == encoding) return name;
  }
  return "";
}

std::string RateText(double rate) {
  return rate == 0 ? "max" : fmt::format("{:g}/s", rate);
}

// Microseconds as people read them.
std::string TimeText(double micros) {
  if (micros < 1e3) return fmt::format("{:.0f} us", micros);
  if (micros < 1e6) return fmt::format("{:.2f} ms", micros / 1e3);
  return fmt::format("{:.2f} s", micros / 1e6);
}

OrderedJson LatencyJson(const load::LatencySummary& l) {
  return {{"count", l.count}, {"mean", l.mean_us}, {"p50", l.p50_us},
          {"p90", l.p90_us},  {"p99", l.p99_us},   {"p99.9", l.p999_us},
          {"max", l.max_us}};
}

OrderedJson PhaseJson(const load::PhaseResult& p) {
  OrderedJson json = {{"rate", nullptr},
                      {"seconds", p.seconds},
                      {"offered", p.offered},
                      {"left_out", p.left_out},
                      {"sent", p.sent},
                      {"answered", p.answered},
                      {"unanswered", p.unanswered},
                      {"plans", p.plans},
                      {"plan_bytes", p.plan_bytes},
                      {"answered_per_second", p.answered_per_second()},
                      {"latency_us", LatencyJson(p.latency)},
                      {"most_sample_every", p.most_sample_every},
                      {"settled_after_seconds", nullptr}};
  if (p.phase.steps_per_second > 0) json["rate"] = p.phase.steps_per_second;
  if (p.settled_after) json["settled_after_seconds"] = *p.settled_after;
  return json;
}

}  // namespace

const std::map<std::string, load::ReadEncoding>& EncodingNames() {
  static const auto& names = *new std::map<std::string, load::ReadEncoding>{
      {"delta", load::ReadEncoding::kDelta},
      {"bitmap", load::ReadEncoding::kBitmap},
      {"all", load::ReadEncoding::kAll},
      {"smallest", load::ReadEncoding::kSmallest}};
  return names;
}

void PrintLoadText(const load::LoadOptions& options,
                   const load::LoadResult& result, std::ostream& out) {
  out << fmt::format(
      "{}: {} sessions of {} blocks in {} groups, {} ids and {:.0f} bytes a "
      "step\n\n",
      options.target, result.sessions, options.blocks, options.groups,
      options.message_ids, result.step_bytes);
  TextTable table({"RATE", "SECONDS", "ANSWERS/S", "P50", "P90", "P99", "P99.9",
                   "MAX", "LEFT OUT", "UNANSWERED"},
                  0);
  for (const load::PhaseResult& p : result.phases) {
    const load::LatencySummary& l = p.latency;
    table.Add({RateText(p.phase.steps_per_second),
               fmt::format("{:.1f}", p.seconds),
               fmt::format("{:.0f}", p.answered_per_second()),
               TimeText(l.p50_us), TimeText(l.p90_us), TimeText(l.p99_us),
               TimeText(l.p999_us), TimeText(l.max_us),
               fmt::format("{}", p.left_out), fmt::format("{}", p.unanswered)});
  }
  table.Print(out);
}

void PrintLoadJson(const load::LoadOptions& options,
                   const load::LoadResult& result, std::ostream& out) {
  OrderedJson phases = OrderedJson::array();
  for (const load::PhaseResult& p : result.phases) {
    phases.push_back(PhaseJson(p));
  }
  out << OrderedJson{{"schema", "kvplace.load/1"},
                     {"target", options.target},
                     {"workers", options.workers},
                     {"devices_per_worker", options.devices_per_worker},
                     {"idle_workers", options.idle_workers},
                     {"sessions", result.sessions},
                     {"blocks", options.blocks},
                     {"groups", options.groups},
                     {"message_ids", options.message_ids},
                     {"encoding", NameOf(options.encoding)},
                     {"masses", options.masses},
                     {"message_bytes", result.step_bytes},
                     {"start_seconds", result.start_seconds},
                     {"phases", phases}}
             .dump(2)
      << "\n";
}

}  // namespace kvplace
