// A clairvoyant schedule played on the workload it was made for, phase by
// phase, as a device would report it: for files and independent checkers.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_REPLAY_SCHEDULE_OUTCOMES_H_
#define KVPLACE_SERVER_REPLAY_SCHEDULE_OUTCOMES_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "server/core/bound/access_window.h"
#include "server/core/bound/clairvoyant_schedule.h"
#include "server/replay/emulated_device.h"
#include "server/replay/workload.h"

namespace kvplace {

struct OutcomeVisitor {
  std::function<void(const std::vector<BlockId>& initial_hbm)> on_start;
  std::function<void(size_t phase, const PhaseOutcome& outcome)> on_phase;
};

// `window` is WindowOf(workload, ...). Errors as of Evaluate.
absl::Status VisitOutcomes(const Workload& workload, const AccessWindow& window,
                           const ClairvoyantSchedule& schedule,
                           const OutcomeVisitor& visitor);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_SCHEDULE_OUTCOMES_H_
