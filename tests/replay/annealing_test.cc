#include "server/replay/annealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using Points = std::vector<std::pair<uint32_t, double>>;

// Nanoseconds; least at a window of 9 and a share of 0.8.
double Bowl(const LookaheadPoint& p) {
  const double window = static_cast<double>(p.window_steps) - 9;
  return 1e6 * (1 + window * window + 100 * std::pow(p.share - 0.8, 2));
}

// Anneals and returns the points that were evaluated; *best is what was found.
Points Seen(const AnnealingOptions& options, LookaheadPoint* best = nullptr) {
  Points seen;
  const auto found =
      Anneal(options, [&](const LookaheadPoint& p) -> absl::StatusOr<double> {
        seen.emplace_back(p.window_steps, p.share);
        return Bowl(p);
      });
  EXPECT_THAT(found, IsOk());
  if (found.ok() && best != nullptr) *best = *found;
  return seen;
}

TEST(Annealing, StartsWhereThePaperDoes) {
  const Points seen = Seen({});
  ASSERT_EQ(seen.size(), 41u) << "the start and 40 proposals";
  EXPECT_EQ(seen[0], std::pair(5u, 0.5));
}

TEST(Annealing, FindsTheBottomOfABowl) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    AnnealingOptions options;
    options.seed = seed;
    LookaheadPoint best;
    const Points seen = Seen(options, &best);
    EXPECT_NEAR(best.window_steps, 9, 1);
    EXPECT_NEAR(best.share, 0.8, 0.2);
    for (const auto& [window, share] : seen) {
      EXPECT_LE(Bowl(best), Bowl({window, share}));
    }
  }
}

TEST(Annealing, TheSeedDecides) {
  AnnealingOptions options;
  const Points one = Seen(options);
  EXPECT_EQ(Seen(options), one);
  options.seed = 2;
  EXPECT_NE(Seen(options), one);
}

TEST(Annealing, StaysInRangeAndTakesShortSteps) {
  AnnealingOptions options;
  options.iterations = 2000;
  options.most_window_steps = 7;
  options.temperature = 1e300;  // every proposal is accepted
  options.cooling = 1;
  bool lowest = false, highest = false, none = false, all = false;
  const Points seen = Seen(options);
  for (size_t i = 1; i < seen.size(); ++i) {
    const auto& [window, share] = seen[i];
    ASSERT_TRUE(window >= 1 && window <= 7 && share >= 0 && share <= 1);
    EXPECT_LE(std::abs(double(window) - double(seen[i - 1].first)), 3);
    EXPECT_LE(std::abs(share - seen[i - 1].second), 0.3 + 1e-12);
    lowest |= window == 1;
    highest |= window == 7;
    none |= share == 0;
    all |= share == 1;
  }
  EXPECT_TRUE(lowest && highest && none && all);
}

TEST(Annealing, AWorseEnergyIsAcceptedByTheTemperature) {
  // Each proposal is worse by its number: at 100 ns some are accepted, and
  // the start stays the best.
  AnnealingOptions options;
  int calls = 0;
  const auto found = Anneal(
      options,
      [&](const LookaheadPoint&) -> absl::StatusOr<double> { return calls++; });
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->window_steps, 5u);
  EXPECT_EQ(found->share, 0.5);
}

TEST(Annealing, ReportsAndStopsAtAnError) {
  AnnealingOptions options;
  std::vector<std::pair<int, int>> reported;
  options.on_evaluated = [&](int n, int of) { reported.emplace_back(n, of); };
  options.iterations = 2;
  Seen(options);
  EXPECT_THAT(reported, ::testing::ElementsAre(std::pair(1, 3), std::pair(2, 3),
                                               std::pair(3, 3)));
  int calls = 0;
  EXPECT_THAT(Anneal(options,
                     [&](const LookaheadPoint&) -> absl::StatusOr<double> {
                       if (++calls == 2) return absl::InternalError("broken");
                       return 1;
                     }),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(calls, 2);
  options.iterations = 0;
  EXPECT_EQ(Seen(options).size(), 1u);
}

}  // namespace
}  // namespace kvplace
