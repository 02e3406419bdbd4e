// lookahead-1, annealed-oracle and slack-oracle against the slow twins, block
// for block, and by hand.
#include "tests/replay/oracle_twin.h"

#include <gtest/gtest.h>

#include <random>

#include "server/core/policy/lookahead_policy.h"
#include "server/core/policy/slack_policy.h"
#include "tests/replay/checked_run.h"
#include "tests/replay/hand_workload.h"
#include "tests/testing/random_workload.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

uint32_t UpTo(uint64_t most, std::mt19937_64& random) {
  return static_cast<uint32_t>(random() % (most + 1));
}

Workload SomeWorkload(std::mt19937_64& random) {
  RandomWorkloadOptions options;
  options.sequences = 1 + UpTo(3, random);
  options.groups = 1 + UpTo(2, random);
  options.steps = 1 + UpTo(39, random);
  options.pages_max = 2 + UpTo(14, random);
  options.read_share = 0.1 + 0.1 * UpTo(8, random);
  options.free_share = 0.02 * UpTo(2, random);
  return RandomWorkload(options, random);
}

class OracleTwin : public ::testing::TestWithParam<int> {
 protected:
  uint32_t UpTo(uint64_t most) { return kvplace::UpTo(most, random_); }
  Workload Random() { return SomeWorkload(random_); }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(Seeds, OracleTwin, ::testing::Range(0, 300));

TEST_P(OracleTwin, LookaheadMovesTheSameBlocks) {
  const Workload workload = Random();
  const uint64_t capacity = UpTo(workload.peak_live_blocks + 2);
  const uint32_t window = 1 + UpTo(4);
  const double share = window == 1 ? 1 : 0.125 * UpTo(8);
  SCOPED_TRACE(testing::Message()
               << "seed " << GetParam() << ", capacity " << capacity
               << ", window " << window << ", share " << share);
  const DeviceConfig device = SmallDeviceFor(workload, capacity);
  RecordedFuture future(workload);
  const LookaheadPolicy policy(&future, {"lookahead-1", window, share});
  CompareBlocks(RunChecked(workload, device, policy, &future).blocks,
                TwinLookahead(workload, capacity, window, share));
}

TEST_P(OracleTwin, SlackMovesTheSameBlocks) {
  const Workload workload = Random();
  const uint64_t capacity = UpTo(workload.peak_live_blocks + 2);
  const uint32_t window = 1 + UpTo(6);
  const bool exclusive = UpTo(1) == 1;
  const Bytes fixed(100 * UpTo(3));
  SCOPED_TRACE(testing::Message()
               << "seed " << GetParam() << ", capacity " << capacity
               << ", window " << window << ", exclusive " << exclusive
               << ", fixed " << fixed.count());
  const DeviceConfig device = DeviceFor(
      workload, SmallDevice(1, 1, 1).profile,
      exclusive ? ResidencyMode::kExclusive : ResidencyMode::kInclusive,
      capacity, fixed, false);
  RecordedFuture future(workload);
  const SlackPolicy policy(&future, window);
  CompareBlocks(RunChecked(workload, device, policy, &future).blocks,
                TwinSlack(workload, capacity, exclusive, fixed, window));
}

// The workloads are worth comparing.
TEST(OracleTwins, MoveALot) {
  size_t lookahead = 0, promoted = 0, prefetched = 0, births = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    const Workload workload = SomeWorkload(random);
    const uint64_t capacity = workload.peak_live_blocks / 2;
    for (const TwinPhase& p : TwinLookahead(workload, capacity, 2, 1).phases) {
      lookahead += p.promoted.size();
    }
    for (const TwinPhase& p :
         TwinSlack(workload, capacity, false, Bytes(0), 5).phases) {
      promoted += p.promoted.size();
      prefetched += p.prefetched.size();
      births += p.new_hbm.size();
    }
  }
  EXPECT_GT(lookahead, 2000u);
  EXPECT_GT(promoted, 1000u);
  EXPECT_GT(prefetched, 500u);
  EXPECT_GT(births, 1000u);
}

// HBM for two; the next step decides, whatever comes later.
TEST(LookaheadByHand, KeepsWhatTheNextStepReads) {
  HandWorkload hand;
  hand.initial = Ids({0, 1, 2, 3});
  hand.phases = {{{}, Ids({0, 1}), {}},
                 {{}, Ids({1, 2}), {}},
                 {{}, Ids({2, 3}), {}},
                 {{}, Ids({1, 3}), {}},
                 {{}, Ids({0, 3}), {}}};
  const Workload workload = hand.Make();
  RecordedFuture future(workload);
  const LookaheadPolicy policy(&future, {});
  const TwinRun run =
      RunChecked(workload, SmallDeviceFor(workload, 2), policy, &future).blocks;
  EXPECT_EQ(run.start, Ids({0, 1}));
  // Phase 1 reads 2, which phase 2 reads again: 0 goes, unread in step 2.
  EXPECT_EQ(run.phases[1].promoted, Ids({2}));
  EXPECT_EQ(run.phases[1].evicted, Ids({0}));
  // Then 3 comes in for 2, which phase 3 does not read; 1 is read there.
  EXPECT_EQ(run.phases[2].promoted, Ids({3}));
  EXPECT_EQ(run.phases[2].evicted, Ids({2}));
  EXPECT_EQ(run.phases[3].promoted, Ids({}));
  EXPECT_EQ(run.phases[4].promoted, Ids({})) << "nothing comes after";
}

}  // namespace
}  // namespace kvplace
