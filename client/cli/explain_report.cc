#include "client/cli/explain_report.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/explain_words.h"
#include "client/cli/report_parts.h"
#include "client/cli/text_table.h"

namespace kvplace {
namespace {

using Json = nlohmann::ordered_json;

Json TierJson(Tier tier) {
  if (tier == Tier::kNone) return nullptr;
  return tier == Tier::kHbm ? "hbm" : "dram";
}

const char* TierText(Tier tier) {
  if (tier == Tier::kNone) return "-";
  return tier == Tier::kHbm ? "hbm" : "dram";
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// The trace that brought the sequence; nothing in a workload without files.
std::optional<std::string> TraceOf(const Workload& workload,
                                   uint32_t sequence) {
  for (size_t i = 0; i < workload.source_ends.size(); ++i) {
    if (sequence < workload.source_ends[i]) return workload.sources[i];
  }
  return std::nullopt;
}

Json BlockJson(const Workload& workload, BlockId block) {
  const uint32_t sequence = workload.SequenceOf(block);
  return {{"id", block.value()},
          {"sequence", sequence},
          {"group", workload.GroupOf(block).value()},
          {"page", workload.PageOf(block)},
          {"bytes", workload.block_bytes().count()},
          {"trace", OrNull(TraceOf(workload, sequence))}};
}

Json CountsJson(const BlockStory::Counts& counts) {
  return {{"hbm_reads", counts.hbm_reads},
          {"dram_reads", counts.dram_reads},
          {"promotions", counts.promotions},
          {"prefetches", counts.prefetches},
          {"evictions", counts.evictions}};
}

Json RunJson(const SimulationResult& result) {
  Json json = {{"policy", result.policy},
               {"clairvoyant", result.clairvoyant},
               {"delay_steps", result.delay_steps},
               {"total_seconds", NumberJson(result.run.seconds.value())}};
  json.update(TrafficJson(result.run.traffic));
  return json;
}

Json WorthJson(const std::optional<BlockWorth>& worth) {
  if (!worth) return nullptr;
  return {{"rule", std::string(Name(worth->rule))},
          {"read_probability", NumberJson(worth->read_probability)},
          {"theta", NumberJson(worth->theta)},
          {"price", NumberJson(worth->price)},
          {"value", NumberJson(worth->value())},
          {"value_if_read", OrNull(worth->value_if_read)},
          {"needed", OrNull(worth->needed)},
          {"hbm_binds", worth->hbm_binds},
          {"group_admits_all", worth->group_admits_all}};
}

Json OrderJson(const PlaceInOrder& place) {
  return {{"promote_all", place.promote_all},
          {"promote_place", OrNull(place.promote_place)},
          {"promote_list", place.promote_list},
          {"evict_place", OrNull(place.evict_place)},
          {"evict_queue", place.evict_queue}};
}

Json MomentJson(const BlockMoment& moment, uint32_t groups,
                const std::string& policy) {
  return {{"step", moment.phase / groups},
          {"phase", moment.phase},
          {"tier_before", TierJson(moment.before)},
          {"tier_after", TierJson(moment.after)},
          {"born_in", TierJson(moment.born_in)},
          {"read_from", TierJson(moment.read_from)},
          {"routed", moment.routed},
          {"promoted", moment.promoted},
          {"prefetched", moment.prefetched},
          {"evicted", moment.evicted},
          {"ended", moment.ended},
          {"reason", std::string(Name(moment.why))},
          {"words", Words(moment, policy)},
          {"worth", WorthJson(moment.worth)},
          {"order", OrderJson(moment.place)}};
}

// Three digits, of what lies between 0 and 1.
std::string Number(double value) { return fmt::format("{:.3g}", value); }
std::string Number(const std::optional<double>& value) {
  return value ? Number(*value) : "-";
}

std::string TierChange(const BlockMoment& moment) {
  if (moment.before == moment.after) return TierText(moment.after);
  return absl::StrCat(TierText(moment.before), ">", TierText(moment.after));
}

void PrintHeading(const ExplainReport& report, std::ostream& out) {
  const Workload& workload = *report.workload;
  const SimulationResult& result = *report.result;
  const BlockId block = report.story->block();
  const uint32_t sequence = workload.SequenceOf(block);
  const auto trace = TraceOf(workload, sequence);
  fmt::print(out, "block {}: sequence {}{}, group {}, page {}, {} bytes\n",
             block.value(), sequence, trace ? " (" + *trace + ")" : "",
             workload.GroupOf(block).value(), workload.PageOf(block),
             workload.block_bytes().count());
  fmt::print(out,
             "{}, delay {}, on {}, {}{}, HBM for {} of {} blocks: {} steps in "
             "{:.6f} s\n",
             result.policy, result.delay_steps, report.device->profile.name,
             report.device->mode == ResidencyMode::kInclusive ? "inclusive"
                                                              : "exclusive",
             report.device->read_routing ? ", read routing" : "",
             report.device->hbm_capacity / workload.block_bytes(),
             workload.blocks, workload.steps, result.run.seconds.value());
  const BlockStory::Counts& counts = report.story->counts();
  const Tier start = report.story->start();
  fmt::print(out,
             "{}; {} reads from HBM, {} from DRAM; promoted {}, prefetched {}, "
             "evicted {} times\n\n",
             start == Tier::kNone  ? "begins later"
             : start == Tier::kHbm ? "starts in HBM"
                                   : "starts in DRAM",
             counts.hbm_reads, counts.dram_reads, counts.promotions,
             counts.prefetches, counts.evictions);
}

std::vector<std::string> WorthCells(const std::optional<BlockWorth>& worth) {
  if (!worth) return std::vector<std::string>(6, "-");
  return {Number(worth->read_probability), Number(worth->theta),
          Number(worth->value()),          Number(worth->value_if_read),
          Number(worth->needed),           std::string(Name(worth->rule))};
}

// Where there are no values.
void PrintMoves(const std::vector<BlockMoment>& moments, uint32_t groups,
                const std::string& policy, std::ostream& out) {
  TextTable table({"STEP", "READ", "TIER", "WHY"}, 3, 1);
  for (const BlockMoment& moment : moments) {
    table.Add({absl::StrCat(moment.phase / groups), TierText(moment.read_from),
               TierChange(moment), Words(moment, policy)});
  }
  table.Print(out);
}

}  // namespace

void PrintExplainJson(const ExplainReport& report, std::ostream& out) {
  const Workload& workload = *report.workload;
  const DeviceConfig& device = *report.device;
  Json moments = Json::array();
  for (const BlockMoment& moment : report.story->moments()) {
    moments.push_back(
        MomentJson(moment, workload.groups, report.result->policy));
  }
  const Json document = {
      {"schema", "kvplace.explain/1"},
      {"traces", workload.sources},
      {"mode",
       device.mode == ResidencyMode::kInclusive ? "inclusive" : "exclusive"},
      {"read_routing", device.read_routing},
      {"profile", ProfileJson(device.profile)},
      {"steps", workload.steps},
      {"hbm_capacity_bytes", device.hbm_capacity.count()},
      {"fixed_bytes_per_phase", device.fixed_bytes_per_phase.count()},
      {"run", RunJson(*report.result)},
      {"block", BlockJson(workload, report.story->block())},
      {"start", TierJson(report.story->start())},
      {"counts", CountsJson(report.story->counts())},
      {"moments", moments}};
  out << document.dump(2) << "\n";
}

void PrintExplainTable(const ExplainReport& report, std::ostream& out) {
  PrintHeading(report, out);
  if (report.story->moments().empty()) {
    out << "Nothing happened to it; --every N looks at it all the same.\n";
    return;
  }
  const std::string& policy = report.result->policy;
  const uint32_t groups = report.workload->groups;
  const auto& moments = report.story->moments();
  if (std::ranges::none_of(moments, [](const BlockMoment& moment) {
        return moment.worth.has_value();
      })) {
    PrintMoves(moments, groups, policy, out);
    return;
  }
  TextTable table({"STEP", "READ", "TIER", "P(READ)", "THETA", "VALUE",
                   "IF READ", "NEEDED", "RULE", "WHY"},
                  3, 2);
  for (const BlockMoment& moment : moments) {
    std::vector<std::string> row = {absl::StrCat(moment.phase / groups),
                                    TierText(moment.read_from),
                                    TierChange(moment)};
    for (std::string& cell : WorthCells(moment.worth)) {
      row.push_back(std::move(cell));
    }
    row.push_back(Words(moment, policy));
    table.Add(std::move(row));
  }
  table.Print(out);
  out << "\nAs the step was planned: P(READ) in the next step; THETA, how "
         "often "
         "the group waits\nfor DRAM; VALUE in HBM, IF READ after a read, "
         "NEEDED for a promotion (docs/policy.md).\n";
}

}  // namespace kvplace
