// The hindsight bound: for a recorded window, seconds that NO placement and
// migration schedule can beat although it knows the future, and a schedule that
// shows how close to it one can come. docs/bounds.md has the argument.
//
// Thread-safety: functions; the window may be shared.
#ifndef KVPLACE_SERVER_CORE_BOUND_HINDSIGHT_H_
#define KVPLACE_SERVER_CORE_BOUND_HINDSIGHT_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "server/core/bound/access_window.h"
#include "server/core/bound/clairvoyant_schedule.h"
#include "server/core/bound/prices.h"
#include "server/core/units.h"

namespace kvplace {

// Runs task(0) .. task(n - 1), on as many threads as it likes, and returns when
// all are done.
using ParallelFor =
    std::function<void(size_t n, const std::function<void(size_t)>& task)>;
// One after the other, on the caller's thread.
void RunInOrder(size_t n, const std::function<void(size_t)>& task);

struct HindsightOptions {
  // Stop when (upper - lower) / lower is at most this. >= 0.
  double gap = 0.01;
  // Most evaluations of the dual.
  uint32_t max_iterations = 2000;
  // Most sweeps of the search for a schedule; 0: no schedule is looked for
  // beyond the instant ones.
  uint32_t max_sweeps = 4000;
  // Seconds by `now`, if that is set. Stops between iterations; the instant
  // certificates are always there. May be exceeded by one of each.
  double time_limit_seconds = 60;
  // Monotonic seconds; without it there is no time limit.
  std::function<double()> now;
  ParallelFor parallel = RunInOrder;
  // Of the order in which blocks are visited. The result depends on nothing
  // else unless the time limit strikes.
  uint64_t seed = 1;
  // Prices to start from, by phase, of an earlier window much like this one;
  // empty: from the machine.
  std::vector<PhasePrices> start;
  // Told now and then; may be empty.
  std::function<void(const struct HindsightProgress&)> on_progress;
};

struct HindsightProgress {
  uint32_t iterations = 0;
  uint32_t sweeps = 0;
  Seconds lower;
  Seconds upper;
};

struct HindsightResult {
  // No schedule of this window takes less, in the window's mode, with read
  // routing or without.
  Seconds lower;
  // `schedule` takes exactly this, with the window's own read routing.
  Seconds upper;
  ClairvoyantSchedule schedule;
  // The instant certificates, both at most `lower`.
  Seconds roofline;
  Seconds fewest_dram_reads;
  // Prices of `lower` where it comes from the dual.
  std::vector<PhasePrices> prices;
  uint32_t iterations = 0;
  uint32_t sweeps = 0;
  double seconds_spent = 0;

  // (upper - lower) / lower; 0 where nothing takes time.
  double Gap() const;
};

HindsightResult SolveHindsight(const AccessWindow& window,
                               const HindsightOptions& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_HINDSIGHT_H_
