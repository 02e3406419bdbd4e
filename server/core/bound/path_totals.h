// What the cheapest paths of many blocks use, phase by phase, and what
// inclusive and exclusive paths share: the choices that they remember to go
// back along.
//
// Thread-safety: values.
#ifndef KVPLACE_SERVER_CORE_BOUND_PATH_TOTALS_H_
#define KVPLACE_SERVER_CORE_BOUND_PATH_TOTALS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/core/bound/phase_limits.h"

namespace kvplace {

// What the blocks' cheapest paths use in one phase. In one cache line.
struct alignas(64) PhaseDemand {
  PhaseUsage usage;
  // Bytes in HBM during the phase; may be more than fit.
  double resident = 0;
};

struct PathTotals {
  double cost = 0;
  // `resident` only where it changes: what stays begin less what ended with the
  // phase before. Misses are left out: they are what is read and no hit.
  std::vector<PhaseDemand> demand;
  // Of the block in hand, by use: an Arrival and perhaps kLeft.
  std::vector<uint8_t> choices;

  // Adds a stay of `bytes` in phases [from, until].
  void Occupy(uint32_t from, uint32_t until, double bytes) {
    demand[from].resident += bytes;
    if (until + 1 < demand.size()) demand[until + 1].resident -= bytes;
  }
  // And how a stay that ends with phase `until` began, at the end of phase
  // `at`.
  void Promote(uint32_t at, uint32_t until, double bytes) {
    demand[at].usage.promoted += bytes;
    Occupy(at + 1, until, bytes);
  }
  void Fetch(uint32_t at, uint32_t until, double bytes) {
    demand[at].usage.prefetched += bytes;
    Occupy(at + 1, until, bytes);
  }
};

// How a block comes to be in HBM at a use; two bits of a choice.
enum Arrival : uint8_t {
  kStayed,    // was there since the use before, or its birth
  kPromoted,  // at the use before, which read it from DRAM
  kFetched,   // in between
  kReturned,  // evicted and fetched again in between (exclusive mode)
};
inline constexpr uint8_t kArrivalBits = 3;
// The path that is not in HBM at this use was in it at the use before.
inline constexpr uint8_t kLeft = 4;

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_PATH_TOTALS_H_
