// Rankings and the plans made of them, in a model fed by hand.
#include "server/core/value/block_ranking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "server/core/policy/lru_policy.h"
#include "server/core/policy/shadow_price_policy.h"
#include "tests/testing/small_model.h"

namespace kvplace {
namespace {

std::vector<BlockId> Victims(const DeviceModel& model, size_t count) {
  std::vector<BlockId> queue;
  model.orders().ranking->AppendVictims(model.residency(), count, &queue);
  return queue;
}

std::vector<int32_t> KeysOf(const DeviceModel& model,
                            const std::vector<BlockId>& blocks) {
  std::vector<int32_t> keys;
  for (const BlockId block : blocks) {
    keys.push_back(
        model.orders().ranking->Key(block, model.blocks().group(block)));
  }
  return keys;
}

std::vector<BlockId> InHbm(const DeviceModel& model) {
  std::vector<BlockId> blocks;
  for (uint32_t h = 0; h < model.blocks().handles(); ++h) {
    if (model.residency().tier(BlockId(h)) == Tier::kHbm)
      blocks.emplace_back(h);
  }
  return blocks;
}

class RankingTest : public ::testing::Test {
 protected:
  // Half of the blocks are in HBM, which is full.
  static constexpr uint32_t kEach = 32;
  explicit RankingTest(const RankingOptions& options = {}, uint32_t lead = 1)
      : policy_(options),
        small_(SmallDevice(1, kEach, kEach / 2), policy_, lead) {
    small_.Put(IdRange(0, kEach / 2), Tier::kHbm);
    small_.Put(IdRange(kEach / 2, kEach / 2), Tier::kDram);
    small_.Start();
  }

  const BlockRanking& ranking() { return *small_.model().orders().ranking; }
  void StepAndRefresh(const std::vector<BlockId>& reads) {
    small_.Step(reads);
    small_.model().Refresh();
  }

