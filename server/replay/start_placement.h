// Which blocks are in HBM before the first phase of a replay.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_SERVER_REPLAY_START_PLACEMENT_H_
#define KVPLACE_SERVER_REPLAY_START_PLACEMENT_H_

#include <cstdint>
#include <vector>

#include "server/core/ids.h"
#include "server/core/policy/future.h"
#include "server/replay/workload.h"

namespace kvplace {

// The same start for every policy that does not know the future: page 0 of each
// (sequence, group), then the newest initial pages, round robin over (sequence,
// group), until `capacity` blocks minus one per (sequence, group) alive at the
// start are filled. Ascending.
std::vector<BlockId> OnlineStart(const Workload& workload, uint64_t capacity);

// The start of every policy that knows the future: what is read soonest, of the
// initial blocks and the births of the first phase.
struct ClairvoyantPlacement {
  // Initial blocks in HBM, ascending.
  std::vector<BlockId> hbm;
  // Births of the first phase that begin in DRAM.
  std::vector<BlockId> new_in_dram;
};
// `future` must stand before the first phase.
ClairvoyantPlacement ClairvoyantStart(const Workload& workload,
                                      const Future& future, uint64_t capacity);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_START_PLACEMENT_H_
