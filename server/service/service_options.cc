#include "server/service/service_options.h"

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

absl::Status CheckCount(absl::string_view field, uint64_t value, uint64_t least,
                        uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, ", expected ", least, "..", most));
}

absl::Status CheckDuration(absl::string_view field, absl::Duration value,
                           absl::Duration least, absl::Duration most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, " is ", absl::FormatDuration(value), ", expected ",
      absl::FormatDuration(least), "..", absl::FormatDuration(most)));
}

// Also refuses what is not a number.
absl::Status CheckNumber(absl::string_view field, double value, double least,
                         double most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, ", expected ", least, "..", most));
}

}  // namespace

absl::string_view Name(Mode mode) {
  switch (mode) {
    case Mode::kAct:
      return "act";
    case Mode::kAdvise:
      return "advise";
    case Mode::kObserve:
      return "observe";
  }
  return "unknown";
}

absl::StatusOr<Mode> ParseMode(absl::string_view name) {
  for (const Mode mode : {Mode::kAct, Mode::kAdvise, Mode::kObserve}) {
    if (name == Name(mode)) return mode;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "mode is \"", name, "\", expected one of act, advise, observe"));
}

absl::Status Validate(const PolicySettings& settings) {
  return MakeOnlinePolicy(settings.policy, settings.parameters).status();
}

absl::Status Validate(const ServiceOptions& o) {
  constexpr uint32_t kMaxHandles = 1u << 28;
  constexpr uint64_t kMaxTotal = uint64_t{1} << 40;
  for (absl::Status s :
       {CheckCount("max_message_bytes", o.max_message_bytes, 1 << 10,
                   512u << 20),
        CheckCount("max_sessions", o.max_sessions, 1, 1'000'000),
        CheckCount("max_blocks_per_session", o.max_blocks_per_session, 1,
                   kMaxHandles),
        CheckCount("max_blocks_total", o.max_blocks_total,
                   o.max_blocks_per_session, kMaxTotal),
        CheckCount("plan_lifetime_steps", o.plan_lifetime_steps, 1, 1'000'000),
        CheckDuration("heartbeat_timeout", o.heartbeat_timeout,
                      absl::Milliseconds(10), absl::Hours(1)),
        CheckDuration("drain_deadline", o.drain_deadline, absl::ZeroDuration(),
                      absl::Hours(1)),
        CheckCount("max_sample_every", o.max_sample_every, 1, 1024),
        CheckCount("sample_every", o.sample_every, 1, o.max_sample_every),
        CheckCount("max_consecutive_resyncs", o.max_consecutive_resyncs, 1,
                   1000),
        CheckDuration("overload_lag", o.overload_lag, absl::Microseconds(100),
                      absl::Minutes(1)),
        CheckCount("overload_recovery_steps", o.overload_recovery_steps, 1,
                   1'000'000),
        CheckCount("hindsight_window_steps", o.hindsight_window_steps, 0, 1024),
        CheckNumber("hindsight_cpu_share", o.hindsight_cpu_share, 0.001, 1)}) {
    if (!s.ok()) return s;
  }
  return Validate(o.defaults);
}

}  // namespace kvplace