  const ShadowPricePolicy policy_;
  SmallModel small_;
};

TEST_F(RankingTest, TraitsAndDefaults) {
  EXPECT_EQ(policy_.traits().name, "shadow-price");
  EXPECT_FALSE(policy_.traits().clairvoyant);
  EXPECT_EQ(policy_.traits().default_delay_steps, 1);
  EXPECT_EQ(policy_.traits().index, VictimIndex::kValue);
}

TEST_F(RankingTest, WhatIsReadOftenIsWorthMore) {
  for (int i = 0; i < 12; ++i) {
    StepAndRefresh(i % 4 == 0 ? IdRange(0, 8) : IdRange(0, 4));
  }
  const GroupId group(0);
  EXPECT_GT(ranking().Key(BlockId(0), group), ranking().Key(BlockId(4), group));
  EXPECT_GT(ranking().Key(BlockId(4), group), ranking().Key(BlockId(8), group));
  EXPECT_GT(ranking().ReadProbability(BlockId(0), group), 0.5);
  EXPECT_LT(ranking().ReadProbability(BlockId(8), group), 0.1);
  const std::vector<BlockId> victims = Victims(small_.model(), 16);
  ASSERT_EQ(victims.size(), 16u);
  EXPECT_EQ(
      std::set<BlockId>(victims.begin(), victims.begin() + 8),
      (std::set<BlockId>{BlockId(8), BlockId(9), BlockId(10), BlockId(11),
                         BlockId(12), BlockId(13), BlockId(14), BlockId(15)}));
}

// No refresh between: who was just read is not evicted for what was known
// before, unless there is nobody else.
TEST_F(RankingTest, VictimsWereNotReadSinceTheRanking) {
  // Also of the first step, before which there was a ranking, of the start.
  for (int i = 0; i < 6; ++i) {
    SCOPED_TRACE(i);
    small_.Step(IdRange(static_cast<uint32_t>(i), 5));
    const std::vector<BlockId> victims = Victims(small_.model(), 100);
    ASSERT_EQ(victims.size(), 16u);
    for (size_t v = 0; v < 11; ++v) {
      const BlockId block = victims[v];
      EXPECT_TRUE(block.value() < static_cast<uint32_t>(i) ||
                  block.value() >= static_cast<uint32_t>(i) + 5)
          << block.value();
    }
    small_.model().Refresh();
    EXPECT_EQ(Victims(small_.model(), 100).size(), 16u);
  }
}

// A process that is behind hears where blocks are, and no more.
TEST_F(RankingTest, StepsForTheLedgerTeachNothing) {
  for (int i = 0; i < 6; ++i) StepAndRefresh(IdRange(0, 4));
  const std::vector<BlockId> before = Victims(small_.model(), 100);
  ASSERT_EQ(before.size(), 16u);
  const int32_t key = ranking().Key(BlockId(20), GroupId(0));
  for (int i = 0; i < 3; ++i) {
    const auto n = static_cast<uint32_t>(i);
    small_.BeginStep(StepDetail::kLedger);
    // Blocks 5, 6 and 7 go for 20, 21 and 22.
    small_.Phase({}, {BlockId(20 + n)}, {BlockId(5 + n)});
    small_.EndStep();
    small_.model().Refresh();
    EXPECT_EQ(ranking().history().last_read(BlockId(20)), BlockHistory::kNever);
    EXPECT_EQ(ranking().Key(BlockId(20), GroupId(0)), key);
    // What is left of the plan before, in its order.
    std::vector<BlockId> left;
    for (const BlockId block : before) {
      if (small_.model().residency().tier(block) == Tier::kHbm) {
        left.push_back(block);
      }
    }
    EXPECT_EQ(Victims(small_.model(), 100), left);
    small_.Plan();
  }
  // The next ranking has all of HBM again.
  StepAndRefresh(IdRange(0, 4));
  std::vector<BlockId> victims = Victims(small_.model(), 100);
  std::sort(victims.begin(), victims.end());
  EXPECT_EQ(victims, InHbm(small_.model()));
}

// What a step was told waits for its ranking while others go by.
TEST_F(RankingTest, ALedgerStepLeavesTheRankingDue) {
  StepAndRefresh(IdRange(0, 4));
  small_.Step(IdRange(8, 4));
  small_.BeginStep(StepDetail::kLedger);
  small_.Phase({});
  small_.EndStep();
  small_.model().Refresh();
  const std::vector<BlockId> victims = Victims(small_.model(), 8);
  for (uint32_t b = 8; b < 12; ++b) {
    EXPECT_EQ(std::count(victims.begin(), victims.end(), BlockId(b)), 0) << b;
  }
}

// Where nearly all of HBM was read, those of it are victims that are worth
// least, and not those that the ranking liked least.
TEST_F(RankingTest, VictimsOfAStepThatReadsNearlyAll) {
  for (int i = 0; i < 12; ++i) {
    StepAndRefresh(i % 4 == 0 ? IdRange(0, 14) : IdRange(0, 8));
  }
  small_.Step(IdRange(0, 14));
  const std::vector<BlockId> victims = Victims(small_.model(), 8);
  ASSERT_EQ(victims.size(), 8u);
  const std::vector<int32_t> keys = KeysOf(small_.model(), victims);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(
      std::set<BlockId>(victims.begin(), victims.end()),
      (std::set<BlockId>{BlockId(8), BlockId(9), BlockId(10), BlockId(11),
                         BlockId(12), BlockId(13), BlockId(14), BlockId(15)}));
}

// In the middle of a step (a plan for one phase), what is known of a block that
// was read in it is not lost.
TEST_F(RankingTest, AReadInTheRunningStepAddsToWhatWasKnown) {
  for (int i = 0; i < 12; ++i) {
    StepAndRefresh({BlockId(0), BlockId(20)});
  }
  small_.BeginStep();
  small_.Phase({BlockId(20), BlockId(21)});
  const GroupId group(0);
  EXPECT_GT(ranking().KeyIfRead(BlockId(20), group),
            ranking().KeyIfRead(BlockId(21), group));
  EXPECT_GE(ranking().Key(BlockId(20), group),
            ranking().Key(BlockId(21), group) + 100);
}

// ---- plans ----

// Each block of HBM is read in most steps, at random; of those in DRAM 16 and
// 17 are in each, the others in turn.
class WantedTest : public RankingTest {
 protected:
  explicit WantedTest(uint32_t lead = 1) : RankingTest({}, lead) {
    for (int i = 0; i < 40; ++i) {
      std::vector<BlockId> reads = NextHits();
      reads.push_back(BlockId(16));
      reads.push_back(BlockId(17));
      reads.push_back(BlockId(18 + static_cast<uint32_t>(i) % 14));
      StepAndRefresh(reads);
    }
  }

