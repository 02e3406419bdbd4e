#include "server/core/bound/path_costs.h"

#include <limits>

namespace kvplace {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

}  // namespace

void PathCosts::Set(const PhaseLimits& limits,
                    const std::vector<PhasePrices>& prices) {
  const size_t n = prices.size();
  const bool exclusive = limits.exclusive();
  phases_.resize(n);
  fetch_less_rent_.resize(n);
  if (exclusive) {
    evict_and_rent_.resize(n);
    new_in_hbm_.resize(n);
    new_in_dram_.resize(n);
  }
  double rents = 0;
  double least_fetch = kInfinite;
  uint32_t least_fetch_at = 0;
  for (uint32_t p = 0; p < n; ++p) {
    const UsageCost cost = limits.CostOf(prices[p]);
    rents += prices[p].rent;
    Phase& phase = phases_[p];
    phase.hit = cost.hit;
    phase.miss = cost.miss;
    phase.promote_less_rent = cost.promote - rents;
    phase.rent_sum = rents;
    phase.least_fetch = least_fetch;
    phase.least_fetch_at = least_fetch_at;
    fetch_less_rent_[p] = cost.prefetch - rents;
    if (fetch_less_rent_[p] < least_fetch) {
      least_fetch = fetch_less_rent_[p];
      least_fetch_at = p;
    }
    if (exclusive) {
      evict_and_rent_[p] = cost.evict + rents;
      new_in_hbm_[p] = cost.new_in_hbm;
      new_in_dram_[p] = cost.new_in_dram;
    }
  }
  fetch_.Build(fetch_less_rent_);
  if (!exclusive) return;
  double least_evict = kInfinite;
  uint32_t least_evict_at = 0;
  for (auto p = static_cast<uint32_t>(n); p-- > 0;) {
    if (evict_and_rent_[p] <= least_evict) {
      least_evict = evict_and_rent_[p];
      least_evict_at = p;
    }
    phases_[p].least_evict = least_evict;
    phases_[p].least_evict_at = least_evict_at;
  }
  evict_.Build(evict_and_rent_);
}

}  // namespace kvplace
