#include "server/replay/recorded_future.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(RecordedFuture, ReadsInAWindowByHand) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  for (uint32_t p = 0; p < 60; ++p) {
    hand.phases.push_back({{}, p % 2 == 0 ? Ids({0}) : Ids({}), {}});
  }
  const Workload workload = hand.Make();
  RecordedFuture future(workload);
  const BlockId even(0);
  EXPECT_EQ(future.ReadsWithin(even, 0), 0u);
  EXPECT_EQ(future.ReadsWithin(even, 1), 1u) << "phase 0";
  EXPECT_EQ(future.ReadsWithin(even, 3), 2u);
  EXPECT_EQ(future.ReadsWithin(even, 51), 26u);
  EXPECT_EQ(future.ReadsWithin(even, 1000), 30u);
  EXPECT_EQ(future.ReadsWithin(even, UINT32_MAX), 30u);
  EXPECT_EQ(future.ReadsWithin(BlockId(1), 1000), 0u);
  future.Enter(0);
  EXPECT_EQ(future.ReadsWithin(even, 1), 0u) << "phase 1";
  EXPECT_EQ(future.ReadsWithin(even, 2), 1u);
  EXPECT_EQ(future.ReadsWithin(even, 1000), 29u);
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

// Reads of the block in `window` phases from `from` on, counted.
uint32_t Count(const Workload& workload, BlockId block, size_t from,
               size_t window) {
  uint32_t count = 0;
  for (size_t p = from; p < std::min(from + window, workload.phases()); ++p) {
    const auto reads = workload.reads[p];
    count += std::find(reads.begin(), reads.end(), block) != reads.end();
  }
  return count;
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
          const size_t window = (id + p) % 30;
          ASSERT_EQ(future.ReadsWithin(BlockId(id), window),
                    Count(workload, BlockId(id), p, window));
        }
        if (p < workload.phases()) future.Enter(p);
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