  std::vector<BlockId> NextHits() {
    std::vector<BlockId> hits;
    for (uint32_t b = 0; b < 16; ++b) {
      if (random_() % 8 != 0) hits.emplace_back(b);
    }
    return hits;
  }

  std::vector<BlockId> Promotions() {
    StandingOrder order = small_.Plan();
    EXPECT_FALSE(order.groups[0].promote_all);
    return order.groups[0].promote_if_read;
  }

  std::vector<BlockId> Wanted() {
    std::vector<BlockId> wanted;
    ranking().VisitWanted(small_.model().blocks(), small_.model().residency(),
                          {}, [&](BlockId block, GroupId) {
                            wanted.push_back(block);
                            return true;
                          });
    return wanted;
  }

  std::minstd_rand random_{3};
};

TEST_F(WantedTest, PromotesWhatIsWorthMoreThanTheLeast) {
  EXPECT_FALSE(ranking().AdmitsAll(GroupId(0)));
  EXPECT_EQ(Promotions(), Ids({16, 17}));
  small_.Step(Ids({16, 17, 18}));
  EXPECT_EQ(Promotions(), Ids({16, 17}));
}

// The misses of a step are wanted by the ranking that has heard of them.
TEST_F(WantedTest, NothingIsListedTwiceAfterAStepWithoutMisses) {
  small_.Step(NextHits());
  EXPECT_EQ(Promotions(), Ids({16, 17}));
  small_.model().Refresh();
  small_.Plan();
  small_.Step(NextHits());
  small_.Plan();
}

TEST_F(WantedTest, NothingIsListedTwiceAfterASwitch) {
  const LruPolicy lru;
  small_.model().SetPolicy(&lru);
  small_.Step(Ids({0, 1, 16, 17}));
  small_.model().SetPolicy(&policy_);
  small_.Plan();
  small_.Step(NextHits());
  small_.Plan();
}

// A handle may end and begin again in one step.
TEST_F(WantedTest, NothingIsListedTwiceIfAHandleIsUsedTwiceInAStep) {
  small_.BeginStep();
  StepAccount account;
  const std::vector<BlockId> reads = Ids({16, 17}), freed = Ids({16});
  const std::vector<BlockRange> births = {
      {SequenceId(1), GroupId(0), 40, BlockId(16), 1, Tier::kDram}};
  PhaseUpdate first;
  first.reads = reads;
  first.freed = freed;
  ASSERT_THAT(small_.model().ApplyPhase(first, &account), IsOk());
  const std::vector<BlockId> again = Ids({16});
  PhaseUpdate second;
  second.births = births;
  second.reads = again;
  ASSERT_THAT(small_.model().ApplyPhase(second, &account), IsOk());
  small_.EndStep();
  std::vector<BlockId> visited = Wanted();
  std::sort(visited.begin(), visited.end());
  EXPECT_EQ(std::adjacent_find(visited.begin(), visited.end()), visited.end());
  small_.Plan();
}

// A worker may report what no plan asked for.
TEST_F(WantedTest, NothingIsListedTwiceIfItIsEvictedTwiceInAStep) {
  const std::vector<BlockId> both = Ids({2, 3});
  small_.BeginStep();
  small_.Phase(Ids({16, 18}), {}, both);
  StepAccount account;
  PhaseUpdate back;
  back.prefetched = both;
  ASSERT_THAT(small_.model().ApplyPhase(back, &account), IsOk());
  small_.Phase({}, {}, both);
  small_.EndStep();
  EXPECT_EQ(Wanted(), Ids({16, 2, 3, 17}));
  small_.Plan();
}

// The ranking has them in HBM.
TEST_F(WantedTest, WantsBackWhatWasEvictedInTheLastStep) {
  small_.BeginStep();
  small_.Phase(Ids({16, 18}), {}, Ids({1}));
  small_.EndStep();
  EXPECT_EQ(Promotions(), Ids({16, 1, 17}));
}

class WantedLateTest : public WantedTest {
 protected:
  WantedLateTest() : WantedTest(2) {}
};

// All of HBM is read often, so what the queue lets go while nobody hears of it
// is wanted back when it is read.
TEST_F(WantedLateTest, WantsBackWhatMayBeEvictedUnheard) {
  const StandingOrder order = small_.Plan();
  std::vector<BlockId> returning;
  for (const BlockId block : order.groups[0].promote_if_read) {
    if (block < BlockId(16)) returning.push_back(block);
  }
  ASSERT_FALSE(returning.empty());
  for (const BlockId block : returning) {
    EXPECT_EQ(
        std::count(order.evict_queue.begin(), order.evict_queue.end(), block),
        1);
  }
}

TEST_F(WantedTest, EndedBlocksAreNotPlanned) {
  small_.BeginStep();
  StepAccount account;
  PhaseUpdate ends;
  const std::vector<BlockId> freed = Ids({3, 16, 20});
  ends.freed = freed;
  ASSERT_THAT(small_.model().ApplyPhase(ends, &account), IsOk());
  small_.EndStep();
  for (int i = 0; i < 2; ++i) {
    const std::vector<BlockId> victims = Victims(small_.model(), 100);
    EXPECT_EQ(std::count(victims.begin(), victims.end(), BlockId(3)), 0);
    EXPECT_EQ(victims.size(), 15u);
    const StandingOrder order = small_.Plan();
    for (const BlockId block : order.groups[0].promote_if_read) {
      EXPECT_EQ(block, BlockId(17));
    }
    small_.model().Refresh();
  }
}

TEST_F(WantedTest, ClearForgetsTheLists) {
  small_.model().Clear();
  EXPECT_EQ(Victims(small_.model(), 100), Ids({}));
  EXPECT_EQ(ranking().history().last_read(BlockId(16)), BlockHistory::kNever);
  EXPECT_EQ(ranking().leader(), Leader::kValues);
  small_.Plan();
}

// ---- random ----

// Right after a ranking: whom it followed is whom Key follows.
void ExpectLowest(const DeviceModel& model, size_t count) {
  std::vector<int32_t> keys = KeysOf(model, InHbm(model));
  std::sort(keys.begin(), keys.end());
  count = std::min(count, keys.size());
  const std::vector<BlockId> victims = Victims(model, count);
  ASSERT_EQ(victims.size(), count);
  ASSERT_EQ(std::set<BlockId>(victims.begin(), victims.end()).size(), count);
  std::vector<int32_t> listed = KeysOf(model, victims);
  for (const int32_t key : listed) ASSERT_LE(std::abs(key), 32768);
  // Those due in a step come by group, so that a shorter list may differ.
  const std::vector<int32_t> all = KeysOf(model, Victims(model, keys.size()));
  if (!std::is_sorted(all.begin(), all.end()) && count < keys.size()) return;
  std::sort(listed.begin(), listed.end());
  keys.resize(count);
  EXPECT_EQ(listed, keys);
}

void ExpectReadLast(const std::vector<BlockId>& victims,
                    const std::set<BlockId>& read) {
  bool last_resort = false;
  for (const BlockId block : victims) {
    if (read.contains(block)) {
      last_resort = true;
    } else {
      EXPECT_FALSE(last_resort) << block.value();
    }
  }
}

class RandomRanking : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRanking, ::testing::Range(0, 16));

// Moves at random, so that the ranking sees what it would not have done.
TEST_P(RandomRanking, VictimsAreTheLowestKeys) {
  SCOPED_TRACE(GetParam());
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  RankingOptions options;
  options.learn = GetParam() % 2 == 0;
  options.guard = GetParam() % 4 < 2;
  const ShadowPricePolicy policy(options);
  const auto groups = static_cast<uint32_t>(1 + below(3));
  constexpr uint32_t kEach = 24;
  SmallModel small(SmallDevice(groups, kEach, groups * kEach / 2), policy);
  for (uint32_t h = 0; h < groups * kEach; ++h) {
    small.Put({BlockId(h)}, h % 2 == 0 ? Tier::kHbm : Tier::kDram);
  }
  small.Start();
  const DeviceModel& model = small.model();
  for (int step = 0; step < 150; ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    small.BeginStep();
    std::set<BlockId> read;
    for (uint32_t g = 0; g < groups; ++g) {
      std::vector<BlockId> reads, evicted, promoted;
      for (uint32_t i = 0; i < kEach; ++i) {
        const BlockId block(g * kEach + i);
        if (below(1 + i / 2) == 0) {
          reads.push_back(block);
          read.insert(block);
        } else if (model.residency().tier(block) == Tier::kHbm &&
                   below(10) == 0) {
          evicted.push_back(block);
        }
      }
      for (const BlockId block : reads) {
        if (model.residency().tier(block) == Tier::kDram &&
            promoted.size() < evicted.size()) {
          promoted.push_back(block);
        }
      }
      small.Phase(reads, promoted, evicted);
    }
    small.EndStep();
    if (4 * read.size() <= 3 * model.residency().resident_blocks()) {
      ExpectReadLast(Victims(model, 1000), read);
    }
    small.Plan();
    small.model().Refresh();
    ASSERT_NO_FATAL_FAILURE(ExpectLowest(model, 1 + below(groups * kEach / 2)));
  }
}

// ---- attention ----

// Near misses and masses of every kind; the plans' rules hold throughout.
class Masses : public ::testing::TestWithParam<int> {
 protected:
  size_t Below(size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random_);
  }
  uint8_t Mass(size_t i) {
    switch (GetParam()) {
      case 0:
        return 0;
      case 1:
        return 255;
      case 2:
        return 100;
      case 3:
        return i % 2 == 0 ? 0 : 255;
      default:
        return static_cast<uint8_t>(Below(256));
    }
  }
  // 4: groups 1 and 2 have none; 5: only some phases have.
  bool HasMasses(uint32_t group) {
    return (GetParam() != 4 || group == 0) &&
           (GetParam() != 5 || Below(2) == 0);
  }

