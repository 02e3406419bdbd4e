// What the phases charge a block on its path at given prices, and the cheapest
// phase of a gap between two of its uses to fetch or evict it in.
//
// Costs that arise between uses are kept with the rents of all phases up to
// there added or taken off, so that staying in HBM from one use to the next
// adds nothing: a path pays the sum of all rents up to its end.
//
// Thread-safety: const between Sets. Memory: O(phases log phases).
#ifndef KVPLACE_SERVER_CORE_BOUND_PATH_COSTS_H_
#define KVPLACE_SERVER_CORE_BOUND_PATH_COSTS_H_

#include <cstdint>
#include <vector>

#include "server/core/bound/phase_limits.h"
#include "server/core/bound/prices.h"
#include "server/core/bound/range_min.h"

namespace kvplace {

class PathCosts {
 public:
  // Seconds per byte. In one cache line, for it is looked up at every use.
  struct alignas(64) Phase {
    double hit, miss;
    // Of a promotion less rent_sum, and the rents of phases 0 .. p.
    double promote_less_rent, rent_sum;
    // The least fetch, less the rents up to then, before this phase. Since
    // rents only add up it is mostly a recent one: the least after any earlier
    // use.
    double least_fetch;
    // Exclusive mode: the least eviction plus the rents up to then, from this
    // phase on.
    double least_evict;
    // Where they are.
    uint32_t least_fetch_at;
    uint32_t least_evict_at;
  };

  // O(phases log phases); reuses memory.
  void Set(const PhaseLimits& limits, const std::vector<PhasePrices>& prices);

  uint32_t phases() const { return static_cast<uint32_t>(phases_.size()); }
  const Phase& phase(uint32_t p) const { return phases_[p]; }
  // Of phases 0 .. p - 1.
  double RentBefore(uint32_t p) const {
    return p == 0 ? 0 : phases_[p - 1].rent_sum;
  }
  // Exclusive mode: of new KV.
  double new_in_hbm(uint32_t p) const { return new_in_hbm_[p]; }
  double new_in_dram(uint32_t p) const { return new_in_dram_[p]; }

  // The least fetch of phases [first, end), and where. REQUIRES: first < end <
  // phases().
  double LeastFetch(uint32_t first, uint32_t end) const {
    const Phase& c = phases_[end];
    return c.least_fetch_at >= first ? c.least_fetch : fetch_.Min(first, end);
  }
  uint32_t FetchAt(uint32_t first, uint32_t end) const {
    const Phase& c = phases_[end];
    return c.least_fetch_at >= first ? c.least_fetch_at
                                     : fetch_.ArgMin(first, end);
  }
  // Exclusive mode: the least eviction of phases [first, end), and where.
  double LeastEvict(uint32_t first, uint32_t end) const {
    const Phase& c = phases_[first];
    return c.least_evict_at < end ? c.least_evict : evict_.Min(first, end);
  }
  uint32_t EvictAt(uint32_t first, uint32_t end) const {
    const Phase& c = phases_[first];
    return c.least_evict_at < end ? c.least_evict_at
                                  : evict_.ArgMin(first, end);
  }

 private:
  std::vector<Phase> phases_;
  // Cost of a fetch at the end of phase q less the rents up to q, and of an
  // eviction plus the rents up to q.
  std::vector<double> fetch_less_rent_;
  std::vector<double> evict_and_rent_;
  std::vector<double> new_in_hbm_, new_in_dram_;
  RangeMin fetch_;
  RangeMin evict_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_PATH_COSTS_H_
