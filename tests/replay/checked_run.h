// Runs of the closed loop whose schedules are checked, for comparison with the
// slow twins.
#ifndef KVPLACE_TESTS_REPLAY_CHECKED_RUN_H_
#define KVPLACE_TESTS_REPLAY_CHECKED_RUN_H_

#include <cstdint>

#include "server/core/policy/policy.h"
#include "server/core/topology.h"
#include "server/replay/closed_loop.h"
#include "server/replay/recorded_future.h"
#include "server/replay/workload.h"
#include "tests/replay/twin_run.h"

namespace kvplace {

// SmallDevice's machine in inclusive mode, for `capacity` of the workload's
// blocks.
DeviceConfig SmallDeviceFor(const Workload& workload, uint64_t capacity);

struct CheckedRun {
  TwinRun blocks;
  LoopResult result;
};

// ScheduleChecker looks at every phase; failures are those of the running test.
CheckedRun RunChecked(const Workload& workload, const DeviceConfig& device,
                      const Policy& policy, RecordedFuture* future,
                      int delay_steps = 1);

// The same blocks in every phase, moved in the same order. Fatal failures.
void CompareBlocks(const TwinRun& run, const TwinRun& twin);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_CHECKED_RUN_H_
