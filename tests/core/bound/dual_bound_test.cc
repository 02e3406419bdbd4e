// The dual against slow twins: a dynamic program over every phase of a block's
// life, and every schedule of a small window.
#include "server/core/bound/dual_bound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/testing/random_window.h"
#include "tests/testing/small_device.h"
#include "tests/testing/two_threads.h"

namespace kvplace {
namespace {

constexpr double kRounding = 1e-9;

RandomWindowOptions Wide(std::mt19937_64& random) {
  RandomWindowOptions options = RandomOptions(random);
  options.blocks = 1 + static_cast<uint32_t>(random() % 12);
  options.phases = 1 + static_cast<uint32_t>(random() % 60);
  return options;
}

void ExpectSameUsage(const PhaseUsage& got, const PhaseUsage& expected) {
  EXPECT_EQ(got.hits, expected.hits);
  EXPECT_EQ(got.misses, expected.misses);
  EXPECT_EQ(got.promoted, expected.promoted);
  EXPECT_EQ(got.prefetched, expected.prefetched);
  EXPECT_EQ(got.evicted, expected.evicted);
  EXPECT_EQ(got.new_in_hbm, expected.new_in_hbm);
  EXPECT_EQ(got.new_in_dram, expected.new_in_dram);
}

TEST(DualBound, IsThatOfTheSlowTwin) {
  for (uint64_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const AccessWindow window = RandomWindow(Wide(random), random);
    DualBound dual(window);
    std::vector<PhaseDemand> demand;
    std::vector<PhaseDemand> slow;
    for (int i = 0; i < 3; ++i) {
      const auto prices = RandomPrices(window, /*rented=*/i > 0, random);
      const double bound = dual.Evaluate(prices, RunInOrder, &demand);
      const double expected = SlowDual(window, prices, &slow);
      // Each of the sums that they are the difference of is less than that.
      ASSERT_NEAR(bound, expected, kRounding * 10 * window.phases());
      // Where all prices differ there is one cheapest path.
      for (uint32_t p = 0; i > 0 && p < window.phases(); ++p) {
        SCOPED_TRACE(testing::Message() << "phase " << p);
        ExpectSameUsage(demand[p].usage, slow[p].usage);
        ASSERT_EQ(demand[p].resident, slow[p].resident);
      }
      if (HasFailure()) return;
    }
  }
}

// L is concave, and the demand its slope: no prices are above the line.
TEST(DualBound, DemandIsASupergradient) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const AccessWindow window = RandomWindow(Wide(random), random);
    DualBound dual(window);
    std::vector<PhaseDemand> demand;
    std::vector<PhaseDemand> ignored;
    const auto at = RandomPrices(window, false, random);
    const auto other = RandomPrices(window, random() % 2 == 0, random);
    double line = dual.Evaluate(at, RunInOrder, &demand);
    for (uint32_t p = 0; p < window.phases(); ++p) {
      const auto limits = dual.limits().Of(
          demand[p].usage, static_cast<double>(window.new_kv()[p].count()));
      for (int k = 0; k < kPhaseLimits; ++k) {
        line += (other[p].limit[k] - at[p].limit[k]) * limits[k];
      }
      line +=
          (other[p].rent - at[p].rent) *
          (demand[p].resident - static_cast<double>(window.capacity().count()));
    }
    ASSERT_LE(dual.Evaluate(other, RunInOrder, &ignored),
              line + kRounding * (1 + std::abs(line)))
        << "seed " << seed;
  }
}

TEST(DualBound, IsAtMostWhatAnyScheduleTakes) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    std::mt19937_64 random(seed);
    RandomWindowOptions options = RandomOptions(random);
    options.blocks = 4;
    options.phases = 1 + static_cast<uint32_t>(random() % 7);
    const AccessWindow window = RandomWindow(options, random);
    const double least = LeastSeconds(window);
    DualBound dual(window);
    std::vector<PhaseDemand> demand;
    for (int i = 0; i < 20; ++i) {
      const auto prices = RandomPrices(window, i % 2 == 0, random);
      ASSERT_LE(dual.Evaluate(prices, RunInOrder, &demand),
                least * (1 + kRounding))
          << "seed " << seed;
    }
  }
}

// No HBM, every read is a miss: at prices on the link's limit alone it is
// exact.
TEST(DualBound, ZeroCapacity) {
  AccessWindowBuilder builder(SmallDevice(1, 8, 0));
  const uint32_t a = builder.AddBlock(kSmallBlock);
  for (int p = 0; p < 3; ++p) {
    builder.BeginPhase();
    builder.Read(a);
  }
  const AccessWindow window = builder.Build();
  DualBound dual(window);
  PhasePrices price;
  price.limit[PhaseLimits::kLinkRead] = 1;
  price.rent = 1;
  std::vector<PhaseDemand> demand;
  const double bound = dual.Evaluate({3, price}, RunInOrder, &demand);
  EXPECT_NEAR(bound, 3 * 0.64, kRounding);
  EXPECT_LE(bound, 3 * 0.64);
  for (const PhaseDemand& phase : demand) {
    EXPECT_EQ(phase.usage.misses, 64);
    EXPECT_EQ(phase.resident, 0);
  }
}

TEST(DualBound, NoBlocksAndNoPhases) {
  std::vector<PhaseDemand> demand;
  AccessWindowBuilder none(SmallDevice(1, 8, 2));
  const AccessWindow nothing = none.Build();
  EXPECT_EQ(DualBound(nothing).Evaluate({}, RunInOrder, &demand), 0);
  AccessWindowBuilder builder(SmallDevice(1, 8, 2));
  builder.BeginPhase();
  const AccessWindow window = builder.Build();
  PhasePrices price;
  price.limit[PhaseLimits::kHbm] = 1;
  EXPECT_EQ(DualBound(window).Evaluate({price}, RunInOrder, &demand), 0);
  ASSERT_EQ(demand.size(), 1u);
  EXPECT_EQ(demand[0].resident, 0);
}

TEST(DualBound, IsTheSameOnThreads) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    RandomWindowOptions options = Wide(random);
    options.blocks = 40;
    const AccessWindow window = RandomWindow(options, random);
    DualBound dual(window);
    const auto prices = RandomPrices(window, false, random);
    std::vector<PhaseDemand> once;
    std::vector<PhaseDemand> again;
    const double bound = dual.Evaluate(prices, RunInOrder, &once);
    ASSERT_EQ(dual.Evaluate(prices, RunOnTwoThreads, &again), bound) << seed;
    for (uint32_t p = 0; p < window.phases(); ++p) {
      ExpectSameUsage(again[p].usage, once[p].usage);
      ASSERT_EQ(again[p].resident, once[p].resident);
    }
  }
}

}  // namespace
}  // namespace kvplace
