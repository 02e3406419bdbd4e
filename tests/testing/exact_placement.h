// The least time in which any placement and migration schedule can serve a
// workload, found by solvers that are too slow for anything but tests: the
// independent check of the bounds. Written from docs/cost_model.md and
// docs/cli.md alone; shares no code with the bounds.
//
// A schedule says for each phase which blocks are in HBM, at most a capacity
// full, the blocks that begin in the phase among them. A block may begin in
// either tier for free. At the end of a phase blocks come into HBM, to be there
// from the next phase on: a block that the phase read from DRAM as a promotion,
// others as a prefetch; and blocks leave, for free in inclusive mode, else by a
// demotion. Blocks that end vanish for free.
#ifndef KVPLACE_TESTS_TESTING_EXACT_PLACEMENT_H_
#define KVPLACE_TESTS_TESTING_EXACT_PLACEMENT_H_

#include <cstdint>
#include <vector>

#include "server/core/topology.h"
#include "server/core/units.h"
#include "server/replay/workload.h"

namespace kvplace {

// How much of the resident blocks that are read may be read from their DRAM
// copies, in inclusive mode: nothing, the best number of whole blocks, the best
// number of bytes. No difference in exclusive mode.
enum class Routing { kNone, kWholeBlocks, kBytes };

// Blocks in HBM: bit i for block i of the PlacementProblem. REQUIRES: at most
// 64 blocks.
using BlockSet = uint64_t;

// What one schedule takes: hbm[p] is in HBM in phase p. An entry more than
// there are phases says what the moves of the last one lead to. Infinity if
// more is in HBM than fits, or a block that does not exist then.
Seconds ScheduleSeconds(const Workload& workload, const DeviceConfig& device,
                        const std::vector<BlockSet>& hbm, Routing routing);

// Over all schedules of whole blocks. REQUIRES: few blocks at once; time is
// phases * 4^blocks.
Seconds IntegralOptimum(const Workload& workload, const DeviceConfig& device,
                        Routing routing);

// Over all schedules in which each part of a block may go its own way (the
// linear relaxation, solved by simplex), with routing in bytes where the mode
// is inclusive: at most any IntegralOptimum. Exact to a relative 1e-10, which
// the prices of the solution prove; ends the program if they do not.
Seconds LpOptimum(const Workload& workload, const DeviceConfig& device);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_EXACT_PLACEMENT_H_
