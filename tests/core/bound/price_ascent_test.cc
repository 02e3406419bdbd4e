// The ascent's own rules: prices stay prices, and the best is kept.
#include "server/core/bound/price_ascent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "tests/testing/random_window.h"

namespace kvplace {
namespace {

using Point = std::array<double, kPhaseLimits>;
using Allowed = std::array<bool, kPhaseLimits>;

double SquareDistance(const Point& a, const Point& b) {
  double sum = 0;
  for (int k = 0; k < kPhaseLimits; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

// Not exactly uniform, which does not matter.
Point RandomOnSimplex(const Allowed& allowed, std::mt19937_64& random) {
  std::exponential_distribution<> exponential;
  Point point{};
  double sum = 0;
  for (int k = 0; k < kPhaseLimits; ++k) {
    if (!allowed[k] || (sum > 0 && random() % 3 == 0)) continue;
    point[k] = exponential(random);
    sum += point[k];
  }
  for (double& value : point) value /= sum;
  return point;
}

TEST(ProjectOntoSimplex, IsTheNearestPoint) {
  std::mt19937_64 random(1);
  std::normal_distribution<> normal;
  for (int i = 0; i < 2000; ++i) {
    Allowed allowed{};
    for (bool& one : allowed) one = random() % 2 == 0;
    allowed[random() % kPhaseLimits] = true;
    Point from{};
    for (double& value : from) value = (i % 2 == 0 ? 1 : 30) * normal(random);
    Point projected = from;
    ProjectOntoSimplex(allowed, &projected);
    for (int k = 0; k < kPhaseLimits; ++k) {
      ASSERT_GE(projected[k], 0);
      if (!allowed[k]) {
        ASSERT_EQ(projected[k], 0);
        from[k] = 0;  // it costs the same everywhere
      }
    }
    ASSERT_NEAR(std::accumulate(projected.begin(), projected.end(), 0.0), 1,
                1e-14);
    const double distance = SquareDistance(from, projected);
    for (int n = 0; n < 50; ++n) {
      ASSERT_LE(distance,
                SquareDistance(from, RandomOnSimplex(allowed, random)) + 1e-9);
    }
  }
}

TEST(ProjectOntoSimplex, LeavesPointsOfIt) {
  Point point = {0.25, 0, 0.5, 0, 0.25, 0};
  ProjectOntoSimplex({true, true, true, true, true, true}, &point);
  EXPECT_EQ(point, (Point{0.25, 0, 0.5, 0, 0.25, 0}));
  Point corner = {-1, 7, 0, 0, 0, 0};
  ProjectOntoSimplex({true, false, true, false, false, false}, &corner);
  EXPECT_EQ(corner, (Point{0, 0, 1, 0, 0, 0}));
}

void ExpectPrices(const AccessWindow& window,
                  const std::vector<PhasePrices>& prices) {
  const PhaseLimits limits(window.device());
  ASSERT_EQ(prices.size(), window.phases());
  for (const PhasePrices& price : prices) {
    ASSERT_GE(price.rent, 0);
    double sum = 0;
    for (int k = 0; k < kPhaseLimits; ++k) {
      ASSERT_GE(price.limit[k], 0);
      if (!limits.has(k)) {
        ASSERT_EQ(price.limit[k], 0);
      }
      sum += price.limit[k];
    }
    ASSERT_NEAR(sum, 1, 1e-12);
  }
}

TEST(PriceAscent, TheBestNeverFalls) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    RandomWindowOptions options = RandomOptions(random);
    options.phases = 1 + static_cast<uint32_t>(random() % 30);
    const AccessWindow window = RandomWindow(options, random);
    PriceAscent ascent(window, {});
    DualBound dual(window);
    std::vector<PhaseDemand> demand;
    double most = 0;
    for (int i = 0; i < 60; ++i) {
      if (i == 40) ascent.Restart(0.2);
      most = std::max(most, ascent.Step(RunInOrder, i % 40 / 40.0));
      ASSERT_EQ(ascent.best(), most);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectPrices(window, ascent.best_prices()));
    if (most > 0) {
      ASSERT_EQ(dual.Evaluate(ascent.best_prices(), RunInOrder, &demand), most);
    }
  }
}

TEST(PriceAscent, GoesOnFromGivenPrices) {
  std::mt19937_64 random(3);
  RandomWindowOptions options;
  options.phases = 30;
  const AccessWindow window = RandomWindow(options, random);
  PriceAscent cold(window, {});
  const double first = cold.Step(RunInOrder, 0);
  for (int i = 0; i < 200; ++i) cold.Step(RunInOrder, i / 200.0);
  EXPECT_GT(cold.best(), first);
  PriceAscent warm(window, cold.best_prices());
  EXPECT_EQ(warm.Step(RunInOrder, 1), cold.best());
  // Prices of another window are none.
  PriceAscent other(window, std::vector<PhasePrices>(7));
  EXPECT_EQ(other.Step(RunInOrder, 0), first);
}

}  // namespace
}  // namespace kvplace
