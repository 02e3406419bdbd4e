// The whole bound on windows that no trace makes, and what its options promise.
// tests/replay/hindsight_twin_test.cc compares it with exact optima.
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

#include "server/core/bound/hindsight.h"
#include "tests/testing/random_window.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/two_threads.h"

namespace kvplace {
namespace {

constexpr double kRounding = 1e-9;

HindsightOptions Few(uint32_t iterations, uint32_t sweeps) {
  HindsightOptions options;
  options.gap = 0;
  options.max_iterations = iterations;
  options.max_sweeps = sweeps;
  return options;
}

void ExpectCertified(const AccessWindow& window,
                     const HindsightResult& result) {
  const auto seconds = Evaluate(window, result.schedule);
  ASSERT_THAT(seconds, IsOk());
  EXPECT_EQ(Sum(*seconds), result.upper);
  EXPECT_LE(result.lower.value(), result.upper.value() * (1 + kRounding));
  EXPECT_LE(result.roofline, result.lower);
  EXPECT_LE(result.fewest_dram_reads, result.lower);
  EXPECT_EQ(result.prices.size(), window.phases());
}

AccessWindow Medium(ResidencyMode mode, uint64_t seed) {
  std::mt19937_64 random(seed);
  RandomWindowOptions options;
  options.mode = mode;
  options.blocks = 40;
  options.phases = 120;
  options.capacity_blocks = 10;
  return RandomWindow(options, random);
}

TEST(Hindsight, NothingAtAll) {
  AccessWindowBuilder builder(SmallDevice(1, 8, 2));
  const AccessWindow window = builder.Build();
  const HindsightResult result = SolveHindsight(window, {});
  ExpectCertified(window, result);
  EXPECT_EQ(result.upper, Seconds(0));
  EXPECT_EQ(result.Gap(), 0);
}

TEST(Hindsight, MixedSizesAreBetweenTheirOptima) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    RandomWindowOptions options = RandomOptions(random);
    options.mixed_sizes = true;
    options.blocks = 4;
    const AccessWindow window = RandomWindow(options, random);
    const HindsightResult result = SolveHindsight(window, Few(300, 60));
    ASSERT_NO_FATAL_FAILURE(ExpectCertified(window, result));
    const double least = LeastSeconds(window);
    ASSERT_LE(result.lower.value(), least * (1 + kRounding));
    ASSERT_GE(result.upper.value(), least * (1 - kRounding));
  }
}

// A block that is larger than HBM never gets in; the small one does.
TEST(Hindsight, ABlockLargerThanHbm) {
  AccessWindowBuilder builder(SmallDevice(1, 8, 1));
  const uint32_t large = builder.AddBlock(Bytes(640));
  const uint32_t small = builder.AddBlock(Bytes(64));
  for (int p = 0; p < 4; ++p) {
    builder.BeginPhase();
    builder.Read(p % 2 == 0 ? large : small);
  }
  const AccessWindow window = builder.Build();
  const HindsightResult result = SolveHindsight(window, Few(500, 50));
  ExpectCertified(window, result);
  EXPECT_NEAR(result.upper.value(), 2 * 6.4 + 2 * 0.064, kRounding);
}

// Of 100 bytes one block of 64 can be used.
TEST(Hindsight, CapacityOfPartOfABlockIsNone) {
  const auto lower = [](int64_t capacity) {
    DeviceConfig device = SmallDevice(1, 8, 0);
    device.hbm_capacity = Bytes(capacity);
    AccessWindowBuilder builder(device);
    const uint32_t a = builder.AddBlock(kSmallBlock);
    const uint32_t b = builder.AddBlock(kSmallBlock);
    for (int p = 0; p < 6; ++p) {
      builder.BeginPhase();
      builder.Read(p % 2 == 0 ? a : b);
    }
    return SolveHindsight(builder.Build(), Few(500, 20)).lower;
  };
  EXPECT_EQ(lower(100), lower(64));
  EXPECT_EQ(lower(63), lower(0));
  EXPECT_GT(lower(64), lower(128));
}

