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
#include "server/core/bound/path_costs.h"
#include "server/core/bound/path_totals.h"
#include "server/core/bound/phase_limits.h"
#include "server/core/bound/prices.h"

namespace kvplace {

// Runs task(0) .. task(n - 1), on as many threads as it likes, and returns when
// all are done.
using ParallelFor =
    std::function<void(size_t n, const std::function<void(size_t)>& task)>;
// One after the other, on the caller's thread.
void RunInOrder(size_t n, const std::function<void(size_t)>& task);

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
  // A part of the blocks, the same whoever runs it.
  struct Shard {
    uint32_t first_block = 0;
    uint32_t end_block = 0;
    PathTotals totals;
  };

  void Run(Shard* shard) const;

  const AccessWindow& window_;
  const PhaseLimits limits_;
  // Of a block; bytes of all blocks' uses.
  double most_uses_ = 0;
  double use_bytes_ = 0;
  std::vector<Shard> shards_;

  // At the prices of the last Evaluate.
  PathCosts costs_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_DUAL_BOUND_H_
