// The simulator's baselines against the slow twins, block for block.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "server/core/policy/registry.h"
#include "tests/replay/checked_run.h"
#include "tests/replay/slow_twin.h"
#include "tests/testing/random_workload.h"

namespace kvplace {
namespace {

struct Case {
  std::string policy;
  uint32_t delay;
};

class ClosedLoopTwin : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Baselines, ClosedLoopTwin,
                         ::testing::Values(Case{"static", 0}, Case{"static", 1},
                                           Case{"lru", 0}, Case{"lru", 1},
                                           Case{"lru", 2}, Case{"lru", 3},
                                           Case{"lfu", 0}, Case{"lfu", 1},
                                           Case{"lfu", 2}, Case{"lfu", 3}),
                         [](const auto& param) {
                           return param.param.policy + "_delay_" +
                                  std::to_string(param.param.delay);
                         });

TEST_P(ClosedLoopTwin, SameBlocksInEveryPhase) {
  const auto& [policy, delay] = GetParam();
  size_t moved = 0;
  for (uint64_t seed = 0; seed < 250; ++seed) {
    std::mt19937_64 random(seed);
    const auto upto = [&](uint64_t most) {
      return static_cast<uint32_t>(random() % (most + 1));
    };
    RandomWorkloadOptions options;
    options.sequences = 1 + upto(3);
    options.groups = 1 + upto(2);
    options.steps = 1 + upto(13);
    options.pages_max = 1 + upto(7);
    options.read_share = 0.1 + 0.1 * upto(8);
    options.free_share = 0.02 * upto(2);
    const Workload workload = RandomWorkload(options, random);
    const uint64_t capacity = upto(workload.peak_live_blocks + 2);
    SCOPED_TRACE(testing::Message()
                 << "seed " << seed << ", capacity " << capacity << " of "
                 << workload.peak_live_blocks);
    const auto made = MakeOnlinePolicy(policy);
    const CheckedRun run =
        RunChecked(workload, SmallDeviceFor(workload, capacity), **made,
                   nullptr, static_cast<int>(delay));
    const TwinRun twin = policy == "static" ? TwinStatic(workload, capacity)
                         : policy == "lru"  ? TwinLru(workload, capacity, delay)
                                           : TwinLfu(workload, capacity, delay);
    ASSERT_NO_FATAL_FAILURE(CompareBlocks(run.blocks, twin));
    for (const TwinPhase& phase : twin.phases) {
      moved += phase.promoted.size() + phase.evicted.size();
    }
  }
  // The workloads are worth comparing.
  if (policy != "static") {
    EXPECT_GT(moved, 4000u);
  }
}

}  // namespace
}  // namespace kvplace