TEST(Hindsight, NoTimeStillCertifies) {
  for (const auto mode :
       {ResidencyMode::kInclusive, ResidencyMode::kExclusive}) {
    const AccessWindow window = Medium(mode, 1);
    HindsightOptions options = Few(1000, 1000);
    double now = 5;
    options.now = [&now] { return now += 0.25; };
    options.time_limit_seconds = 0;
    const HindsightResult none = SolveHindsight(window, options);
    ExpectCertified(window, none);
    EXPECT_EQ(none.iterations, 0u);
    EXPECT_EQ(none.sweeps, 0u);
    EXPECT_GT(none.lower, Seconds(0));
    EXPECT_GT(none.seconds_spent, 0);
    // Less than what an iteration takes, and more.
    for (const double limit : {1e-9, 0.6, 3.0, 20.0}) {
      options.time_limit_seconds = limit;
      const HindsightResult some = SolveHindsight(window, options);
      ExpectCertified(window, some);
      EXPECT_LT(some.iterations, 1000u);
      EXPECT_GE(some.lower, none.lower);
      EXPECT_LE(some.upper, none.upper);
    }
  }
}

TEST(Hindsight, TheSeedDecidesNotTheThreads) {
  for (const auto mode :
       {ResidencyMode::kInclusive, ResidencyMode::kExclusive}) {
    const AccessWindow window = Medium(mode, 2);
    HindsightOptions options = Few(300, 120);
    const HindsightResult once = SolveHindsight(window, options);
    ExpectCertified(window, once);
    options.parallel = RunOnTwoThreads;
    const HindsightResult again = SolveHindsight(window, options);
    EXPECT_EQ(once.lower, again.lower);
    EXPECT_EQ(once.upper, again.upper);
    EXPECT_EQ(once.iterations, again.iterations);
    EXPECT_EQ(once.sweeps, again.sweeps);
    EXPECT_EQ(once.schedule.stays, again.schedule.stays);
    for (uint32_t p = 0; p < window.phases(); ++p) {
      ASSERT_EQ(once.prices[p].limit, again.prices[p].limit);
      ASSERT_EQ(once.prices[p].rent, again.prices[p].rent);
    }
  }
}

TEST(Hindsight, StopsAtTheGap) {
  const AccessWindow window = Medium(ResidencyMode::kInclusive, 3);
  HindsightOptions options = Few(4000, 400);
  options.gap = 0.5;
  const HindsightResult wide = SolveHindsight(window, options);
  ExpectCertified(window, wide);
  EXPECT_LE(wide.Gap(), 0.5);
  EXPECT_LT(wide.iterations, 4000u);
}

TEST(Hindsight, ProgressNeverGoesBack) {
  const AccessWindow window = Medium(ResidencyMode::kExclusive, 4);
  HindsightOptions options = Few(200, 80);
  HindsightProgress last;
  last.upper = Seconds(std::numeric_limits<double>::infinity());
  int told = 0;
  options.on_progress = [&](const HindsightProgress& now) {
    ++told;
    EXPECT_GE(now.iterations, last.iterations);
    EXPECT_GE(now.sweeps, last.sweeps);
    EXPECT_GE(now.lower, last.lower);
    EXPECT_LE(now.upper, last.upper);
    last = now;
  };
  const HindsightResult result = SolveHindsight(window, options);
  EXPECT_GT(told, 2);
  EXPECT_EQ(last.lower, result.lower);
  EXPECT_EQ(last.upper, result.upper);
  EXPECT_EQ(last.iterations, 200u);
}

// Prices of the result are a better start than none.
TEST(Hindsight, GoesOnFromEarlierPrices) {
  const AccessWindow window = Medium(ResidencyMode::kInclusive, 5);
  HindsightOptions options = Few(400, 1);
  const HindsightResult first = SolveHindsight(window, options);
  options.max_iterations = 1;
  const HindsightResult cold = SolveHindsight(window, options);
  options.start = first.prices;
  EXPECT_GE(SolveHindsight(window, options).lower, first.lower);
  EXPECT_LT(cold.lower, first.lower);
  options.start.pop_back();  // of another window
  EXPECT_EQ(SolveHindsight(window, options).lower, cold.lower);
}

}  // namespace
}  // namespace kvplace
