// What a policy does, block for block: the slow twins say it, and a checked run
// is compared with them. No code of the policies, the planner or the emulated
// device.
#ifndef KVPLACE_TESTS_REPLAY_TWIN_RUN_H_
#define KVPLACE_TESTS_REPLAY_TWIN_RUN_H_

#include <algorithm>
#include <set>
#include <vector>

#include "server/core/ids.h"

namespace kvplace {

struct TwinPhase {
  std::vector<BlockId> new_hbm, new_dram, read_hbm, read_dram;
  // In the order in which it happens.
  std::vector<BlockId> promoted, prefetched, evicted;
};

struct TwinRun {
  std::vector<BlockId> start;
  std::vector<TwinPhase> phases;
};

using TwinBlocks = std::set<BlockId>;

template <typename List>
bool Has(const List& list, BlockId block) {
  return std::find(list.begin(), list.end(), block) != list.end();
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_TWIN_RUN_H_
