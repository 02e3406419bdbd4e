#include "server/core/bound/rolling_bound.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "server/core/bound/hindsight.h"

namespace kvplace {

namespace {

constexpr uint64_t kFullReads = uint64_t{1} << 19;
constexpr uint64_t kMostEffort = 16;
// See HindsightOptions: costs a tenth of the gap and saves half of the time.
constexpr uint32_t kRest = 3;

}  // namespace

double RollingBound::ratio() const {
  // Both are sums of the same costs in another order.
  return std::min(1.0, lower.value() / achieved.value());
}

double RollingBound::gap() const {
  return std::max(0.0, upper.value() / lower.value() - 1);
}

bool BoundSupports(const DeviceConfig& device) {
  return std::all_of(
      device.groups.begin(), device.groups.end(), [](const GroupConfig& g) {
        return g.block_bytes > Bytes(0) && g.block_bytes < Bytes(1ll << 32);
      });
}

std::vector<PhasePrices> ShiftPrices(const WindowPrices& old, uint32_t groups,
                                     uint64_t first_step, uint32_t steps) {
  const uint64_t old_steps = old.phases.size() / groups;
  std::vector<PhasePrices> out;
  if (old_steps == 0) return out;
  out.reserve(size_t{steps} * groups);
  for (uint32_t s = 0; s < steps; ++s) {
    const uint64_t step = first_step + s;
    uint64_t from;
    if (step >= old.first_step && step < old.first_step + old_steps) {
      from = step - old.first_step;
    } else {
      const uint64_t to_end = steps - s;
      from = to_end <= old_steps ? old_steps - to_end : 0;
    }
    const auto phases =
        old.phases.begin() + static_cast<ptrdiff_t>(from * groups);
    out.insert(out.end(), phases, phases + groups);
  }
  return out;
}

std::optional<RollingBound> SolveRolling(const AccessWindow& window,
                                         uint32_t steps, Seconds achieved,
                                         std::vector<PhasePrices> start,
                                         const RollingOptions& options,
                                         std::vector<PhasePrices>* found) {
  found->clear();
  if (window.reads() == 0 || achieved <= Seconds(0)) return std::nullopt;
  HindsightOptions solver;
  solver.gap = options.gap;
  const uint32_t cold = start.empty() ? 2 : 1;
  const auto effort = cold * static_cast<uint32_t>(std::clamp<uint64_t>(
                                 kFullReads / window.reads(), 1, kMostEffort));
  solver.max_iterations = effort * options.max_iterations;
  solver.max_sweeps = effort * options.max_sweeps;
  solver.most_rest = kRest;
  solver.start = std::move(start);
  solver.time_limit_seconds = 1;
  if (options.stop) {
    // A clock that stands still until all the time is over.
    solver.now = [&options] {
      return options.stop() ? std::numeric_limits<double>::infinity() : 0;
    };
  }
  HindsightResult result = SolveHindsight(window, solver);
  if (result.lower <= Seconds(0)) return std::nullopt;
  *found = std::move(result.prices);
  return RollingBound{steps, achieved, result.lower, result.upper};
}

}  // namespace kvplace
