// Runs a load against a server, phase after phase, and says what came of it.
//
// A thread of the caller's keeps the times of an open loop; answers are noted
// on gRPC's threads.
#ifndef KVPLACE_CLIENT_LOAD_LOAD_RUN_H_
#define KVPLACE_CLIENT_LOAD_LOAD_RUN_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/load/load_options.h"

namespace kvplace::load {

struct LatencySummary {
  uint64_t count = 0;
  double mean_us = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
};

struct PhaseResult {
  LoadPhase phase;
  // How long it lasted, by the clock.
  double seconds = 0;
  // Steps whose time came; those joined into a later one's message because the
  // server asked for fewer; messages sent; messages that a plan answered, and
  // those that none did in LoadOptions::patience.
  uint64_t offered = 0;
  uint64_t left_out = 0;
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t unanswered = 0;
  // Plans that answered them, fewer where one answers several.
  uint64_t plans = 0;
  double plan_bytes = 0;
  // Of the messages answered, from their steps' times to the plan.
  LatencySummary latency;
  uint32_t most_sample_every = 1;
  // From the phase's begin until answers slower than LoadOptions::slow had
  // stopped for half a second and the last session was told to send as often as
  // at first. 0: none was slow. Nothing: a session is still told to send less
  // often.
  std::optional<double> settled_after;

  double answered_per_second() const {
    return seconds > 0 ? static_cast<double>(answered) / seconds : 0;
  }
};

struct LoadResult {
  uint32_t sessions = 0;
  double start_seconds = 0;
  double step_bytes = 0;
  std::vector<PhaseResult> phases;
};

// INVALID_ARGUMENT: an option. Other errors: a session could not be made, or
// ended before the load did.
absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options);

}  // namespace kvplace::load

#endif  // KVPLACE_CLIENT_LOAD_LOAD_RUN_H_
