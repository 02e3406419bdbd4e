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
#include "server/core/bound/dual_bound.h"
#include "server/core/bound/prices.h"
#include "server/core/units.h"

namespace kvplace {

struct HindsightProgress {
  uint32_t iterations = 0;
  uint32_t sweeps = 0;
  Seconds lower;
  Seconds upper;
};

struct HindsightOptions {
  // Stop when (upper - lower) / lower is at most this. >= 0.
  double gap = 0.01;
  // Most evaluations of the dual; 0: the instant certificates only.
  uint32_t max_iterations = 100000;
  // Most sweeps of the search for a schedule; 0: the instant one only.
  uint32_t max_sweeps = 100000;
  // Of the sweeps, see SweepOptions. For when time is shorter than for a
  // minute.
  uint32_t most_rest = 0;
  // Seconds by `now`, if that is set. May be exceeded by one iteration and one
  // sweep; the instant certificates are always there.
  double time_limit_seconds = 60;
  // Monotonic seconds, callable from any thread that `parallel` uses; without
  // it there is no time limit.
  std::function<double()> now;
  ParallelFor parallel = RunInOrder;
  // Of the order in which blocks are visited. Without `now` the result depends
  // on nothing else; with it, also on how much of the time is over when.
  uint64_t seed = 1;
  // Prices to start from, by phase, of an earlier window much like this one;
  // empty: from the machine.
  std::vector<PhasePrices> start;
  // Told now and then, from the caller's thread; may be empty.
  std::function<void(const HindsightProgress&)> on_progress;
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
  // The best prices found, by phase.
  std::vector<PhasePrices> prices;
  uint32_t iterations = 0;
  uint32_t sweeps = 0;
  double seconds_spent = 0;

  // (upper - lower) / lower; 0 where nothing takes time.
  double Gap() const;
};

HindsightResult SolveHindsight(const AccessWindow& window,
                               const HindsightOptions& options);

// Sum over the phases of CostModel::Roofline.
Seconds RooflineOf(const AccessWindow& window);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_HINDSIGHT_H_
