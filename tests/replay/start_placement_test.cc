#include "server/replay/start_placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "server/replay/recorded_future.h"
#include "tests/replay/hand_workload.h"
#include "tests/replay/slow_twin.h"
#include "tests/testing/random_workload.h"

namespace kvplace {
namespace {

// Two sequences, two groups, pages_max 4: (0, 0) has handles 0.., (0, 1) 4..,
// (1, 0) 8.., (1, 1) 12... Sequence 0 has 4 pages, sequence 1 has 2.
HandWorkload TwoSequences() {
  HandWorkload hand;
  hand.sequences = hand.groups = 2;
  hand.pages_max = 4;
  hand.initial = Ids({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13});
  hand.phases.resize(2);
  return hand;
}

TEST(OnlineStart, SinksThenNewestPagesRoundRobin) {
  const Workload workload = TwoSequences().Make();
  // Four blocks are kept free, one per sequence and group.
  EXPECT_EQ(OnlineStart(workload, 5), Ids({0}));
  EXPECT_EQ(OnlineStart(workload, 8), Ids({0, 4, 8, 12}));
  EXPECT_EQ(OnlineStart(workload, 9), Ids({0, 3, 4, 8, 12}));
  EXPECT_EQ(OnlineStart(workload, 12), Ids({0, 3, 4, 7, 8, 9, 12, 13}));
  // Sequence 1 has no more.
  EXPECT_EQ(OnlineStart(workload, 13), Ids({0, 2, 3, 4, 7, 8, 9, 12, 13}));
  EXPECT_EQ(OnlineStart(workload, 14), Ids({0, 2, 3, 4, 6, 7, 8, 9, 12, 13}));
}

TEST(OnlineStart, EdgesOfCapacity) {
  const Workload workload = TwoSequences().Make();
  EXPECT_EQ(OnlineStart(workload, 0), Ids({}));
  EXPECT_EQ(OnlineStart(workload, 4), Ids({}));
  EXPECT_EQ(OnlineStart(workload, 16), workload.initial);
  EXPECT_EQ(OnlineStart(workload, UINT64_MAX), workload.initial);
}

TEST(OnlineStart, KeepsRoomForSequencesAliveAtTheStartOnly) {
  HandWorkload hand = TwoSequences();
  hand.sequences = 5;
  hand.phases.resize(4);
  hand.phases[0].births = Ids({16});  // sequence 2 arrives in step 0
  hand.phases[2].births = Ids({24});  // sequence 3 later, 4 never
  EXPECT_EQ(OnlineStart(hand.Make(), 6), Ids({}));
  EXPECT_EQ(OnlineStart(hand.Make(), 7), Ids({0}));
}

TEST(OnlineStart, SequencesWithoutTheirFirstPage) {
  HandWorkload hand = TwoSequences();
  hand.initial = Ids({2, 3, 8, 9});
  hand.phases.resize(2);
  EXPECT_EQ(OnlineStart(hand.Make(), 5), Ids({8}));
  EXPECT_EQ(OnlineStart(hand.Make(), 6), Ids({3, 8}));
}

TEST(OnlineStart, IsTheTwins) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    RandomWorkloadOptions options;
    options.sequences = 1 + static_cast<uint32_t>(random() % 4);
    options.groups = 1 + static_cast<uint32_t>(random() % 3);
    options.steps = 3;
    const Workload workload = RandomWorkload(options, random);
    for (uint64_t c = 0; c <= workload.peak_live_blocks + 10; ++c) {
      ASSERT_EQ(OnlineStart(workload, c), TwinStart(workload, c)) << c;
    }
  }
}

TEST(ClairvoyantStart, WhatIsReadSoonest) {
  HandWorkload hand;
  hand.initial = Ids({0, 1, 2, 3});
  hand.phases = {{Ids({4, 5}), Ids({2, 5}), {}}, {{}, Ids({0, 4}), {}}};
  const Workload workload = hand.Make();
  RecordedFuture future(workload);
  ClairvoyantPlacement start = ClairvoyantStart(workload, future, 2);
  EXPECT_EQ(start.hbm, Ids({2}));
  EXPECT_EQ(start.new_in_dram, Ids({4})) << "5 is read at once";
  start = ClairvoyantStart(workload, future, 3);
  EXPECT_EQ(start.hbm, Ids({2}));
  EXPECT_EQ(start.new_in_dram, Ids({})) << "of equals the birth";
  start = ClairvoyantStart(workload, future, 100);
  EXPECT_EQ(start.hbm, Ids({0, 2})) << "1 and 3 are never read";
  EXPECT_EQ(start.new_in_dram, Ids({}));
  start = ClairvoyantStart(workload, future, 0);
  EXPECT_EQ(start.hbm, Ids({}));
  EXPECT_THAT(start.new_in_dram,
              ::testing::UnorderedElementsAre(BlockId(4), BlockId(5)));
}

TEST(ClairvoyantStart, WithoutPhases) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  const Workload workload = hand.Make();
  const RecordedFuture future(workload);
  EXPECT_EQ(ClairvoyantStart(workload, future, 2).hbm, Ids({}));
}

}  // namespace
}  // namespace kvplace
