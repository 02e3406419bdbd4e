// The search's own rules, on random windows: what it says and what it keeps.
#include "server/core/bound/schedule_search.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "server/core/bound/fewest_reads.h"
#include "tests/testing/random_window.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr double kRounding = 1e-9;

AccessWindow WindowOf(uint64_t seed, std::mt19937_64& random) {
  RandomWindowOptions options = RandomOptions(random);
  options.blocks = 1 + static_cast<uint32_t>(seed % 15);
  options.phases = 1 + static_cast<uint32_t>(random() % 90);
  options.capacity_blocks = static_cast<int64_t>(random() % 8);
  return RandomWindow(options, random);
}

// Evaluates the schedule; fails the test where it is none.
double SecondsOf(const AccessWindow& window,
                 const ClairvoyantSchedule& schedule) {
  const auto seconds = Evaluate(window, schedule);
  EXPECT_THAT(seconds, IsOk());
  return seconds.ok() ? Sum(*seconds).value() : -1;
}

SweepOptions RandomSweep(const std::vector<PhasePrices>& prices,
                         std::mt19937_64& random) {
  SweepOptions options;
  options.prices = prices;
  options.rent_share = static_cast<double>(random() % 2);
  options.linear_share = 0.25 * static_cast<double>(random() % 5);
  options.smoothing = static_cast<double>(random() % 4);
  options.most_rest = static_cast<uint32_t>(random() % 4);
  return options;
}

TEST(ScheduleSearch, EverySweepLeavesASchedule) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const AccessWindow window = WindowOf(seed, random);
    const auto prices = RandomPrices(window, true, random);
    ScheduleSearch search(window, FindFewestReads(window).schedule, seed);
    for (int sweep = 0; sweep < 8; ++sweep) {
      const double seconds = SecondsOf(window, search.schedule());
      ASSERT_NEAR(search.Total(), seconds, kRounding * seconds);
      const std::vector<Stay> before = search.schedule().stays;
      const uint64_t moved = search.Sweep(RandomSweep(prices, random));
      ASSERT_EQ(moved == 0, before == search.schedule().stays);
      ASSERT_LE(moved, window.blocks());
    }
  }
}

// Without rents, prices and a rounded corner it is descent.
TEST(ScheduleSearch, DescentNeverRises) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const AccessWindow window = WindowOf(seed, random);
    const auto prices = RandomPrices(window, true, random);
    ScheduleSearch search(window, FindFewestReads(window).schedule, seed);
    if (random() % 2 == 0) search.Sweep(RandomSweep(prices, random));
    SweepOptions descent;
    descent.prices = prices;
    descent.rent_share = 0;
    for (int sweep = 0; sweep < 6; ++sweep) {
      const double before = search.Total();
      search.Sweep(descent);
      ASSERT_LE(search.Total(), before * (1 + kRounding));
    }
  }
}

// Read routing is real-valued in the search and in whole blocks in Evaluate.
TEST(ScheduleSearch, RoutingOfTotalIsAtMostThatOfEvaluate) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    RandomWindowOptions options;
    options.blocks = 8;
    options.phases = 30;
    options.capacity_blocks = 4;
    options.read_routing = true;
    const AccessWindow window = RandomWindow(options, random);
    const auto prices = RandomPrices(window, true, random);
    ScheduleSearch search(window, FindFewestReads(window).schedule, seed);
    for (int sweep = 0; sweep < 4; ++sweep) {
      search.Sweep(RandomSweep(prices, random));
      const double seconds = SecondsOf(window, search.schedule());
      ASSERT_LE(search.Total(), seconds * (1 + kRounding));
      ASSERT_GE(search.Total(), 0.5 * seconds);
    }
  }
}

TEST(ScheduleSearch, TheSeedDecides) {
  std::mt19937_64 random(1);
  RandomWindowOptions options;
  options.blocks = 30;
  options.phases = 60;
  options.capacity_blocks = 9;
  const AccessWindow window = RandomWindow(options, random);
  const auto prices = RandomPrices(window, true, random);
  const ClairvoyantSchedule start = FindFewestReads(window).schedule;
  SweepOptions sweep;
  sweep.prices = prices;
  ScheduleSearch one(window, start, 7);
  ScheduleSearch same(window, start, 7);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(one.Sweep(sweep), same.Sweep(sweep));
  }
  EXPECT_EQ(one.schedule().stays, same.schedule().stays);
  EXPECT_EQ(one.Total(), same.Total());
}

TEST(ScheduleSearch, RestartForgets) {
  std::mt19937_64 random(2);
  RandomWindowOptions options;
  options.blocks = 12;
  options.phases = 40;
  options.capacity_blocks = 4;
  const AccessWindow window = RandomWindow(options, random);
  const auto prices = RandomPrices(window, true, random);
  const ClairvoyantSchedule start = FindFewestReads(window).schedule;
  ScheduleSearch search(window, start, 1);
  const double total = search.Total();
  SweepOptions sweep;
  sweep.prices = prices;
  search.Sweep(sweep);
  search.Restart(start);
  EXPECT_EQ(search.schedule().stays, start.stays);
  EXPECT_DOUBLE_EQ(search.Total(), total);
}

}  // namespace
}  // namespace kvplace
