#include "server/replay/recorded_future.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/replay/hand_workload.h"
#include "tests/testing/random_workload.h"

namespace kvplace {
namespace {

TEST(RecordedFuture, NextReadsByHand) {
  HandWorkload hand;
  hand.initial = Ids({0, 1, 2});
  hand.phases = {{{}, Ids({0, 1}), {}},
                 {{}, Ids({0}), {}},
                 {{}, {}, {}},
                 {{}, Ids({1}), {}}};
  const Workload workload = hand.Make();
  RecordedFuture future(workload);
  EXPECT_EQ(future.NextRead(BlockId(0)), 0u);
  EXPECT_EQ(future.NextRead(BlockId(1)), 0u);
  EXPECT_EQ(future.NextRead(BlockId(2)), Future::kNever);
  future.Enter(0);
  EXPECT_EQ(future.NextRead(BlockId(0)), 1u);
  EXPECT_EQ(future.NextRead(BlockId(1)), 3u);
  future.Enter(1);
  EXPECT_EQ(future.NextRead(BlockId(0)), Future::kNever);
  future.Enter(2);
  EXPECT_EQ(future.NextRead(BlockId(1)), 3u);
  future.Enter(3);
  EXPECT_EQ(future.NextRead(BlockId(1)), Future::kNever);
  future.Rewind();
  EXPECT_EQ(future.NextRead(BlockId(0)), 0u);
}

// The first phase after the current one that reads the block, looked for.
uint64_t Search(const Workload& workload, BlockId block, size_t from) {
  for (size_t p = from; p < workload.phases(); ++p) {
    for (const BlockId read : workload.reads[p]) {
      if (read == block) return p;
    }
  }
  return Future::kNever;
}

TEST(RecordedFuture, IsWhatASearchFinds) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    RandomWorkloadOptions options;
    options.read_share = 0.2;
    const Workload workload = RandomWorkload(options, random);
    RecordedFuture future(workload);
    for (int run = 0; run < 2; ++run) {
      future.Rewind();
      for (size_t p = 0; p <= workload.phases(); ++p) {
        for (uint32_t id = 0; id < workload.id_space(); ++id) {
          ASSERT_EQ(future.NextRead(BlockId(id)),
                    Search(workload, BlockId(id), p));
        }
        if (p < workload.phases()) future.Enter(p);
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
