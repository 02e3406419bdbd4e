// Prices of one phase: the multipliers of the dual (docs/bounds.md).
#ifndef KVPLACE_SERVER_CORE_BOUND_PRICES_H_
#define KVPLACE_SERVER_CORE_BOUND_PRICES_H_

#include <array>

namespace kvplace {

// Limits whose largest is the time of a phase, see phase_limits.h.
inline constexpr int kPhaseLimits = 6;

struct PhasePrices {
  // Share of the phase's time charged to each limit: >= 0, sum 1.
  std::array<double, kPhaseLimits> limit{};
  // Seconds per byte that stays in HBM through the phase. >= 0.
  double rent = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_PRICES_H_
