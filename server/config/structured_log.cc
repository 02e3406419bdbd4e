#include "server/config/structured_log.h"

#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

namespace kvplace {
namespace {

// What causes beyond the bound count as.
constexpr absl::string_view kOtherCause = "other";

// As a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string Quote(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Text is left as it is where a reader can see its end, quoted otherwise.
std::string QuoteIfNeeded(absl::string_view text) {
  const bool plain = !text.empty() &&
                     text.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy"
                         "z0123456789._:/+-@,[]()") == absl::string_view::npos;
  return plain ? std::string(text) : Quote(text);
}

}  // namespace

absl::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "debug";
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "unknown";
}

StructuredLog::StructuredLog(const Options& options, const Clock* clock,
                             Output output)
    : options_(options),
      clock_(clock),
      output_(std::move(output)),
      minimum_(options.minimum) {}

void StructuredLog::Write(Severity severity, absl::string_view cause,
                          absl::string_view message,
                          std::initializer_list<LogField> fields) {
  if (severity < minimum_) return;
  uint64_t held_back = 0;
  if (!Admit(cause, &held_back)) {
    ++suppressed_;
    return;
  }
  output_(Format(severity, cause, message, fields, held_back));
}

bool StructuredLog::Admit(absl::string_view cause, uint64_t* held_back) {
  const absl::Duration now = clock_->Monotonic();
  absl::MutexLock lock(&mu_);
  auto it = causes_.find(cause);
  if (it == causes_.end()) {
    // The bound keeps one place for all the others.
    if (causes_.size() + 1 >= options_.max_causes) cause = kOtherCause;
    it = causes_.try_emplace(std::string(cause), Cause{now}).first;
  }
  Cause& state = it->second;
  if (now - state.window_start >= options_.window) {
    *held_back = std::exchange(state.suppressed, 0);
    state = Cause{.window_start = now};
  }
  if (state.written >= options_.burst) {
    ++state.suppressed;
    return false;
  }
  ++state.written;
  return true;
}

void StructuredLog::ReportSuppressed(bool all) {
  const absl::Duration now = clock_->Monotonic();
  std::vector<std::pair<std::string, uint64_t>> held_back;
  {
    absl::MutexLock lock(&mu_);
    for (auto& [cause, state] : causes_) {
      if (state.suppressed == 0) continue;
      if (!all && now - state.window_start < options_.window) continue;
      held_back.emplace_back(cause, std::exchange(state.suppressed, 0));
    }
  }
  for (const auto& [cause, lines] : held_back) {
    output_(Format(Severity::kWarning, cause,
                   "lines of this cause were held back", {}, lines));
  }
}

std::string StructuredLog::Format(Severity severity, absl::string_view cause,
                                  absl::string_view message,
                                  std::initializer_list<LogField> fields,
                                  uint64_t held_back) const {
  const std::string time = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E6SZ", clock_->Wall(), absl::UTCTimeZone());
  std::string line;
  if (options_.format == LogFormat::kText) {
    absl::StrAppend(&line, "ts=", time, " level=", Name(severity),
                    " msg=", Quote(message), " cause=", QuoteIfNeeded(cause));
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=",
                      field.quoted ? QuoteIfNeeded(field.text) : field.text);
    }
    if (held_back > 0) absl::StrAppend(&line, " suppressed=", held_back);
    return line;
  }
  absl::StrAppend(&line, R"({"ts":")", time, R"(","level":")", Name(severity),
                  R"(","msg":)", Quote(message), R"(,"cause":)", Quote(cause));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, ",\"", field.key,
                    "\":", field.quoted ? Quote(field.text) : field.text);
  }
  if (held_back > 0) absl::StrAppend(&line, ",\"suppressed\":", held_back);
  absl::StrAppend(&line, "}");
  return line;
}

}  // namespace kvplace
