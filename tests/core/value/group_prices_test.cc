#include "server/core/value/group_prices.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
const GroupId kGroup(1);

DeviceConfig DeviceWith(double hbm, double link, double dram) {
  DeviceConfig device = SmallDevice(3, 4, 4);
  device.profile.hbm = BytesPerSecond(hbm);
  device.profile.link_read = BytesPerSecond(link);
  device.profile.link_write = BytesPerSecond(link);
  device.profile.dram = BytesPerSecond(dram);
  return device;
}

// A phase of the group whose tiers take so long.
void Hear(GroupPrices* prices, double hbm, double dram,
          double smoothing = 0.1) {
  prices->OnPhase(kGroup, Seconds(hbm), Seconds(dram), smoothing);
}

TEST(GroupPrices, DramBindsBeforeTheFirstPhase) {
  const GroupPrices prices(SmallDevice(2, 4, 4));
  for (const uint32_t g : {0u, 1u}) {
    EXPECT_EQ(prices.theta(GroupId(g)), 1);
    EXPECT_EQ(prices.price(GroupId(g)), 1);
    EXPECT_EQ(prices.promotion_cost(GroupId(g)), 0);
  }
}

TEST(GroupPrices, ThetaGoesWhereTheTimeIsAndLeavesOtherGroupsAlone) {
  GroupPrices prices(SmallDevice(3, 4, 4));
  for (int i = 0; i < 200; ++i) Hear(&prices, 2.0, 1.0);
  EXPECT_NEAR(prices.theta(kGroup), 0, 1e-6);
  for (int i = 0; i < 200; ++i) Hear(&prices, 1.0, 2.0);
  EXPECT_NEAR(prices.theta(kGroup), 1, 1e-6);
  for (int i = 0; i < 200; ++i) Hear(&prices, 1.0, 1.0);
  EXPECT_NEAR(prices.theta(kGroup), 0.5, 1e-6);
  EXPECT_EQ(prices.theta(GroupId(0)), 1);
  EXPECT_EQ(prices.theta(GroupId(2)), 1);
  prices.Clear();
  EXPECT_EQ(prices.theta(kGroup), 1);
}

// T_H = 3, T_D = 4: an excess of a quarter, half of what is certain:
// 0.5 + 0.25 = 0.75. With a weight of 0.2 from 1: 1 - 0.2 * 0.25.
TEST(GroupPrices, OnePhaseByHand) {
  GroupPrices prices(SmallDevice(3, 4, 4));
  Hear(&prices, 3, 4, 0.2);
  EXPECT_DOUBLE_EQ(prices.theta(kGroup), 0.95);
}

// HBM of 1000 B/s and DRAM reads at the link's 100: r = 0.1, so that the price
// is 0.95 * 1.1 - 0.1 = 0.945 and a promotion costs 0.05 * 0.1.
TEST(GroupPrices, PriceByHand) {
  GroupPrices prices(DeviceWith(1000, 100, 150));
  Hear(&prices, 3, 4, 0.2);
  EXPECT_NEAR(prices.price(kGroup), 0.945, 1e-12);
  EXPECT_NEAR(prices.promotion_cost(kGroup), 0.005, 1e-12);
}

// The same with two devices at DRAM of 150: each has 75, less than its link,
// so that r = 0.075.
TEST(GroupPrices, PriceByHandOnSharedDram) {
  DeviceConfig device = DeviceWith(1000, 100, 150);
  device.devices_sharing_dram = 2;
  GroupPrices prices(device);
  Hear(&prices, 3, 4, 0.2);
  EXPECT_NEAR(prices.price(kGroup), 0.95 * 1.075 - 0.075, 1e-12);
  EXPECT_NEAR(prices.promotion_cost(kGroup), 0.05 * 0.075, 1e-12);
}

// theta = 0: -r, but not less than the floor.
TEST(GroupPrices, TheFloorHolds) {
  GroupPrices prices(SmallDevice(3, 4, 4));
  Hear(&prices, 2, 1, 1.0);
  EXPECT_EQ(prices.theta(kGroup), 0);
  EXPECT_EQ(prices.price(kGroup), GroupPrices::kLeast);
  EXPECT_NEAR(prices.promotion_cost(kGroup), 0.1, 1e-12);
}

TEST(GroupPrices, InfiniteBandwidths) {
  struct Case {
    double hbm, link, dram, ratio;
  };
  for (const Case& c :
       {Case{kInfinite, 100, 150, 0}, Case{kInfinite, kInfinite, kInfinite, 0},
        Case{1000, kInfinite, kInfinite, 1}, Case{1000, kInfinite, 150, 0.15},
        Case{100, 5000, 5000, 1}}) {
    SCOPED_TRACE(testing::Message() << c.hbm << " " << c.link << " " << c.dram);
    GroupPrices prices(DeviceWith(c.hbm, c.link, c.dram));
    Hear(&prices, 1, 1, 1.0);
    EXPECT_DOUBLE_EQ(prices.theta(kGroup), 0.5);
    EXPECT_NEAR(prices.price(kGroup),
                std::max(0.5 * (1 + c.ratio) - c.ratio, GroupPrices::kLeast),
                1e-12);
    EXPECT_NEAR(prices.promotion_cost(kGroup), 0.5 * c.ratio, 1e-12);
  }
}

TEST(GroupPrices, PhasesWithoutATimeChangeNothing) {
  GroupPrices prices(SmallDevice(3, 4, 4));
  Hear(&prices, 3, 4, 0.2);
  Hear(&prices, 0, 0);
  Hear(&prices, kInfinite, 1);
  Hear(&prices, 1, kInfinite);
  EXPECT_DOUBLE_EQ(prices.theta(kGroup), 0.95);
}

TEST(GroupPrices, OneTierAlone) {
  GroupPrices prices(SmallDevice(3, 4, 4));
  Hear(&prices, 1, 0, 1.0);
  EXPECT_EQ(prices.theta(kGroup), 0);
  Hear(&prices, 0, 1, 1.0);
  EXPECT_EQ(prices.theta(kGroup), 1);
}

TEST(GroupPrices, StaysWithinBoundsForAMillionPhases) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<> exponent(-12, 3);
  GroupPrices prices(SmallDevice(3, 4, 4));
  for (int i = 0; i < 1'000'000; ++i) {
    Hear(&prices, std::pow(10, exponent(random)),
         std::pow(10, exponent(random)), 0.05);
    ASSERT_GE(prices.theta(kGroup), 0);
    ASSERT_LE(prices.theta(kGroup), 1);
  }
  EXPECT_GE(prices.price(kGroup), GroupPrices::kLeast);
  EXPECT_LE(prices.price(kGroup), 1);
  // Times are drawn alike.
  EXPECT_NEAR(prices.theta(kGroup), 0.5, 0.35);
}

}  // namespace
}  // namespace kvplace
