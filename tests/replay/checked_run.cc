#include "tests/replay/checked_run.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/replay/schedule_checker.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {

DeviceConfig SmallDeviceFor(const Workload& workload, uint64_t capacity) {
  return DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                   ResidencyMode::kInclusive, capacity, Bytes(0), false);
}

CheckedRun RunChecked(const Workload& workload, const DeviceConfig& device,
                      const Policy& policy, RecordedFuture* future,
                      int delay_steps) {
  CheckedRun run;
  ScheduleChecker checker(workload, device);
  LoopOptions options;
  options.delay_steps = delay_steps;
  options.on_start = [&](const std::vector<BlockId>& hbm) {
    run.blocks.start = hbm;
    checker.Start(hbm);
  };
  options.on_phase = [&](size_t phase, const PhaseOutcome& o) {
    checker.Phase(phase, o);
    run.blocks.phases.push_back({o.new_hbm, o.new_dram, o.read_hbm, o.read_dram,
                                 o.promoted, o.prefetched, o.evicted});
  };
  const auto result = RunClosedLoop(workload, device, policy, future, options);
  EXPECT_THAT(result, IsOk());
  if (!result.ok()) return run;
  checker.Finish(*result);
  run.result = *result;
  return run;
}

void CompareBlocks(const TwinRun& run, const TwinRun& twin) {
  ASSERT_EQ(run.start, twin.start);
  ASSERT_EQ(run.phases.size(), twin.phases.size());
  for (size_t p = 0; p < run.phases.size(); ++p) {
    SCOPED_TRACE(testing::Message() << "phase " << p);
    ASSERT_EQ(run.phases[p].new_hbm, twin.phases[p].new_hbm);
    ASSERT_EQ(run.phases[p].new_dram, twin.phases[p].new_dram);
    ASSERT_EQ(run.phases[p].read_hbm, twin.phases[p].read_hbm);
    ASSERT_EQ(run.phases[p].read_dram, twin.phases[p].read_dram);
    ASSERT_EQ(run.phases[p].promoted, twin.phases[p].promoted);
    ASSERT_EQ(run.phases[p].prefetched, twin.phases[p].prefetched);
    ASSERT_EQ(run.phases[p].evicted, twin.phases[p].evicted);
  }
}

}  // namespace kvplace
