#include "server/config/option_table.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/option_kinds.h"
#include "server/core/policy/registry.h"

namespace kvplace {
namespace {

// A way to a field of Options, const or not.
#define KVPLACE_FIELD(path) \
  [](auto& options) -> auto& { return options.path; }

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kTiB = uint64_t{1} << 40;

using Table = std::vector<OptionSpec>;

void AddNetwork(Table& t) {
  const std::string group = "Network";
  t.push_back(AddressOption(
      {"listen", group,
       "where workers and admins connect; loopback unless you say otherwise, "
       "because without TLS and a token neither side shows who it is"},
      "", KVPLACE_FIELD(listen)));
  t.push_back(AddressOption(
      {"metrics-listen", group,
       "where Prometheus scrapes /metrics, in plain HTTP; off: nowhere"},
      "off", KVPLACE_FIELD(metrics_listen)));
  t.push_back(CountOption(
      {"metrics-groups", group,
       "rows of layer groups that a device has in /metrics; with more groups, "
       "neighbours are counted together"},
      1, 1024, KVPLACE_FIELD(metrics_groups)));
  t.push_back(OptionalAddressOption(
      {"status-listen", group,
       "where the status page is, in plain HTTP and for anyone who reaches it; "
       "off or empty: nowhere"},
      KVPLACE_FIELD(status_listen)));
  t.push_back(PathOption(
      {"port-file", group,
       "write the ports that were opened to this file, as JSON, once the "
       "server serves; for scripts that listen on port 0"},
      KVPLACE_FIELD(port_file)));
  t.push_back(DurationOption(
      {"keepalive-time", group,
       "ping a connection on which nothing was heard for so long"},
      absl::Seconds(1), absl::Hours(2), KVPLACE_FIELD(keepalive_time)));
  t.push_back(DurationOption(
      {"keepalive-timeout", group,
       "close it if the ping is not answered for so long"},
      absl::Seconds(1), absl::Minutes(10), KVPLACE_FIELD(keepalive_timeout)));
  t.push_back(SwitchOption(
      {"reflection", group, "let grpcurl and the like ask for the services"},
      KVPLACE_FIELD(reflection)));
  t.push_back(SwitchOption(
      {"channelz", group,
       "serve gRPC's own statistics of connections to anyone who may connect"},
      KVPLACE_FIELD(channelz)));
}

void AddSecurity(Table& t) {
  const std::string group = "Security";
  t.push_back(PathOption(
      {"tls-cert", group,
       "certificate chain of the server (PEM), read again when it changes; "
       "none: plaintext"},
      KVPLACE_FIELD(tls.cert)));
  t.push_back(PathOption({"tls-key", group, "its private key (PEM)"},
                         KVPLACE_FIELD(tls.key)));
  t.push_back(PathOption(
      {"tls-client-ca", group,
       "clients must show a certificate signed by one of these (PEM)"},
      KVPLACE_FIELD(tls.client_ca)));
  t.push_back(DurationOption(
      {"tls-reload-interval", group, "how often these files are looked at"},
      absl::Seconds(1), absl::Hours(1), KVPLACE_FIELD(tls.reload_interval)));
  t.push_back(PathOption(
      {"admin-token-file", group,
       "file with the token that AdminService asks for (authorization: Bearer "
       "TOKEN); none: it asks for none",
       true},
      KVPLACE_FIELD(admin_token_file)));
}

void AddPolicy(Table& t) {
  const std::string group = "Policy";
  std::vector<std::string> names;
  for (const absl::string_view name : OnlinePolicyNames()) {
    names.emplace_back(name);
  }
  // Whether it exists, and fits its parameters, is checked when both are known.
  t.push_back(TextOption(
      {"policy", group, "who plans where nobody chose by kvplacectl policy set",
       true},
      "NAME", absl::StrCat("one of ", absl::StrJoin(names, ", ")),
      [](absl::string_view text) { return !text.empty(); },
      KVPLACE_FIELD(service.defaults.policy)));

  OptionSpec parameters = MakeSpec(
      {"policy-param", group,
       "a parameter of the policy; may be repeated, in the file a map", true},
      "NAME=NUMBER", "name=number");
  parameters.map = true;
  parameters.set = [](absl::string_view text, Options* o) -> absl::Status {
    auto parsed = ParseParameter(text);
    if (!parsed.ok()) return parsed.status();
    if (!o->service.defaults.parameters.insert(*std::move(parsed)).second) {
      return absl::InvalidArgumentError("expected each name once");
    }
    return absl::OkStatus();
  };
  parameters.clear = [](Options* o) { o->service.defaults.parameters.clear(); };
  parameters.get = [](const Options& o) {
    std::vector<std::string> entries;
    for (const auto& [name, value] : o.service.defaults.parameters) {
      entries.push_back(absl::StrCat(name, "=", NumberText(value)));
    }
    return entries;
  };
  t.push_back(std::move(parameters));

  t.push_back(WordOption(
      {"mode", group,
       "act: plans are executed; advise: sent for information; observe: not "
       "sent, the metrics show what they would have gained",
       true},
      {"act", "advise", "observe"}, ParseMode,
      [](Mode mode) { return Name(mode); },
      KVPLACE_FIELD(service.defaults.mode)));
}

void AddSessions(Table& t) {
  const std::string group = "Sessions";
  t.push_back(CountOption({"max-sessions", group, "streams at a time"}, 1,
                          1'000'000, KVPLACE_FIELD(service.max_sessions)));
  t.push_back(SizeOption(
      {"max-message-size", group, "largest message a worker may send"}, kKiB,
      512 * kMiB, KVPLACE_FIELD(service.max_message_bytes)));
  t.push_back(CountOption(
      {"max-blocks-per-session", group,
       "block handles of one session, all layer groups together"},
      1, uint64_t{1} << 28, KVPLACE_FIELD(service.max_blocks_per_session)));
  t.push_back(CountOption(
      {"max-blocks-total", group,
       "block handles of all sessions: bounds the server's memory"},
      1, uint64_t{1} << 40, KVPLACE_FIELD(service.max_blocks_total)));
  t.push_back(DurationOption(
      {"heartbeat-timeout", group, "a session that is silent for longer ends"},
      absl::Milliseconds(10), absl::Hours(1),
      KVPLACE_FIELD(service.heartbeat_timeout)));
  t.push_back(
      CountOption({"max-consecutive-resyncs", group,
                   "a session that had to start over so often in a row ends"},
                  1, 1000, KVPLACE_FIELD(service.max_consecutive_resyncs)));
  t.push_back(CountOption(
      {"plan-lifetime-steps", group,
       "steps for which a plan stays valid after the one it is based on"},
      1, 1'000'000, KVPLACE_FIELD(service.plan_lifetime_steps)));
  t.push_back(DurationOption(
      {"drain-deadline", group,
       "time that draining sessions get before their streams end"},
      absl::ZeroDuration(), absl::Hours(1),
      KVPLACE_FIELD(service.drain_deadline)));
  t.push_back(TextOption(
      {"drain-to", group,
       "where workers are sent when this server drains; empty: the same "
       "address",
       true},
      "HOST:PORT", "host:port or nothing",
      [](absl::string_view text) {
        return text.empty() || ParseListenAddress(text).ok();
      },
      KVPLACE_FIELD(drain_to)));
}

void AddOverload(Table& t) {
  const std::string group = "Overload";
  t.push_back(CountOption(
      {"sample-every", group, "workers send one Step per this many steps"}, 1,
      1024, KVPLACE_FIELD(service.sample_every)));
  t.push_back(CountOption(
      {"max-sample-every", group,
       "largest such number under overload; if it is sample-every itself, "
       "nothing is left out of what is learned, either"},
      1, 1024, KVPLACE_FIELD(service.max_sample_every)));
  t.push_back(DurationOption(
      {"overload-lag", group,
       "a worker whose steps wait for longer is told to send half as many"},
      absl::Microseconds(100), absl::Minutes(1),
      KVPLACE_FIELD(service.overload_lag)));
  t.push_back(CountOption(
      {"overload-recovery-steps", group,
       "after so many quick steps in a row twice as many may come again"},
      1, 1'000'000, KVPLACE_FIELD(service.overload_recovery_steps)));
}

void AddHindsight(Table& t) {
  const std::string group = "Hindsight bound";
  t.push_back(CountOption(
      {"hindsight-window-steps", group,
       "bound the time of so many last steps of each device from below, as if "
       "the future had been known; 0: off"},
      0, 1024, KVPLACE_FIELD(service.hindsight_window_steps)));
  t.push_back(NumberOption(
      {"hindsight-cpu-share", group,
       "CPU time per elapsed time that this may take, all devices together",
       true},
      0.001, 1, KVPLACE_FIELD(service.hindsight_cpu_share)));
}

void AddRecorder(Table& t) {
  const std::string group = "Recorder";
  t.push_back(PathOption(
      {"record-dir", group,
       "write live sessions to .kvtrace files in this folder; none: record "
       "nothing"},
      KVPLACE_FIELD(record.dir)));
  t.push_back(SizeOption(
      {"record-file-size", group, "begin another file at this size", true},
      kMiB, kTiB, KVPLACE_FIELD(record.file_bytes)));
  t.push_back(
      SizeOption({"record-total-size", group,
                  "delete the oldest files when all together are larger", true},
                 kMiB, 1024 * kTiB, KVPLACE_FIELD(record.total_bytes)));
  t.push_back(SizeOption(
      {"record-queue-size", group,
       "messages waiting for the disk; beyond it recordings get gaps"},
      kMiB, 64 * kMiB * 1024, KVPLACE_FIELD(record.queue_bytes)));
}

absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError("no such format");
}

absl::StatusOr<Severity> ParseSeverity(absl::string_view text) {
  for (const Severity severity : {Severity::kDebug, Severity::kInfo,
                                  Severity::kWarning, Severity::kError}) {
    if (text == Name(severity)) return severity;
  }
  return absl::InvalidArgumentError("no such level");
}

void AddLog(Table& t) {
  const std::string group = "Log";
  t.push_back(WordOption(
      {"log-format", group, "lines on stderr: key=value, or JSON"},
      {"text", "json"}, ParseLogFormat,
      [](LogFormat format) {
        return format == LogFormat::kJson ? "json" : "text";
      },
      KVPLACE_FIELD(log_format)));
  t.push_back(WordOption(
      {"log-level", group, "the least that is logged", true},
      {"debug", "info", "warning", "error"}, ParseSeverity,
      [](Severity severity) { return Name(severity); },
      KVPLACE_FIELD(log_level)));
}

#undef KVPLACE_FIELD

}  // namespace

const std::vector<OptionSpec>& OptionTable() {
  static const Table* const kTable = [] {
    auto* table = new Table;
    AddNetwork(*table);
    AddSecurity(*table);
    AddPolicy(*table);
    AddSessions(*table);
    AddOverload(*table);
    AddHindsight(*table);
    AddRecorder(*table);
    AddLog(*table);
    return table;
  }();
  return *kTable;
}

const OptionSpec* FindOption(absl::string_view name) {
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::vector<std::string> OptionNames() {
  std::vector<std::string> names;
  for (const OptionSpec& spec : OptionTable()) names.push_back(spec.name);
  return names;
}

std::string ValueText(const OptionSpec& spec, const Options& options) {
  return absl::StrJoin(spec.get(options), ",");
}

}  // namespace kvplace
