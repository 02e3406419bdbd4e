// The pinned baselines written down as docs/cli.md says them, with sets, sorted
// vectors and whole histories: slow, obvious, and sharing no code with the
// planner, the policies or the emulated device.
#ifndef KVPLACE_TESTS_REPLAY_SLOW_TWIN_H_
#define KVPLACE_TESTS_REPLAY_SLOW_TWIN_H_

#include <cstdint>
#include <vector>

#include "server/replay/workload.h"
#include "tests/replay/twin_run.h"

namespace kvplace {

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