  std::mt19937_64 random_{5};
};

INSTANTIATE_TEST_SUITE_P(Kinds, Masses, ::testing::Range(0, 6));

TEST_P(Masses, AnyKindRunsThrough) {
  SCOPED_TRACE(GetParam());
  const ShadowPricePolicy policy;
  constexpr uint32_t kEach = 20, kGroups = 3;
  SmallModel small(SmallDevice(kGroups, kEach, kGroups * kEach / 2), policy);
  for (uint32_t h = 0; h < kGroups * kEach; ++h) {
    small.Put({BlockId(h)}, h % 2 == 0 ? Tier::kHbm : Tier::kDram);
  }
  small.Start();
  for (int64_t step = 0; step < 120; ++step) {
    ASSERT_THAT(small.model().BeginStep(StepIndex(step)), IsOk());
    StepAccount account;
    for (uint32_t g = 0; g < kGroups; ++g) {
      PhaseUpdate phase;
      phase.group = GroupId(g);
      std::vector<BlockId> reads, near;
      std::vector<uint8_t> read_masses, near_masses;
      for (uint32_t i = 0; i < kEach; ++i) {
        if (Below(3) == 0) {
          reads.emplace_back(g * kEach + i);
          read_masses.push_back(Mass(i));
        } else if (Below(2) == 0) {
          near.emplace_back(g * kEach + i);
          near_masses.push_back(Mass(i + 1));
        }
      }
      phase.reads = reads;
      if (HasMasses(g)) {
        phase.read_masses = read_masses;
        phase.near_misses = near;
        phase.near_miss_masses = near_masses;
      }
      ASSERT_THAT(small.model().ApplyPhase(phase, &account), IsOk());
    }
    small.model().EndStep(account);
    small.Plan();
    small.model().Refresh();
    for (uint32_t h = 0; h < kGroups * kEach; ++h) {
      const GroupId group(h / kEach);
      const double p =
          small.model().orders().ranking->ReadProbability(BlockId(h), group);
      ASSERT_GE(p, 0);
      ASSERT_LE(p, 1);
      for (const float f : small.model().orders().ranking->history().At(
               BlockId(h), static_cast<uint32_t>(step))) {
        ASSERT_LE(std::abs(f), 1.01f);
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
