// Everything about sessions that can be set from outside, with its default.
//
// server/config fills it from flags and YAML; nothing else knows a default.
// Thread-safety: plain values.
#ifndef KVPLACE_SERVER_SERVICE_SERVICE_OPTIONS_H_
#define KVPLACE_SERVER_SERVICE_SERVICE_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/core/policy/registry.h"

namespace kvplace {

// What the server does with its decisions.
enum class Mode : uint8_t {
  kAct,      // plans are sent to be executed
  kAdvise,   // plans are sent, marked advisory
  kObserve,  // no plans; metrics show what they would have gained
};
inline constexpr int kModes = 3;
// "act", "advise", "observe".
absl::string_view Name(Mode mode);
// INVALID_ARGUMENT, with the words that are known.
absl::StatusOr<Mode> ParseMode(absl::string_view name);

// Who plans, and what becomes of the plans: the default, or a node's own.
struct PolicySettings {
  // One of OnlinePolicyNames().
  std::string policy = std::string(kDefaultPolicy);
  // By name; what is not named has its default.
  PolicyParameters parameters;
  Mode mode = Mode::kAct;
};

struct ServiceOptions {
  // Largest message a worker may send, in bytes; a larger one ends its stream
  // with RESOURCE_EXHAUSTED. 4 MiB hold a bitmap of 32 million blocks.
  // 1 KiB .. 512 MiB.
  uint32_t max_message_bytes = 4u << 20;
  // Streams at a time, greeted or not. 1 .. 1,000,000.
  uint32_t max_sessions = 4096;
  // Handles (LayerGroup.handles, all groups together) of one session. Memory:
  // about 64 bytes each, twice that in observe mode. 1 .. 2^28.
  uint32_t max_blocks_per_session = 4u << 20;
  // Handles of all sessions together: bounds the server's memory. At least
  // max_blocks_per_session.
  uint64_t max_blocks_total = uint64_t{64} << 20;

  // Steps for which a plan stays valid after its basis step. 1 .. 1,000,000.
  uint32_t plan_lifetime_steps = 8;
  // A session that is silent for longer ends. 10 ms .. 1 h.
  absl::Duration heartbeat_timeout = absl::Seconds(10);
  // Time that draining sessions get before their streams end, unless the
  // drain says otherwise. 0 .. 1 h.
  absl::Duration drain_deadline = absl::Seconds(10);
  // Workers send one Step message per this many steps. 1 .. max_sample_every.
  uint32_t sample_every = 1;
  // A session that was told so often in a row to send its inventory again,
  // without one good step between, ends. 1 .. 1000.
  uint32_t max_consecutive_resyncs = 8;

  // Overload: when a step waits longer than this from its arrival to the end of
  // its processing, its worker is told to send half as many, down to one per
  // max_sample_every. 100 us .. 60 s; 1 .. 1024.
  absl::Duration overload_lag = absl::Milliseconds(50);
  uint32_t max_sample_every = 64;
  // After so many steps in a row that took less than a quarter of overload_lag,
  // twice as many may come again. 1 .. 1,000,000.
  uint32_t overload_recovery_steps = 64;

  // The rolling hindsight bound of each device: over so many of its last Step
  // messages (fewer where they read more than 2^22 blocks). 0: off, 0 .. 1024.
  uint32_t hindsight_window_steps = 64;
  // CPU time per elapsed time of the one thread that finds the bounds, all
  // devices together. 0.001 .. 1.
  double hindsight_cpu_share = 0.05;

  // For nodes without settings of their own.
  PolicySettings defaults;
};

// INVALID_ARGUMENT, naming the field, its value and what was expected.
absl::Status Validate(const ServiceOptions& options);
// The same for settings that arrive later (`kvplacectl policy set`).
absl::Status Validate(const PolicySettings& settings);

enum class LogLevel : uint8_t { kInfo, kWarning, kError };
// One line, without a newline. May be called from any thread, so it must not
// block for long; may be empty.
using LogFunction = std::function<void(LogLevel, const std::string&)>;

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_SERVICE_OPTIONS_H_
