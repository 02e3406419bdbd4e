// The log: one line per event, as text (key=value) or as JSON.
//
// Every line has a time, a level, a message and a cause: a fixed word that
// names the kind of event. Each cause may write `burst` lines per `window`;
// what is more is counted and reported once the window is over, so that one
// broken worker cannot fill the disk or hide the others. The number of causes
// is bounded too: further ones share the cause "other" for the limit.
//
// Text and JSON escape what comes from outside: a line is always one line, and
// JSON is always valid UTF-8.
//
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_CONFIG_STRUCTURED_LOG_H_
#define KVPLACE_SERVER_CONFIG_STRUCTURED_LOG_H_

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <type_traits>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/service/clock.h"

namespace kvplace {

enum class Severity : uint8_t { kDebug, kInfo, kWarning, kError };
// "debug", "info", "warning", "error".
absl::string_view Name(Severity severity);

enum class LogFormat : uint8_t { kText, kJson };

// One more key of a line. Keys are words of ours: [a-z_]+, none of ts, level,
// msg, cause.
struct LogField {
  LogField(absl::string_view k, absl::string_view v)
      : key(k), text(v), quoted(true) {}
  LogField(absl::string_view k, const char* v)
      : LogField(k, absl::string_view(v)) {}
  LogField(absl::string_view k, bool v)
      : key(k), text(v ? "true" : "false"), quoted(false) {}
  // JSON has no word for what is not finite.
  LogField(absl::string_view k, double v)
      : key(k), text(absl::StrCat(v)), quoted(!std::isfinite(v)) {}
  template <typename T, typename = std::enable_if_t<std::is_integral_v<T> &&
                                                    !std::is_same_v<T, bool>>>
  LogField(absl::string_view k, T v)
      : key(k), text(absl::StrCat(v)), quoted(false) {}

  absl::string_view key;
  std::string text;
  // A string, not a number or truth value.
  bool quoted;
};

class StructuredLog {
 public:
  struct Options {
    LogFormat format = LogFormat::kText;
    Severity minimum = Severity::kInfo;
    // Lines per cause and window.
    uint32_t burst = 20;
    absl::Duration window = absl::Seconds(10);
    size_t max_causes = 64;
  };
  // Takes one line, without its newline. Must be callable from any thread and
  // should not block.
  using Output = std::function<void(absl::string_view line)>;

  // `clock` outlives the log.
  StructuredLog(const Options& options, const Clock* clock, Output output);
  StructuredLog(const StructuredLog&) = delete;
  StructuredLog& operator=(const StructuredLog&) = delete;

  void Write(Severity severity, absl::string_view cause,
             absl::string_view message,
             std::initializer_list<LogField> fields = {});

  void SetMinimum(Severity minimum) { minimum_ = minimum; }
  Severity minimum() const { return minimum_; }

  // Writes one line for each cause that was held back in a window that is over.
  // Call it now and then, and with `all` at the end.
  void ReportSuppressed(bool all = false);
  // Lines held back since the start.
  uint64_t suppressed() const { return suppressed_; }

 private:
  struct Cause {
    absl::Duration window_start;
    uint32_t written = 0;
    uint64_t suppressed = 0;
  };

  // Whether a line of this cause may be written; *held_back: how many were not
  // since the last that was.
  bool Admit(absl::string_view cause, uint64_t* held_back)
      ABSL_LOCKS_EXCLUDED(mu_);
  std::string Format(Severity severity, absl::string_view cause,
                     absl::string_view message,
                     std::initializer_list<LogField> fields,
                     uint64_t held_back) const;

  const Options options_;
  const Clock* const clock_;
  const Output output_;

  std::atomic<Severity> minimum_;
  std::atomic<uint64_t> suppressed_{0};

  absl::Mutex mu_;
  std::map<std::string, Cause, std::less<>> causes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_STRUCTURED_LOG_H_
