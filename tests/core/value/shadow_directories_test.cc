// The shadows against plain caches, and whom they follow.
#include "server/core/value/shadow_directories.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <list>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

// As few handles as these are all in the sample.
constexpr uint32_t kHandles = 40;
constexpr double kSmoothing = 1.0 / 24;

// Seconds by the rules' misses: a slow link, so that DRAM always binds and the
// seconds are those of the misses alone.
DeviceConfig SlowDram(uint32_t groups, int64_t capacity) {
  DeviceConfig device = SmallDevice(groups, kHandles / groups, capacity);
  device.profile.hbm = BytesPerSecond(1e12);
  return device;
}
constexpr double kSecondsPerMiss = 64 / 100.0;

// Lists and maps.
struct Twin {
  explicit Twin(size_t blocks) : capacity(blocks) {}

  void Start(uint32_t block) {
    fixed.insert(block);
    if (recent.size() >= capacity) return;
    recent.push_back(block);
    most_read.insert(block);
  }
  void End(uint32_t block) {
    fixed.erase(block);
    recent.remove(block);
    most_read.erase(block);
    reads.erase(block);
  }
  double Count(uint32_t block, uint32_t now) const {
    double count = 0;
    const auto at = reads.find(block);
    if (at == reads.end()) return 0;
    for (const uint32_t step : at->second) count += std::pow(0.8, now - step);
    return count;
  }
  void Read(uint32_t block, uint32_t step, bool in_hbm) {
    if (!in_hbm) ++misses[size_t(Leader::kValues)];
    if (fixed.count(block) == 0) ++misses[size_t(Leader::kStatic)];
    const auto at = std::find(recent.begin(), recent.end(), block);
    if (at == recent.end()) {
      ++misses[size_t(Leader::kLru)];
    } else {
      recent.erase(at);
    }
    recent.push_back(block);
    if (recent.size() > capacity) recent.pop_front();
    reads[block].push_back(step);
    if (!most_read.insert(block).second) return;
    ++misses[size_t(Leader::kLfu)];
    if (most_read.size() <= capacity) return;
    uint32_t lowest = block;
    double lowest_count = 1e300;
    for (const uint32_t b : most_read) {
      const double count = Count(b, step);
      if (count < lowest_count * (1 - 1e-9)) {
        lowest = b;
        lowest_count = count;
      }
    }
    most_read.erase(lowest);
  }
  // Smoothed seconds, as the shadows have them.
  void EndStep() {
    weight += kSmoothing * (1 - weight);
    for (size_t k = 0; k < kLeaders; ++k) {
      rates[k] += kSmoothing * (misses[k] - rates[k]);
      misses[k] = 0;
    }
  }
  double Seconds(Leader leader) const {
    return kSecondsPerMiss * rates[size_t(leader)] / weight;
  }

  size_t capacity;
  std::set<uint32_t> fixed, most_read;
  std::list<uint32_t> recent;
  std::map<uint32_t, std::vector<uint32_t>> reads;
  std::array<int, kLeaders> misses = {};
  std::array<double, kLeaders> rates = {};
  double weight = 0;
};

class ShadowTwin : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, ShadowTwin, ::testing::Range(0, 16));

TEST_P(ShadowTwin, MissesAreThoseOfPlainCaches) {
  SCOPED_TRACE(GetParam());
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  const auto below = [&](uint32_t n) {
    return std::uniform_int_distribution<uint32_t>(0, n - 1)(random);
  };
  const uint32_t groups = 1 + below(3);
  const uint32_t each = kHandles / groups;
  const uint32_t handles = each * groups;
  const size_t capacity = GetParam() % 8 == 0 ? 0 : below(handles + 4);
  ShadowDirectories shadows(SlowDram(groups, static_cast<int64_t>(capacity)));
  Twin twin(capacity);
  for (uint32_t b = 0; b < handles; ++b) {
    ASSERT_TRUE(shadows.sampled(BlockId(b)));
    if (twin.fixed.size() < capacity && below(2) == 0) {
      shadows.Start(BlockId(b));
      twin.Start(b);
    }
  }
  uint32_t step = 0;
  double lfu = 0, twin_lfu = 0;
  for (int i = 0; i < 300; ++i) {
    step += 1 + (below(20) == 0 ? below(50) : 0);
    for (uint32_t b = 0; b < handles; ++b) {
      // The lower, the more often.
      if (below(2 + b / 2) != 0) continue;
      const bool in_hbm = below(2) == 0;
      shadows.OnRead(BlockId(b), GroupId(b / each), in_hbm);
      twin.Read(b, step, in_hbm);
    }
    // Every step reads.
    shadows.OnRead(BlockId(0), GroupId(0), true);
    twin.Read(0, step, true);
    shadows.EndStep(step);
    twin.EndStep();
    for (const Leader leader :
         {Leader::kValues, Leader::kLru, Leader::kStatic}) {
      ASSERT_NEAR(shadows.seconds(leader), twin.Seconds(leader), 1e-9)
          << "step " << step << ", leader " << int(leader);
    }
    lfu += shadows.seconds(Leader::kLfu);
    twin_lfu += twin.Seconds(Leader::kLfu);
    if (below(4) == 0) {
      const uint32_t b = below(handles);
      shadows.OnEnd(BlockId(b));
      twin.End(b);
    }
  }
  // Counts closer than a sixteenth of an octave are the same to the shadow.
  EXPECT_NEAR(lfu, twin_lfu, 0.02 * twin_lfu);
}

