#include "server/core/bound/rolling_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Two groups; the rent says step and group: 10 * step + group.
WindowPrices Prices(uint64_t first_step, uint32_t steps) {
  WindowPrices prices{first_step, {}};
  for (uint32_t s = 0; s < steps; ++s) {
    for (uint32_t g = 0; g < 2; ++g) {
      prices.phases.emplace_back();
      prices.phases.back().rent = 10 * static_cast<double>(first_step + s) + g;
    }
  }
  return prices;
}

std::vector<double> Rents(const std::vector<PhasePrices>& phases) {
  std::vector<double> rents;
  for (const PhasePrices& phase : phases) rents.push_back(phase.rent);
  return rents;
}

TEST(ShiftPricesTest, StepsKeepTheirsAndNewOnesTakeThoseAsFarFromTheEnd) {
  const WindowPrices old = Prices(5, 3);
  EXPECT_THAT(Rents(ShiftPrices(old, 2, 5, 3)),
              ElementsAre(50, 51, 60, 61, 70, 71));
  // Steps 6, 7 and 8, of which 8 is new and the last.
  EXPECT_THAT(Rents(ShiftPrices(old, 2, 6, 3)),
              ElementsAre(60, 61, 70, 71, 70, 71));
  // All new.
  EXPECT_THAT(Rents(ShiftPrices(old, 2, 100, 3)),
              ElementsAre(50, 51, 60, 61, 70, 71));
  // Longer and shorter windows.
  EXPECT_THAT(Rents(ShiftPrices(old, 2, 100, 4)),
              ElementsAre(50, 51, 50, 51, 60, 61, 70, 71));
  EXPECT_THAT(Rents(ShiftPrices(old, 2, 100, 1)), ElementsAre(70, 71));
  EXPECT_THAT(ShiftPrices(WindowPrices(), 2, 3, 3), IsEmpty());
}

// One block of 64 bytes, read in each of four phases.
AccessWindow OneBlock() {
  AccessWindowBuilder builder(SmallDevice(1, 8, 1));
  const uint32_t block = builder.AddBlock(kSmallBlock);
  for (int p = 0; p < 4; ++p) {
    builder.BeginPhase();
    builder.Read(block);
  }
  return builder.Build();
}

TEST(SolveRollingTest, TheBestIsABlockThatStays) {
  const AccessWindow window = OneBlock();
  std::vector<PhasePrices> found;
  // Read from DRAM at 100 B/s, 2.56 s; from HBM at 1000 B/s 0.256 s. That no
  // part of a block can be read from each is not certified: 256 / 1100 s.
  const auto bound = SolveRolling(window, 4, Seconds(2.56), {}, {}, &found);
  ASSERT_TRUE(bound.has_value());
  EXPECT_NEAR(bound->upper.value(), 0.256, 1e-9);
  EXPECT_NEAR(bound->lower.value(), 256.0 / 1100, 1e-9);
  EXPECT_NEAR(bound->ratio(), 256.0 / 1100 / 2.56, 1e-9);
  EXPECT_NEAR(bound->gap(), 0.1, 1e-9);
  EXPECT_EQ(bound->steps, 4u);
  EXPECT_EQ(found.size(), 4u);
}

TEST(SolveRollingTest, WhereNothingTakesTimeThereIsNoRatio) {
  std::vector<PhasePrices> found;
  EXPECT_FALSE(SolveRolling(OneBlock(), 4, Seconds(0), {}, {}, &found));
  AccessWindowBuilder builder(SmallDevice(1, 8, 1));
  builder.BeginPhase();
  const AccessWindow idle = builder.Build();
  EXPECT_FALSE(SolveRolling(idle, 1, Seconds(1), {}, {}, &found));
}

TEST(SolveRollingTest, StopsWhenItIsToldTo) {
  int asked = 0;
  RollingOptions options;
  options.gap = 0;
  options.max_iterations = options.max_sweeps = 1'000'000;
  options.stop = [&asked] { return ++asked > 20; };
  std::vector<PhasePrices> found;
  const auto bound =
      SolveRolling(OneBlock(), 4, Seconds(1), {}, options, &found);
  ASSERT_TRUE(bound.has_value());
  EXPECT_LE(bound->lower, bound->upper);
}

TEST(BoundSupportsTest, BlocksBelow4GiB) {
  DeviceConfig device = SmallDevice(2, 8, 1);
  EXPECT_TRUE(BoundSupports(device));
  device.groups[1].block_bytes = Bytes(int64_t{1} << 32);
  EXPECT_FALSE(BoundSupports(device));
}

}  // namespace
}  // namespace kvplace
