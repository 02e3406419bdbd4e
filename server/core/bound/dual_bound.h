// The dual of the placement problem: what prices certify.
//
// With a price on each limit of a phase (PhaseLimits) and a rent per byte of
// HBM and phase, blocks no longer compete, and each takes the cheapest path
// through its own uses: in HBM or not at each of them, promoted when read,
// fetched, or evicted in between at the cheapest phase. Then
//
//   L = sum_p fixed costs + sum_blocks cheapest path - C_H * sum_p rent
//
// is at most the time of every feasible schedule, at ANY prices (weak duality,
// docs/bounds.md). What the chosen paths use tells how to change the prices.
//
// Thread-safety: one Evaluate at a time. Time: O(uses + phases log phases).
#ifndef KVPLACE_SERVER_CORE_BOUND_DUAL_BOUND_H_
#define KVPLACE_SERVER_CORE_BOUND_DUAL_BOUND_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "server/core/bound/access_window.h"
#include "server/core/bound/phase_limits.h"
#include "server/core/bound/prices.h"
#include "server/core/bound/range_min.h"

namespace kvplace {

// Runs task(0) .. task(n - 1), on as many threads as it likes, and returns when
// all are done.
using ParallelFor =
    std::function<void(size_t n, const std::function<void(size_t)>& task)>;
// One after the other, on the caller's thread.
void RunInOrder(size_t n, const std::function<void(size_t)>& task);

// What the blocks' cheapest paths use in one phase.
struct PhaseDemand {
  PhaseUsage usage;
  // Bytes in HBM during the phase; may be more than fit.
  double resident = 0;
};

class DualBound {
 public:
  // `window` must outlive it.
  explicit DualBound(const AccessWindow& window);

  // L at these prices, one per phase, less what rounding can have added.
  // `demand` is overwritten; the same for every `parallel`.
  double Evaluate(const std::vector<PhasePrices>& prices,
                  const ParallelFor& parallel,
                  std::vector<PhaseDemand>* demand);

  const PhaseLimits& limits() const { return limits_; }

 private:
  struct PhaseCost {
    double hit, miss;
    // Of a promotion less rent_sum, and the rents of phases 0 .. p.
    double promote_less_rent, rent_sum;
    // Least entry of fetch_less_rent_ before this phase, and where. Since rents
    // only add up it is mostly a recent one: the least after any earlier use.
    double least_fetch;
    uint32_t least_fetch_at;
  };
  // Least entry of evict_and_rent_ from a phase on, and where.
  struct LeastEvict {
    double cost;
    uint32_t at;
  };
  // A part of the blocks, the same whoever runs it.
  struct Shard {
    uint32_t first_block = 0;
    uint32_t end_block = 0;
    double cost = 0;
    std::vector<PhaseDemand> demand;
    // Choices of one block, by use.
    std::vector<uint8_t> choices;
  };

  void Price(const std::vector<PhasePrices>& prices);
  double RentBefore(uint32_t phase) const {
    return phase == 0 ? 0 : phases_[phase - 1].rent_sum;
  }
  void Run(Shard* shard) const;
  void InclusivePath(uint32_t block, Shard* shard) const;
  void TraceInclusive(uint32_t block, bool resident, Shard* shard) const;
  uint8_t ExclusiveGap(const BlockUse& before, uint32_t q, double* in_cost,
                       double* out_cost) const;
  void ExclusivePath(uint32_t block, Shard* shard) const;
  void TraceExclusive(uint32_t block, bool resident, uint32_t until,
                      Shard* shard) const;
  // Least entry of the phases [first, end), end < phases, and where.
  double LeastFetch(uint32_t first, uint32_t end) const {
    const PhaseCost& c = phases_[end];
    return c.least_fetch_at >= first ? c.least_fetch : fetch_.Min(first, end);
  }
  uint32_t FetchAt(uint32_t first, uint32_t end) const {
    const PhaseCost& c = phases_[end];
    return c.least_fetch_at >= first ? c.least_fetch_at
                                     : fetch_.ArgMin(first, end);
  }
  double LeastEvictOf(uint32_t first, uint32_t end) const {
    const LeastEvict& least = later_evict_[first];
    return least.at < end ? least.cost : evict_.Min(first, end);
  }
  uint32_t EvictAt(uint32_t first, uint32_t end) const {
    const LeastEvict& least = later_evict_[first];
    return least.at < end ? least.at : evict_.ArgMin(first, end);
  }
  OrderedPairMin::Pair EvictThenFetch(uint32_t first, uint32_t end) const {
    const LeastEvict& evict = later_evict_[first];
    const PhaseCost& c = phases_[end];
    if (evict.at < c.least_fetch_at) {
      return {evict.cost + c.least_fetch, evict.at, c.least_fetch_at};
    }
    return evict_then_fetch_.Least(first, end);
  }
  // Adds a stay of `bytes` in phases [from, until].
  static void Occupy(Shard* shard, uint32_t from, uint32_t until, double bytes);

  const AccessWindow& window_;
  const PhaseLimits limits_;
  // Of a block; bytes of all blocks' uses.
  double most_uses_ = 0;
  double use_bytes_ = 0;
  std::vector<Shard> shards_;

  // At the prices of the last Evaluate.
  std::vector<PhaseCost> phases_;
  // Cost of a fetch at the end of phase q less the rents up to q, and of an
  // eviction plus the rents up to q.
  std::vector<double> fetch_less_rent_;
  std::vector<double> evict_and_rent_;
  std::vector<LeastEvict> later_evict_;
  // Exclusive mode: of new KV.
  std::vector<double> new_in_hbm_, new_in_dram_;
  RangeMin fetch_;
  RangeMin evict_;
  OrderedPairMin evict_then_fetch_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_DUAL_BOUND_H_
