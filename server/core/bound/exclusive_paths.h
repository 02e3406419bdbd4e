// The cheapest path of each block through its own uses in exclusive mode: in
// HBM or in DRAM at each of them, promoted when read, fetched, or evicted in
// between. An eviction costs, new KV goes where the block is, and a stay must
// be paid to the block's end or be ended.
//
// Thread-safety: a function.
#ifndef KVPLACE_SERVER_CORE_BOUND_EXCLUSIVE_PATHS_H_
#define KVPLACE_SERVER_CORE_BOUND_EXCLUSIVE_PATHS_H_

#include <cstdint>

#include "server/core/bound/access_window.h"
#include "server/core/bound/path_costs.h"
#include "server/core/bound/path_totals.h"

namespace kvplace {

// Adds those of blocks [first, end). `totals` has one demand per phase.
void AddExclusivePaths(const AccessWindow& window, const PathCosts& costs,
                       uint32_t first, uint32_t end, PathTotals* totals);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_EXCLUSIVE_PATHS_H_
