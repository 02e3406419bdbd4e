// The story of a block is what the run did to it, no more and no less, and its
// reasons fit.
#include "server/replay/block_story.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/core/policy/registry.h"
#include "server/replay/simulation.h"
#include "tests/replay/hand_workload.h"
#include "tests/testing/random_workload.h"
#include "tests/testing/scripted_policy.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

bool Has(const std::vector<BlockId>& list, BlockId block) {
  return std::find(list.begin(), list.end(), block) != list.end();
}

DeviceConfig Device(const Workload& workload, uint64_t capacity,
                    ResidencyMode mode = ResidencyMode::kInclusive,
                    bool routing = false) {
  return DeviceFor(workload, SmallDevice(1, 1, 1).profile, mode, capacity,
                   Bytes(100), routing);
}

struct Told {
  LoopResult result;
  std::vector<BlockId> initial_hbm;
  std::vector<PhaseOutcome> phases;
  // One per id of the workload.
  std::vector<BlockStory> stories;
};

Told Tell(const Workload& workload, const DeviceConfig& device,
          const std::string& policy, std::optional<int> delay,
          uint32_t every = 0) {
  Told told;
  for (uint32_t id = 0; id < workload.id_space(); ++id) {
    told.stories.emplace_back(workload, BlockId(id), every);
  }
  SimulationOptions options;
  options.delay_steps = delay;
  options.annealing.iterations = 2;
  options.on_start = [&](const std::vector<BlockId>& hbm) {
    told.initial_hbm = hbm;
    for (BlockStory& story : told.stories) story.OnStart(hbm);
  };
  options.on_order = [&](const OrderInForce& order) {
    for (BlockStory& story : told.stories) story.OnOrder(order);
  };
  options.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
    told.phases.push_back(outcome);
    for (BlockStory& story : told.stories) story.OnPhase(phase, outcome);
  };
  auto result = Simulate(workload, device, policy, options);
  EXPECT_THAT(result, IsOk());
  if (result.ok()) told.result = result->run;
  return told;
}

// The lists of the phase, of the one block.
void ExpectMatches(const Workload& workload, const PhaseOutcome& phase,
                   size_t number, BlockId block, const BlockMoment& m) {
  EXPECT_EQ(m.born_in == Tier::kHbm, Has(phase.new_hbm, block));
  EXPECT_EQ(m.born_in == Tier::kDram, Has(phase.new_dram, block));
  EXPECT_EQ(m.read_from == Tier::kHbm, Has(phase.read_hbm, block));
  EXPECT_EQ(m.read_from == Tier::kDram, Has(phase.read_dram, block));
  EXPECT_EQ(m.promoted, Has(phase.promoted, block));
  EXPECT_EQ(m.prefetched, Has(phase.prefetched, block));
  EXPECT_EQ(m.evicted, Has(phase.evicted, block));
  const auto freed = workload.freed[number];
  EXPECT_EQ(m.ended, std::binary_search(freed.begin(), freed.end(), block));
}

bool InPhase(const Workload& workload, const PhaseOutcome& phase, size_t number,
             BlockId block) {
  const auto freed = workload.freed[number];
  return Has(phase.new_hbm, block) || Has(phase.new_dram, block) ||
         Has(phase.read_hbm, block) || Has(phase.read_dram, block) ||
         Has(phase.promoted, block) || Has(phase.prefetched, block) ||
         Has(phase.evicted, block) ||
         std::binary_search(freed.begin(), freed.end(), block);
}

// What reason there must be for these numbers and lists.
bool Fits(const BlockMoment& m) {
  const bool missed = m.read_from == Tier::kDram && !m.routed;
  const bool stayed = missed && !m.promoted;
  const bool by_value = m.worth && m.worth->needed && m.worth->value_if_read;
  const bool enough = by_value && *m.worth->value_if_read >= *m.worth->needed;
  const bool listed = m.place.promote_place.has_value();
  const bool wanted = m.place.promote_all || listed;
  switch (m.why) {
    case Why::kWorthIt:
      return m.promoted && listed && by_value && enough;
    case Why::kWasWorthIt:
      return m.promoted && listed && by_value && !enough;
    case Why::kGroupAdmitsAll:
      return m.promoted && m.place.promote_all && m.worth->group_admits_all;
    case Why::kRoom:
      return m.promoted && m.worth;
    case Why::kNotWorthIt:
      return stayed && !wanted && by_value && !enough && !m.worth->hbm_binds;
    case Why::kHbmBinds:
      return stayed && !wanted && by_value && !enough && m.worth->hbm_binds;
    case Why::kNotListed:
      return stayed && !wanted && by_value && enough;
    case Why::kWasInHbm:
    case Why::kUnheard:
      return stayed && !wanted;
    case Why::kNoRoom:
      return stayed && wanted;
    case Why::kEnds:
      return stayed && m.ended;
    case Why::kRule:
      return missed && !by_value;
    case Why::kSpared:
      return m.read_from != Tier::kNone && !m.evicted && m.place.evict_place;
    case Why::kBornNoRoom:
    case Why::kBornInDram:
      return m.born_in == Tier::kDram;
    case Why::kNothing:
      return !missed && !m.promoted;
    case Why::kMakesRoom:
    case Why::kRebalance:
      return m.evicted;
    case Why::kPrefetch:
      return m.prefetched;
  }
  return false;
}

