// The time of a phase as the largest of linear limits, and what a price on each
// of them makes of a byte that is read or moved.
//
// With h0 = W + promotions + prefetches + new KV, H and M bytes of hits and
// misses, r = M + prefetches, w = bytes written to DRAM:
//
//   inclusive, the best (real-valued) read routing (docs/cost_model.md):
//     T = max( (h0 + H + r) / (B_H + B_r), (h0 + H + r + w) / (B_H + B_int),
//              r / B_r, w / B_w, (r + w) / B_int, h0 / B_H )
//   exclusive:
//     T = max( (W + H + promotions + prefetches + evictions + n_H) / B_H,
//              r / B_r, w / B_w, (r + w) / B_int ),   w = evictions + n_D
//
// For prices th_k >= 0 with sum 1, T >= sum_k th_k * limit_k: that is the whole
// of weak duality here. n_H, n_D: new KV of blocks in HBM and in DRAM.
//
// Thread-safety: values, const after construction.
#ifndef KVPLACE_SERVER_CORE_BOUND_PHASE_LIMITS_H_
#define KVPLACE_SERVER_CORE_BOUND_PHASE_LIMITS_H_

#include <array>

#include "server/core/bound/prices.h"
#include "server/core/topology.h"

namespace kvplace {

// Bytes of one phase by what they cost; real-valued, for sums of prices.
struct PhaseUsage {
  double hits = 0;
  double misses = 0;
  double promoted = 0;
  double prefetched = 0;
  // Exclusive mode only.
  double evicted = 0;
  double new_in_hbm = 0;
  double new_in_dram = 0;
};

// Seconds per byte at given prices, same fields.
struct UsageCost {
  double hit = 0;
  double miss = 0;
  double promote = 0;
  double prefetch = 0;
  double evict = 0;
  double new_in_hbm = 0;
  double new_in_dram = 0;
};

// What a phase moves, by where: bytes of it, or seconds per byte.
struct PhaseLoad {
  double hbm = 0;  // reads, writes and W
  double dram_read = 0;
  double dram_write = 0;
  double fixed = 0;  // the part of hbm that routing cannot move
};

class PhaseLimits {
 public:
  // Limit k's index in PhasePrices::limit.
  enum Limit { kBoth, kBothInternal, kLinkRead, kLinkWrite, kInternal, kHbm };

  explicit PhaseLimits(const DeviceConfig& device);

  // Every limit's seconds. `new_kv`: of the phase, all blocks (inclusive).
  std::array<double, kPhaseLimits> Of(const PhaseUsage& usage,
                                      double new_kv) const;
  // What the prices charge for a byte of each load...
  PhaseLoad PriceOf(const PhasePrices& prices) const;
  // ... of each use...
  UsageCost CostOf(const PhasePrices& prices) const;
  // ... and for what no schedule can change: W, and new KV in inclusive mode.
  double Fixed(const PhasePrices& prices, double new_kv) const;

  // Whether the limit exists in this mode.
  bool has(int limit) const { return !exclusive_ || limit >= kLinkRead; }
  bool exclusive() const { return exclusive_; }

  // Seconds per byte of each limit.
  double both() const { return both_; }
  double both_internal() const { return both_internal_; }
  double link_read() const { return link_read_; }
  double link_write() const { return link_write_; }
  double internal() const { return internal_; }
  double hbm() const { return hbm_; }

 private:
  bool exclusive_;
  double fixed_;
  // 0 where the bandwidth is infinite.
  double both_, both_internal_, link_read_, link_write_, internal_, hbm_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_PHASE_LIMITS_H_
