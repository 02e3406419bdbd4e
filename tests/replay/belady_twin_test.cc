// belady against every schedule there is, on workloads small enough to try all.
#include <gtest/gtest.h>

#include <random>

#include "server/core/policy/belady_policy.h"
#include "server/replay/closed_loop.h"
#include "tests/replay/checked_run.h"
#include "tests/replay/hand_workload.h"
#include "tests/replay/slow_twin.h"
#include "tests/testing/random_workload.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

// Blocks that belady reads from DRAM or prefetches.
uint64_t DramReads(const Workload& workload, uint64_t capacity) {
  RecordedFuture future(workload);
  const BeladyPolicy policy(&future);
  const PhaseTraffic traffic =
      RunChecked(workload, SmallDeviceFor(workload, capacity), policy, &future)
          .result.traffic;
  EXPECT_EQ(traffic.prefetched, Bytes(0));
  return static_cast<uint64_t>(traffic.dram_reads / workload.block_bytes());
}

TEST(BeladyTwin, ByHand) {
  // HBM for two; 0 and 1 alternate with a scan of 2 and 3.
  HandWorkload hand;
  hand.pages_max = 4;
  hand.initial = Ids({0, 1, 2, 3});
  hand.phases = {{{}, Ids({0, 1}), {}}, {{}, Ids({2}), {}},
                 {{}, Ids({0, 1}), {}}, {{}, Ids({3}), {}},
                 {{}, Ids({0, 1}), {}}, {{}, Ids({2}), {}}};
  EXPECT_EQ(DramReads(hand.Make(), 0), 9u);
  EXPECT_EQ(DramReads(hand.Make(), 1), 6u);
  EXPECT_EQ(DramReads(hand.Make(), 2), 3u);
  EXPECT_EQ(DramReads(hand.Make(), 3), 1u);
  EXPECT_EQ(DramReads(hand.Make(), 4), 0u);
}

// A future that was used before begins anew.
TEST(BeladyTwin, RunsAgainWithTheSameFuture) {
  std::mt19937_64 random(5);
  const Workload workload = RandomWorkload({}, random);
  const DeviceConfig device =
      SmallDeviceFor(workload, workload.peak_live_blocks / 3);
  RecordedFuture future(workload);
  const BeladyPolicy policy(&future);
  const auto once = RunClosedLoop(workload, device, policy, &future, {});
  const auto again = RunClosedLoop(workload, device, policy, &future, {});
  ASSERT_THAT(once, IsOk());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->traffic.dram_reads, once->traffic.dram_reads);
  EXPECT_GT(once->traffic.promoted, Bytes(0));
}

class BeladyTwin : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, BeladyTwin, ::testing::Range(0, 200));

TEST_P(BeladyTwin, NoScheduleReadsLessFromDram) {
  SCOPED_TRACE(GetParam());
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  Workload workload;
  do {
    RandomWorkloadOptions options;
    options.sequences = 1 + static_cast<uint32_t>(random() % 3);
    options.groups = 1 + static_cast<uint32_t>(random() % 2);
    options.steps = 3 + static_cast<uint32_t>(random() % 6);
    options.pages_max = 2 + static_cast<uint32_t>(random() % 3);
    options.read_share = 0.2 + 0.1 * static_cast<double>(random() % 5);
    options.free_share = 0.05;
    workload = RandomWorkload(options, random);
  } while (workload.blocks > 9);
  for (uint64_t c = 0; c <= workload.peak_live_blocks; ++c) {
    SCOPED_TRACE(testing::Message() << "capacity " << c);
    const uint64_t fewest = FewestDramReads(workload, c, false);
    ASSERT_EQ(DramReads(workload, c), fewest);
    // A prefetch is a DRAM read too: it cannot save any (docs/policies.md).
    ASSERT_EQ(FewestDramReads(workload, c, true), fewest);
  }
}

}  // namespace
}  // namespace kvplace