// ---- sampling ----

TEST(ShadowSample, OneBlockOfEveryRun) {
  const uint32_t handles = 5 * ShadowDirectories::kMostSampled;
  const ShadowDirectories shadows(SmallDevice(1, handles, 100));
  size_t sampled = 0;
  std::array<int, 8> places = {};
  for (uint32_t run = 0; run < handles / 8; ++run) {
    int in_run = 0;
    for (uint32_t i = 0; i < 8; ++i) {
      if (!shadows.sampled(BlockId(run * 8 + i))) continue;
      ++in_run;
      ++places[i];
    }
    ASSERT_EQ(in_run, 1) << run;
    ++sampled;
  }
  EXPECT_LE(sampled, ShadowDirectories::kMostSampled);
  for (const int n : places) EXPECT_NEAR(n, handles / 64.0, handles / 256.0);
}

// Every handle of the last run that is not whole, too.
TEST(ShadowSample, EveryCountOfHandlesRuns) {
  for (const uint32_t more : {0u, 1u, 2u, 3u}) {
    const uint32_t handles = 2 * ShadowDirectories::kMostSampled + 1 + more;
    ShadowDirectories shadows(SmallDevice(1, handles, 4000));
    for (uint32_t b = 0; b < handles; ++b) {
      if (!shadows.sampled(BlockId(b))) continue;
      if (b % 3 == 0) shadows.Start(BlockId(b));
      shadows.OnRead(BlockId(b), GroupId(0), b % 3 == 0);
    }
    shadows.EndStep(1);
    EXPECT_GT(shadows.seconds(Leader::kLru), 0);
    for (uint32_t b = 0; b < handles; ++b) {
      if (shadows.sampled(BlockId(b))) shadows.OnEnd(BlockId(b));
    }
  }
}

// ---- whom to follow ----

// A scan over more blocks than fit: whoever promotes always misses, and who
// never moves hits what it has.
class ScanTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kFit = 20;

  ScanTest() {
    for (uint32_t b = 0; b < kFit; ++b) shadows_.Start(BlockId(b));
  }

  // Blocks come in turn; the device has those below `held` in HBM.
  void StepHolding(uint32_t held) {
    for (int i = 0; i < 10; ++i) {
      shadows_.OnRead(BlockId(next_), GroupId(0), next_ < held);
      next_ = (next_ + 1) % kHandles;
    }
    shadows_.EndStep(++step_);
  }
  // The device misses everything, or nothing.
  void Step(bool in_hbm) { StepHolding(in_hbm ? kHandles : 0); }

  ShadowDirectories shadows_{SlowDram(1, kFit)};
  uint32_t next_ = 0;
  uint32_t step_ = 0;
};

TEST_F(ScanTest, FollowsWhoIsFarBetterAndTriesAgain) {
  std::vector<Leader> leaders;
  std::vector<int> lengths;
  for (int i = 0; i < 6000; ++i) {
    Step(false);
    if (leaders.empty() || leaders.back() != shadows_.leader()) {
      leaders.push_back(shadows_.leader());
      lengths.push_back(0);
    }
    ++lengths.back();
  }
  ASSERT_GE(leaders.size(), 8u);
  for (size_t i = 0; i + 1 < leaders.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(leaders[i], i % 2 == 0 ? Leader::kValues : Leader::kStatic);
    if (i % 2 == 0) {
      // The first comparison, then short tries.
      EXPECT_LE(lengths[i], 16);
    } else {
      // Twice as long each time.
      EXPECT_EQ(lengths[i], std::min(64 << (i / 2), 1024));
    }
  }
  EXPECT_GT(shadows_.seconds(Leader::kLru),
            1.5 * shadows_.seconds(Leader::kStatic));
}

TEST_F(ScanTest, FollowsNobodyWhileItIsBest) {
  for (int i = 0; i < 500; ++i) {
    Step(true);
    ASSERT_EQ(shadows_.leader(), Leader::kValues);
  }
  EXPECT_EQ(shadows_.seconds(Leader::kStatic) > 0, true);
}

TEST_F(ScanTest, ComesBackForGoodWhenItsTryIsGood) {
  for (int i = 0; i < 40; ++i) Step(false);
  ASSERT_EQ(shadows_.leader(), Leader::kStatic);
  // Now the device does well, whoever it follows.
  for (int i = 0; i < 100; ++i) Step(true);
  for (int i = 0; i < 500; ++i) {
    Step(true);
    ASSERT_EQ(shadows_.leader(), Leader::kValues);
  }
  // The next time the leader leads for as long as the first.
  int led = 0;
  for (int i = 0; i < 120; ++i) {
    StepHolding(shadows_.leader() == Leader::kStatic ? kFit : 0);
    led += shadows_.leader() != Leader::kValues;
  }
  EXPECT_GE(led, 60);
  EXPECT_LE(led, 120 - 12);
}

