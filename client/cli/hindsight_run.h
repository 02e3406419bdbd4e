// `kvplacectl simulate --bound hindsight`: the solver with a clock, threads,
// and someone watching.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CLI_HINDSIGHT_RUN_H_
#define KVPLACE_CLIENT_CLI_HINDSIGHT_RUN_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/schedule_writer.h"
#include "server/core/bound/hindsight.h"
#include "server/replay/workload.h"

namespace kvplace {

// Seconds on a clock that never goes back.
double MonotonicSeconds();

struct HindsightFlags {
  double gap = 0.01;
  absl::Duration time_limit = absl::Seconds(60);
  // Evaluations of the dual, with one sweep of the search for a schedule for
  // every five; unset: as many as the time allows. With an infinite time limit
  // the result does not depend on the machine's speed.
  std::optional<uint32_t> iterations;
  uint64_t seed = 1;
};

// Of the whole workload, on all processors, with progress on stderr where that
// is a terminal.
HindsightResult RunHindsight(const AccessWindow& window,
                             const HindsightFlags& flags);

// Writes the schedule of the upper bound and closes the file, which is open.
absl::Status WriteHindsightSchedule(const Workload& workload,
                                    const AccessWindow& window,
                                    const ClairvoyantSchedule& schedule,
                                    ScheduleWriter* writer);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_HINDSIGHT_RUN_H_
