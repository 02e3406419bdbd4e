// The hindsight bound of the last steps of a running device, again and again:
// a fixed amount of work each time, started from what was found before.
//
// Thread-safety: functions on plain data.
#ifndef KVPLACE_SERVER_CORE_BOUND_ROLLING_BOUND_H_
#define KVPLACE_SERVER_CORE_BOUND_ROLLING_BOUND_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "server/core/bound/prices.h"
#include "server/core/bound/step_record.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

// What a device gets to know about a window of its steps.
struct RollingBound {
  uint32_t steps = 0;
  // The modelled time of these steps as they ran.
  Seconds achieved;
  // No schedule takes less; some schedule takes this.
  Seconds lower;
  Seconds upper;

  // 0 < ratio <= 1; 1: nobody could have placed the blocks better.
  double ratio() const;
  // (upper - lower) / lower, >= 0: how much of what the ratio leaves is not
  // proven to be there.
  double gap() const;
};

// Prices of a window, to start the next one's from.
struct WindowPrices {
  // Number of the window's first step; numbers rise by 1.
  uint64_t first_step = 0;
  // One per phase: `groups` per step.
  std::vector<PhasePrices> phases;
};

// Prices for a window of `steps` steps from `first_step` on: a step that `old`
// knows keeps its own; a new one takes those of the step that stood as far from
// the end of the old window, because what a block is worth falls towards the
// end of any window. Empty where `old` is of no use.
std::vector<PhasePrices> ShiftPrices(const WindowPrices& old, uint32_t groups,
                                     uint64_t first_step, uint32_t steps);

struct RollingOptions {
  // When to stop, and the most work for a window of 2^19 reads or more, see
  // HindsightOptions. A smaller one gets more, up to 16 times as much, so that
  // no window costs more than that one; one without prices to start from gets
  // twice as much. (64 steps of 32 groups that read 64 of 512 pages of 4
  // sequences: 0.2 to 0.5 s of CPU on a shared machine, a gap of 0.2
  // to 2%, 3.0% where reads hardly repeat and HBM holds 40%; in the first
  // window up to 5%. tests/trace/rolling_bound_speed_test.cc prints this.)
  double gap = 0.005;
  uint32_t max_iterations = 6;
  uint32_t max_sweeps = 18;
  // Asked now and then; true ends the work with what there is by then.
  std::function<bool()> stop;
};

// A window whose phases can be made into bounds: sizes of blocks fit.
bool BoundSupports(const DeviceConfig& device);

// The bound of `window`, which is of `steps` steps that took `achieved`.
// `start` may be empty; *found becomes the prices. Nothing where there is no
// ratio: nothing was read, or nothing took time.
std::optional<RollingBound> SolveRolling(const AccessWindow& window,
                                         uint32_t steps, Seconds achieved,
                                         std::vector<PhasePrices> start,
                                         const RollingOptions& options,
                                         std::vector<PhasePrices>* found);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_ROLLING_BOUND_H_