void ExpectStory(const Workload& workload, const Told& told,
                 const BlockStory& story) {
  Tier tier = Has(told.initial_hbm, story.block()) ? Tier::kHbm
              : std::binary_search(workload.initial.begin(),
                                   workload.initial.end(), story.block())
                  ? Tier::kDram
                  : Tier::kNone;
  EXPECT_EQ(story.start(), tier);
  size_t next = 0;
  for (size_t p = 0; p < told.phases.size(); ++p) {
    SCOPED_TRACE(testing::Message()
                 << "block " << story.block().value() << ", phase " << p);
    const bool expected = InPhase(workload, told.phases[p], p, story.block());
    const bool there =
        next < story.moments().size() && story.moments()[next].phase == p;
    ASSERT_EQ(there, expected);
    if (!there) continue;
    const BlockMoment& moment = story.moments()[next++];
    EXPECT_TRUE(moment.eventful());
    EXPECT_EQ(moment.before, tier);
    tier = moment.after;
    ExpectMatches(workload, told.phases[p], p, story.block(), moment);
    EXPECT_TRUE(Fits(moment)) << Name(moment.why);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  EXPECT_EQ(next, story.moments().size());
}

class BlockStories : public ::testing::TestWithParam<int> {
 protected:
  Workload Random(uint32_t steps) {
    RandomWorkloadOptions options;
    options.sequences = 1 + static_cast<uint32_t>(random_() % 4);
    options.groups = 1 + static_cast<uint32_t>(random_() % 3);
    options.steps = steps;
    options.pages_max = 3 + static_cast<uint32_t>(random_() % 8);
    options.read_share = 0.1 + 0.1 * (GetParam() % 6);
    return RandomWorkload(options, random_);
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(Seeds, BlockStories, ::testing::Range(0, 8));

TEST_P(BlockStories, AreWhatTheRunDid) {
  const Workload workload = Random(12);
  for (const absl::string_view policy : SimulationPolicyNames()) {
    for (const int delay : {0, 1, 3}) {
      for (const bool exclusive : {false, true}) {
        SCOPED_TRACE(testing::Message() << policy << ", delay " << delay);
        const DeviceConfig device = Device(
            workload, workload.peak_live_blocks / 3,
            exclusive ? ResidencyMode::kExclusive : ResidencyMode::kInclusive,
            !exclusive);
        const Told told = Tell(workload, device, std::string(policy), delay);
        for (const BlockStory& story : told.stories) {
          ASSERT_NO_FATAL_FAILURE(ExpectStory(workload, told, story));
        }
        // Who listens changes nothing.
        SimulationOptions alone;
        alone.delay_steps = delay;
        alone.annealing.iterations = 2;
        const auto result =
            Simulate(workload, device, std::string(policy), alone);
        ASSERT_THAT(result, IsOk());
        EXPECT_EQ(result->run.seconds.value(), told.result.seconds.value());
      }
    }
  }
}

// Over a longer run every reason of a policy with values turns up, and worths
// are as they should be.
TEST(BlockStory, ReasonsOfShadowPrice) {
  std::set<Why> seen;
  for (int seed = 0; seed < 12; ++seed) {
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    RandomWorkloadOptions options;
    options.sequences = 4;
    options.groups = 3;
    options.steps = 100;
    options.pages_max = 12;
    options.read_share = 0.1 + 0.1 * (seed % 6);
    options.free_share = 0.002;
    const Workload workload = RandomWorkload(options, random);
    for (const int delay : {0, 1}) {
      const DeviceConfig device =
          Device(workload, workload.peak_live_blocks * (1 + seed % 4) / 6);
      const Told told = Tell(workload, device, "shadow-price", delay);
      for (const BlockStory& story : told.stories) {
        ASSERT_NO_FATAL_FAILURE(ExpectStory(workload, told, story));
        for (const BlockMoment& moment : story.moments()) {
          seen.insert(moment.why);
          if (!moment.worth) continue;
          const BlockWorth& worth = *moment.worth;
          EXPECT_TRUE(worth.read_probability >= 0 &&
                      worth.read_probability <= 1);
          EXPECT_TRUE(worth.theta >= 0 && worth.theta <= 1);
          EXPECT_DOUBLE_EQ(worth.value(), worth.read_probability * worth.price);
          EXPECT_EQ(worth.needed.has_value(), worth.rule == Leader::kValues);
        }
      }
    }
  }
  for (const Why why : {Why::kWorthIt, Why::kNotWorthIt, Why::kHbmBinds,
                        Why::kWasInHbm, Why::kRoom, Why::kGroupAdmitsAll,
                        Why::kMakesRoom, Why::kEnds, Why::kNothing}) {
    EXPECT_TRUE(seen.count(why)) << Name(why);
  }
}

TEST(BlockStory, PoliciesWithoutValues) {
  std::mt19937_64 random(3);
  const Workload workload = RandomWorkload({}, random);
  const DeviceConfig device = Device(workload, workload.peak_live_blocks / 3);
  for (const char* policy : {"static", "lru", "balanced", "belady"}) {
    const Told told = Tell(workload, device, policy, std::nullopt);
    for (const BlockStory& story : told.stories) {
      for (const BlockMoment& moment : story.moments()) {
        EXPECT_FALSE(moment.worth.has_value());
        EXPECT_NE(moment.why, Why::kWorthIt);
      }
    }
  }
}

TEST(BlockStory, ReasonsHaveNames) {
  std::set<std::string> names;
  int count = 0;
  for (; Name(static_cast<Why>(count)) != "unknown"; ++count) {
    names.insert(std::string(Name(static_cast<Why>(count))));
  }
  EXPECT_EQ(count, static_cast<int>(Why::kBornInDram) + 1);
  EXPECT_EQ(names.size(), static_cast<size_t>(count));
}

TEST(BlockStory, EveryNthStepIsLookedAt) {
  HandWorkload hand;
  hand.groups = 2;
  hand.initial = Ids({0, 8});
  hand.phases.resize(20);
  hand.phases[12].reads = Ids({0});
  const Workload workload = hand.Make();
  const Told told = Tell(workload, Device(workload, 2), "lru", 0, 4);
  std::vector<size_t> phases;
  for (const BlockMoment& moment : told.stories[0].moments()) {
    phases.push_back(moment.phase);
  }
  EXPECT_EQ(phases, (std::vector<size_t>{0, 8, 12, 16}));
  EXPECT_TRUE(told.stories[0].moments()[2].eventful());
  EXPECT_FALSE(told.stories[0].moments()[3].eventful());
  // In the phases of its own group.
  EXPECT_EQ(told.stories[8].moments()[1].phase, 9u);
  // Never of a block that is not alive.
  EXPECT_TRUE(told.stories[1].moments().empty());
}

// ---- orders written by hand: one group, HBM for 2 of 4 blocks ----

struct HandRun {
  std::vector<HandPhase> phases;
  uint64_t capacity = 2;
};

// The moments of `block` under an order that stands for the whole run.
std::vector<BlockMoment> Moments(const HandRun& run, uint32_t block,
                                 const StandingOrder& standing) {
  HandWorkload hand;
  hand.initial = Ids({0, 1, 2, 3});
  hand.phases = run.phases;
  const Workload workload = hand.Make();
  const ScriptedPolicy policy(
      [&](const DeviceModel& model, auto&, StandingOrder* order) {
        *order = standing;
        // Orders name blocks where they are.
        const auto elsewhere = [&](Tier tier) {
          return [&model, tier](BlockId b) {
            return model.residency().tier(b) != tier;
          };
        };
        std::erase_if(order->evict_queue, elsewhere(Tier::kHbm));
        for (GroupOrder& group : order->groups) {
          std::erase_if(group.promote_if_read, elsewhere(Tier::kDram));
          std::erase_if(group.prefetch, elsewhere(Tier::kDram));
        }
      });
  BlockStory story(workload, BlockId(block), 0);
  LoopOptions options;
  options.on_start = [&](const auto& hbm) { story.OnStart(hbm); };
  options.on_order = [&](const auto& order) { story.OnOrder(order); };
  options.on_phase = [&](size_t p, const auto& o) { story.OnPhase(p, o); };
  const auto result = RunClosedLoop(workload, Device(workload, run.capacity),
                                    policy, nullptr, options);
  EXPECT_THAT(result, IsOk());
  return story.moments();
}

// The start: page 0 in HBM, and room for one.
TEST(BlockStoryByHand, ReadsAndPromotions) {
  StandingOrder order = EmptyOrder(1);
  const HandRun reads = {{{{}, Ids({0, 2}), {}}, {{}, Ids({2}), {}}}};
  const auto hit = Moments(reads, 0, order);
  ASSERT_EQ(hit.size(), 1u);
  EXPECT_EQ(hit[0].why, Why::kNothing);
  EXPECT_EQ(hit[0].read_from, Tier::kHbm);
  const auto stays = Moments(reads, 2, order);
  ASSERT_EQ(stays.size(), 2u);
  EXPECT_EQ(stays[0].why, Why::kRule);
  EXPECT_FALSE(stays[0].promoted);

  order.groups[0].promote_if_read = Ids({3, 2});
  const auto promoted = Moments(reads, 2, order);
  ASSERT_EQ(promoted.size(), 2u);
  EXPECT_EQ(promoted[0].why, Why::kRule);
  EXPECT_TRUE(promoted[0].promoted);
  EXPECT_EQ(promoted[0].place.promote_place, 2u);
  EXPECT_EQ(promoted[0].place.promote_list, 2u);
  EXPECT_EQ(promoted[1].read_from, Tier::kHbm);
}

TEST(BlockStoryByHand, NoRoomAndTheEnd) {
  StandingOrder order = EmptyOrder(1);
  order.groups[0].promote_if_read = Ids({2, 3});
  const HandRun run = {{{{}, Ids({2, 3}), {}}, {{}, Ids({3}), Ids({3})}}};
  const auto moments = Moments(run, 3, order);
  ASSERT_EQ(moments.size(), 2u);
  EXPECT_EQ(moments[0].why, Why::kNoRoom);
  EXPECT_EQ(moments[1].why, Why::kEnds);
  EXPECT_TRUE(moments[1].ended);
  EXPECT_EQ(moments[1].after, Tier::kNone);
}

TEST(BlockStoryByHand, EvictionsAndWhomAReadSpares) {
  StandingOrder order = EmptyOrder(1);
  order.groups[0].promote_all = true;
  order.evict_queue = Ids({0, 2, 3});
  // 2 takes the free room. Then 3 wants in: 0 is read, so 2 goes.
  const HandRun run = {{{{}, Ids({2}), {}}, {{}, Ids({0, 3}), {}}}};
  const auto spared = Moments(run, 0, order);
  ASSERT_EQ(spared.size(), 1u);
  EXPECT_EQ(spared[0].why, Why::kSpared);
  EXPECT_EQ(spared[0].place.evict_place, 1u);
  const auto evicted = Moments(run, 2, order);
  ASSERT_EQ(evicted.size(), 2u);
  EXPECT_TRUE(evicted[1].evicted);
  EXPECT_EQ(evicted[1].why, Why::kMakesRoom);
  EXPECT_EQ(evicted[1].place.evict_place, 2u);
  order.evict_reason = MoveReason::kRebalance;
  EXPECT_EQ(Moments(run, 2, order)[1].why, Why::kRebalance);
}

TEST(BlockStoryByHand, BirthsAndPrefetches) {
  StandingOrder order = EmptyOrder(1);
  const HandRun run = {{{Ids({4, 5}), {}, {}}}};
  EXPECT_EQ(Moments(run, 4, order)[0].why, Why::kBornInDram);
  order.groups[0].new_block_tier = Tier::kHbm;
  const auto in_hbm = Moments(run, 4, order);
  EXPECT_EQ(in_hbm[0].born_in, Tier::kHbm);
  EXPECT_EQ(in_hbm[0].why, Why::kNothing);
  EXPECT_EQ(Moments(run, 5, order)[0].why, Why::kBornNoRoom);

  order = EmptyOrder(1);
  order.groups[0].prefetch = Ids({3});
  const auto prefetched = Moments({{{{}, Ids({0}), {}}}}, 3, order);
  ASSERT_EQ(prefetched.size(), 1u);
  EXPECT_EQ(prefetched[0].why, Why::kPrefetch);
  EXPECT_EQ(prefetched[0].before, Tier::kDram);
  EXPECT_EQ(prefetched[0].after, Tier::kHbm);
}

}  // namespace
}  // namespace kvplace
