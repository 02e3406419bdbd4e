// The cheapest path of each block through its own uses in inclusive mode: in
// HBM or not at each of them, promoted when read or fetched in between.
// Leaving HBM is free.
//
// Thread-safety: a function.
#ifndef KVPLACE_SERVER_CORE_BOUND_INCLUSIVE_PATHS_H_
#define KVPLACE_SERVER_CORE_BOUND_INCLUSIVE_PATHS_H_

#include <cstdint>

#include "server/core/bound/access_window.h"
#include "server/core/bound/path_costs.h"
#include "server/core/bound/path_totals.h"

namespace kvplace {

// Adds those of blocks [first, end). `totals` has one demand per phase.
void AddInclusivePaths(const AccessWindow& window, const PathCosts& costs,
                       uint32_t first, uint32_t end, PathTotals* totals);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_INCLUSIVE_PATHS_H_
