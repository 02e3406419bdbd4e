// The pinned baselines written down as docs/cli.md says them, with sets, sorted
// vectors and whole histories: slow, obvious, and sharing no code with the
// planner, the policies or the emulated device.
#ifndef KVPLACE_TESTS_REPLAY_SLOW_TWIN_H_
#define KVPLACE_TESTS_REPLAY_SLOW_TWIN_H_

#include <cstdint>
#include <set>
#include <vector>

#include "server/replay/workload.h"

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

// The start of every online policy.
std::vector<BlockId> TwinStart(const Workload& workload, uint64_t capacity);

TwinRun TwinStatic(const Workload& workload, uint64_t capacity);
TwinRun TwinLru(const Workload& workload, uint64_t capacity, uint32_t delay);
// Counts decay by 4/5 a step and are compared exactly. REQUIRES: at most 40
// steps.
TwinRun TwinLfu(const Workload& workload, uint64_t capacity, uint32_t delay);

// Fewest blocks read from DRAM by any schedule at all, found by trying every
// one: any start, any births in HBM, any promotions on read and evictions, and
// with `prefetch` any prefetches, which count as DRAM reads. REQUIRES: few
// blocks; time is phases * 4^blocks.
uint64_t FewestDramReads(const Workload& workload, uint64_t capacity,
                         bool prefetch);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_SLOW_TWIN_H_
