// Looks for the prices that certify most: supergradient ascent on the dual,
// Adam's step (Kingma and Ba, arXiv 1412.6980) in the units of each price.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_CORE_BOUND_PRICE_ASCENT_H_
#define KVPLACE_SERVER_CORE_BOUND_PRICE_ASCENT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "server/core/bound/access_window.h"
#include "server/core/bound/dual_bound.h"
#include "server/core/bound/prices.h"

namespace kvplace {

class PriceAscent {
 public:
  // `window` must outlive it. `start`: prices by phase, or empty.
  PriceAscent(const AccessWindow& window, std::vector<PhasePrices> start);

  // Evaluates the dual once and moves the prices. `progress` 0..1: how much of
  // the iterations is done; steps shrink with it. Returns L of this evaluation.
  double Step(const ParallelFor& parallel, double progress);
  // Goes on from the best prices, without momentum, with steps `scale` times
  // the usual.
  void Restart(double scale);

  // Largest L so far, and its prices.
  double best() const { return best_; }
  const std::vector<PhasePrices>& best_prices() const { return best_prices_; }
  // At the prices evaluated last.
  const DualBound& dual() const { return dual_; }

 private:
  struct Moments {
    std::array<double, kPhaseLimits> limit{};
    double limit_square = 0;
    double rent = 0;
    double rent_square = 0;
  };

  void MoveLimits(uint32_t phase, double step);
  void MoveRent(uint32_t phase, double step);

  const AccessWindow& window_;
  DualBound dual_;
  // Seconds per byte and phase in which rents are measured.
  double rent_unit_ = 0;
  std::vector<PhasePrices> prices_;
  std::vector<Moments> moments_;
  std::vector<PhaseDemand> demand_;
  double scale_ = 1;
  uint32_t steps_ = 0;
  double correct_first_ = 1, correct_second_ = 1;
  double best_ = 0;
  std::vector<PhasePrices> best_prices_;
};

// Projects onto {x >= 0, sum 1}, in the entries that are `allowed`.
void ProjectOntoSimplex(const std::array<bool, kPhaseLimits>& allowed,
                        std::array<double, kPhaseLimits>* x);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_PRICE_ASCENT_H_