// A shadow may promise what the device does not reach by its order: with steps
// that go by unheard, for example.
TEST_F(ScanTest, LeavesWhoIsFollowedInVain) {
  int led = 0, led_of_late = 0;
  for (int i = 0; i < 1000; ++i) {
    StepHolding(shadows_.leader() == Leader::kStatic ? 0 : kFit / 2);
    const bool follows = shadows_.leader() != Leader::kValues;
    led += follows;
    if (i >= 200) led_of_late += follows;
  }
  EXPECT_GE(led, 16);
  EXPECT_LE(led, 64);
  EXPECT_EQ(led_of_late, 0);
}

// What was in vain may help later, where the rule is further ahead.
TEST_F(ScanTest, FollowsAgainWhereItsOwnIsWorseThanFollowingWas) {
  for (int i = 0; i < 200; ++i) {
    StepHolding(shadows_.leader() == Leader::kStatic ? 0 : kFit / 2);
  }
  int led = 0;
  for (int i = 0; i < 200; ++i) {
    StepHolding(shadows_.leader() == Leader::kStatic ? kFit : 0);
    led += shadows_.leader() == Leader::kStatic;
  }
  EXPECT_GE(led, 60);
}

// The more steps go by unheard, the further ahead a rule must be.
TEST_F(ScanTest, UnheardStepsAskForMore) {
  for (const uint32_t every : {1u, 8u}) {
    shadows_.Clear();
    for (uint32_t b = 0; b < kFit; ++b) shadows_.Start(BlockId(b));
    bool followed = false;
    for (int i = 0; i < 200; ++i) {
      step_ += every - 1;
      StepHolding(kFit / 2);  // 1.5 times what static takes
      followed |= shadows_.leader() != Leader::kValues;
    }
    EXPECT_EQ(followed, every == 1) << every;
  }
}

TEST_F(ScanTest, ClearStartsAnew) {
  for (int i = 0; i < 40; ++i) Step(false);
  shadows_.Clear();
  EXPECT_EQ(shadows_.leader(), Leader::kValues);
  for (const Leader leader : {Leader::kValues, Leader::kLru, Leader::kStatic}) {
    EXPECT_EQ(shadows_.seconds(leader), 0);
  }
  for (int i = 0; i < 15; ++i) {
    Step(false);
    ASSERT_EQ(shadows_.leader(), Leader::kValues);
  }
}

// Two sets in turn, one read in most steps: lru loses the hot set to the scan.
TEST(ShadowLeader, LfuWinsWhereCountsTell) {
  ShadowDirectories shadows(SlowDram(1, 12));
  uint32_t cold = 10;
  bool followed = false;
  for (uint32_t step = 1; step < 400; ++step) {
    if (step % 3 != 0) {
      for (uint32_t b = 0; b < 10; ++b) {
        shadows.OnRead(BlockId(b), GroupId(0), false);
      }
    }
    for (int i = 0; i < 8; ++i) {
      shadows.OnRead(BlockId(cold), GroupId(0), false);
      cold = cold + 1 < kHandles ? cold + 1 : 10;
    }
    shadows.EndStep(step);
    if (shadows.leader() == Leader::kValues) continue;
    EXPECT_EQ(shadows.leader(), Leader::kLfu);
    followed = true;
  }
  EXPECT_TRUE(followed);
  EXPECT_LT(shadows.seconds(Leader::kLfu), 0.7 * shadows.seconds(Leader::kLru));
}

// With no HBM all rules miss alike.
TEST(ShadowLeader, WithoutCapacityNobodyLeads) {
  ShadowDirectories shadows(SlowDram(2, 0));
  for (uint32_t step = 0; step < 300; ++step) {
    for (uint32_t b = 0; b < kHandles; b += 3) {
      shadows.OnRead(BlockId(b), GroupId(b / (kHandles / 2)), false);
    }
    shadows.EndStep(step);
    ASSERT_EQ(shadows.leader(), Leader::kValues);
  }
  EXPECT_EQ(shadows.seconds(Leader::kLru), shadows.seconds(Leader::kStatic));
  EXPECT_EQ(shadows.seconds(Leader::kLru), shadows.seconds(Leader::kValues));
}

TEST(ShadowLeader, StepsWithoutReadsAndLongGapsStayFinite) {
  ShadowDirectories shadows(SlowDram(1, 10));
  uint32_t step = 0;
  for (int i = 0; i < 200; ++i) {
    step += 50'000;
    if (i % 2 == 0) {
      shadows.OnRead(BlockId(static_cast<uint32_t>(i) % kHandles), GroupId(0),
                     false);
    }
    shadows.EndStep(step);
    for (const Leader leader :
         {Leader::kValues, Leader::kLru, Leader::kLfu, Leader::kStatic}) {
      ASSERT_TRUE(std::isfinite(shadows.seconds(leader)));
    }
  }
}

}  // namespace
}  // namespace kvplace
