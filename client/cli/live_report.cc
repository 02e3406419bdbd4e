#include "client/cli/live_report.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/text_table.h"
#include "server/convert/admin_json.h"

namespace kvplace {
namespace {

// Three digits and a binary unit.
std::string Size(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f} B", bytes);
  return fmt::format("{:.{}f} {}", bytes,
                     bytes < 10    ? 2
                     : bytes < 100 ? 1
                                   : 0,
                     kUnits[unit]);
}

std::string SizeOf(uint64_t bytes) { return Size(static_cast<double>(bytes)); }

std::string Time(double seconds) {
  if (seconds <= 0) return "-";
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string Percent(double share) {
  return fmt::format("{:.1f}%", 100 * share);
}

// Nothing was run yet.
bool Idle(const v1::DeviceStatus& device) { return device.steps() == 0; }

std::string HbmUsed(const v1::DeviceStatus& d) {
  if (d.hbm_capacity_bytes() == 0) return "-";
  return Percent(static_cast<double>(d.hbm_resident_bytes()) /
                 static_cast<double>(d.hbm_capacity_bytes()));
}

std::string Hindsight(const v1::DeviceStatus& d) {
  return d.has_hindsight_ratio() ? fmt::format("{:.3f}", d.hindsight_ratio())
                                 : "-";
}

void PrintNodesJson(const NodeList& nodes, std::ostream& out) {
  OrderedJson list = OrderedJson::array();
  for (const v1::NodeStatus& node : nodes) list.push_back(ToJson(node));
  out << OrderedJson{{"schema", "kvplace.nodes/1"}, {"nodes", list}}.dump(2)
      << "\n";
}

template <typename List>
void PrintListJson(const char* schema, const char* name, const List& items,
                   std::ostream& out) {
  OrderedJson list = OrderedJson::array();
  for (const auto& item : items) list.push_back(ToJson(item));
  out << OrderedJson{{"schema", schema}, {name, list}}.dump(2) << "\n";
}

std::string SettingsText(const v1::PolicySettings& settings) {
  std::string text = settings.policy();
  const std::map<std::string, double> parameters(settings.parameters().begin(),
                                                 settings.parameters().end());
  for (const auto& [name, value] : parameters) {
    absl::StrAppend(&text, " ", name, "=", value);
  }
  return absl::StrCat(text, " (", ModeName(settings.mode()), ")");
}

}  // namespace

absl::StatusOr<v1::Mode> ParseModeName(const std::string& name) {
  for (const v1::Mode mode :
       {v1::MODE_ACT, v1::MODE_ADVISE, v1::MODE_OBSERVE}) {
    if (ModeName(mode) == name) return mode;
  }
  return absl::InvalidArgumentError("expected act, advise or observe");
}

void PrintNodes(const NodeList& nodes, bool json, std::ostream& out) {
  if (json) return PrintNodesJson(nodes, out);
  TextTable table({"NODE", "DEV", "MODEL", "POLICY", "MODE", "STATE", "HBM",
                   "USED", "LIVE KV", "BLOCKS", "SEQS", "STEPS", "HINDSIGHT"},
                  6);
  for (const v1::NodeStatus& node : nodes) {
    const std::string state = node.draining() ? "draining" : "ready";
    if (node.devices().empty()) {
      table.Add({node.node_id(), "-", "-", "-", "-", state, "-", "-", "-", "-",
                 "-", "-", "-"});
    }
    for (const v1::DeviceStatus& d : node.devices()) {
      table.Add({node.node_id(), absl::StrCat(d.device_index()),
                 d.model().empty() ? "-" : d.model(), d.policy(),
                 ModeName(d.mode()), state, SizeOf(d.hbm_capacity_bytes()),
                 HbmUsed(d), SizeOf(d.live_bytes()),
                 absl::StrCat(d.live_blocks()), absl::StrCat(d.sequences()),
                 absl::StrCat(d.steps()), Hindsight(d)});
    }
  }
  table.Print(out);
}

void PrintTop(const NodeList& nodes, bool json, std::ostream& out) {
  if (json) return PrintNodesJson(nodes, out);
  TextTable table({"NODE", "DEV", "POLICY", "STEP TIME", "ROOFLINE",
                   "HINDSIGHT", "HBM", "MISSES", "MIGRATION", "SEQS", "STEP"},
                  3);
  for (const v1::NodeStatus& node : nodes) {
    for (const v1::DeviceStatus& d : node.devices()) {
      const bool idle = Idle(d);
      table.Add({node.node_id(), absl::StrCat(d.device_index()), d.policy(),
                 Time(d.step_seconds()),
                 idle ? "-" : fmt::format("{:.3f}", d.roofline_ratio()),
                 Hindsight(d), HbmUsed(d), idle ? "-" : Percent(d.miss_share()),
                 idle ? "-" : Size(d.migration_bytes_per_second()) + "/s",
                 absl::StrCat(d.sequences()), absl::StrCat(d.last_step())});
    }
  }
  table.Print(out);
}

void PrintSessions(const SessionList& sessions, bool json, std::ostream& out) {
  if (json) {
    PrintListJson("kvplace.sessions/1", "sessions", sessions, out);
    return;
  }
  TextTable table({"NODE", "DEV", "PEER", "STATE", "EPOCH", "MESSAGES", "PLANS",
                   "RESYNCS", "REJECTED"},
                  4);
  for (const v1::SessionStatus& s : sessions) {
    table.Add({s.node_id(), absl::StrCat(s.device_index()), s.peer(),
               s.ready() ? "ready" : "waiting", absl::StrCat(s.epoch()),
               absl::StrCat(s.messages()), absl::StrCat(s.plans()),
               absl::StrCat(s.resyncs()), absl::StrCat(s.rejected())});
  }
  table.Print(out);
}

void PrintSequences(const SequenceList& sequences, bool json,
                    std::ostream& out) {
  if (json) {
    PrintListJson("kvplace.sequences/1", "sequences", sequences, out);
    return;
  }
  TextTable table({"SEQUENCE", "BLOCKS", "IN HBM", "NEW TOKENS"}, 0);
  for (const v1::SequenceStatus& s : sequences) {
    table.Add({absl::StrCat(s.sequence()), absl::StrCat(s.live_blocks()),
               absl::StrCat(s.hbm_blocks()), absl::StrCat(s.new_tokens())});
  }
  table.Print(out);
}

void PrintPolicy(const v1::GetPolicyResponse& policy, bool json,
                 std::ostream& out) {
  if (json) {
    OrderedJson document = {{"schema", "kvplace.policy/1"}};
    document.update(ToJson(policy.settings()));
    document["version"] = policy.version();
    document["inherited"] = policy.inherited();
    document["available"] = OrderedJson::array();
    for (const std::string& name : policy.available()) {
      document["available"].push_back(name);
    }
    out << document.dump(2) << "\n";
    return;
  }
  out << SettingsText(policy.settings()) << ", version " << policy.version()
      << (policy.inherited() ? ", the default" : "") << "\navailable:";
  for (const std::string& name : policy.available()) out << " " << name;
  out << "\n";
}

void PrintPolicyChange(const v1::SetPolicyResponse& change, bool dry_run,
                       bool json, std::ostream& out) {
  if (json) {
    out << OrderedJson{{"schema", "kvplace.policy_change/1"},
                       {"dry_run", dry_run},
                       {"before", ToJson(change.before())},
                       {"after", ToJson(change.after())},
                       {"version", change.version()},
                       {"sessions", change.sessions()}}
               .dump(2)
        << "\n";
    return;
  }
  out << SettingsText(change.before()) << " -> "
      << SettingsText(change.after());
  if (dry_run) {
    out << ": valid, nothing was changed\n";
  } else {
    out << ": version " << change.version() << ", " << change.sessions()
        << " session(s)\n";
  }
}

void PrintRanks(const v1::RankNodesResponse& ranks, bool json,
                std::ostream& out) {
  if (json) {
    PrintListJson("kvplace.rank/1", "devices", ranks.devices(), out);
    return;
  }
  TextTable table(
      {"NODE", "DEV", "FITS", "NEEDS", "FREE HBM", "UTILIZATION", "STEP TIME"},
      3);
  for (const v1::RankedDevice& d : ranks.devices()) {
    table.Add({d.node_id(), absl::StrCat(d.device_index()),
               d.fits() ? "yes" : "no", SizeOf(d.needed_bytes()),
               SizeOf(d.hbm_free_bytes()), Percent(d.predicted_utilization()),
               Time(d.predicted_step_seconds())});
  }
  table.Print(out);
}

}  // namespace kvplace
