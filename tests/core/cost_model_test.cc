// The cost model by hand-worked numbers, and against slow searches.
#include "server/core/cost_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "server/core/topology.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// fixed 200 B, B_H 1000, B_r 100, B_w 50, B_int 120 B/s.
DeviceConfig HandDevice(ResidencyMode mode) {
  DeviceConfig device = SmallDevice(1, 64, 32);
  device.profile = {"hand", BytesPerSecond(1000), BytesPerSecond(100),
                    BytesPerSecond(50), BytesPerSecond(120)};
  device.fixed_bytes_per_phase = Bytes(200);
  device.mode = mode;
  return device;
}

PhaseTraffic HandTraffic() {
  PhaseTraffic traffic;
  traffic.hbm_reads = Bytes(300);
  traffic.dram_reads = Bytes(60);
  traffic.promoted = Bytes(40);
  traffic.prefetched = Bytes(20);
  traffic.demoted = Bytes(500);
  traffic.new_kv_hbm = Bytes(10);
  traffic.new_kv_dram = Bytes(5);
  return traffic;
}

TEST(CostModel, InclusiveLinkReadBinds) {
  // T_H = (200+300+40+20+15)/1000 = .575; r = 80: .8; w = 15: .3; 95/120 = .79.
  const CostModel cost(HandDevice(ResidencyMode::kInclusive));
  EXPECT_DOUBLE_EQ(cost.Time(HandTraffic()).value(), 0.8);
  EXPECT_EQ(cost.mode(), ResidencyMode::kInclusive);
}

TEST(CostModel, SlackIsWhatHbmCanTakeOn) {
  PhaseTraffic traffic;
  traffic.hbm_reads = Bytes(300);
  traffic.dram_reads = Bytes(60);
  traffic.new_kv_hbm = Bytes(10);
  traffic.new_kv_dram = Bytes(5);
  // T_D = 75 / 120 = .625, T_H = 515 / 1000: 110 bytes. Exclusive: T_D = 65 /
  // 120 = .5417 or 60 / 100 = .6, T_H = .51: 90 bytes.
  const CostModel inclusive(HandDevice(ResidencyMode::kInclusive));
  const CostModel exclusive(HandDevice(ResidencyMode::kExclusive));
  EXPECT_EQ(inclusive.HbmSlack(traffic), Bytes(110));
  EXPECT_EQ(exclusive.HbmSlack(traffic), Bytes(90));
  // Taken up, T_H is T_D; then there is none.
  traffic.promoted = Bytes(110);
  EXPECT_EQ(inclusive.HbmSlack(traffic), Bytes(0));
  traffic.hbm_reads += Bytes(1);
  EXPECT_EQ(inclusive.HbmSlack(traffic), Bytes(0));
  EXPECT_EQ(inclusive.HbmSlack(PhaseTraffic()), Bytes(0));
}

TEST(CostModel, SlackWithInfiniteBandwidths) {
  DeviceConfig device = HandDevice(ResidencyMode::kInclusive);
  device.profile.hbm = BytesPerSecond(kInfinite);
  PhaseTraffic traffic;
  traffic.hbm_reads = Bytes(1000);
  EXPECT_EQ(CostModel(device).HbmSlack(traffic), Bytes(0));
  traffic.dram_reads = Bytes(1);
  EXPECT_EQ(CostModel(device).HbmSlack(traffic), kMaxBytes);
  device = HandDevice(ResidencyMode::kInclusive);
  device.profile.link_read = device.profile.dram = BytesPerSecond(kInfinite);
  EXPECT_EQ(CostModel(device).HbmSlack(traffic), Bytes(0));
}

TEST(CostModel, InclusiveHbmBinds) {
  const CostModel cost(HandDevice(ResidencyMode::kInclusive));
  PhaseTraffic traffic = HandTraffic();
  traffic.hbm_reads = Bytes(1000);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.275);
  traffic.promoted += Bytes(100);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.375);
  traffic.prefetched += Bytes(10);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.385);
  // Written through: both tiers take it, whichever its block is in.
  traffic.new_kv_dram += Bytes(10);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.395);
  traffic.new_kv_hbm += Bytes(10);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.405);
  traffic.demoted += Bytes(100000);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.405);
}

TEST(CostModel, InclusiveWritesBind) {
  const CostModel cost(HandDevice(ResidencyMode::kInclusive));
  PhaseTraffic traffic;
  traffic.new_kv_hbm = Bytes(40);
  traffic.new_kv_dram = Bytes(20);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 60.0 / 50);
  // r = 100, w = 45: 1.0, 0.9 and together 145/120.
  traffic.new_kv_dram = Bytes(5);
  traffic.dram_reads = Bytes(100);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 145.0 / 120);
}

TEST(CostModel, ExclusivePaysForDemotion) {
  const CostModel cost(HandDevice(ResidencyMode::kExclusive));
  // HBM 200+300+60+10+500 = 1070: 1.07; w = 505: 10.1; (80+505)/120 = 4.875.
  PhaseTraffic traffic = HandTraffic();
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 10.1);
  // Without: HBM .57, r .8, w = 5: .1, 85/120 = .708.
  traffic.demoted = Bytes(0);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 0.8);
  // A demotion is read from HBM too: 1593 bytes there, 8 through the link.
  traffic.hbm_reads = Bytes(1320);
  traffic.demoted = Bytes(3);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.593);
  traffic = HandTraffic();
  traffic.demoted = Bytes(0);
  // New KV goes to its block's tier alone.
  traffic.new_kv_hbm = Bytes(1000);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 1.56);
  traffic.new_kv_dram = Bytes(100);
  EXPECT_DOUBLE_EQ(cost.Time(traffic).value(), 2.0);
}

void ExpectBreakdown(const CostModel& cost, const PhaseTraffic& traffic,
                     double hbm, double dram, double migration) {
  const TimeBreakdown b = cost.Breakdown(traffic);
  EXPECT_DOUBLE_EQ(b.hbm.value(), hbm);
  EXPECT_DOUBLE_EQ(b.dram.value(), dram);
  EXPECT_NEAR(b.migration.value(), migration, 1e-12);
}

TEST(CostModel, BreakdownByHand) {
  const CostModel inclusive(HandDevice(ResidencyMode::kInclusive));
  // T = .8. Unmoved: HBM (200+300+15)/1000 = .515; r = 60: .6; (60+15)/120 =
  // .625, DRAM's own limit.
  ExpectBreakdown(inclusive, HandTraffic(), 0, 0.625, 0.175);
  // HBM (200+700+15)/1000 = .915, with the moves .975.
  PhaseTraffic traffic = HandTraffic();
  traffic.hbm_reads = Bytes(700);
  ExpectBreakdown(inclusive, traffic, 0.915, 0, 0.06);
  // .5 from both: HBM's. Promotions that hide behind the link cost nothing.
  traffic = PhaseTraffic();
  traffic.hbm_reads = Bytes(300);
  traffic.dram_reads = Bytes(50);
  ExpectBreakdown(inclusive, traffic, 0.5, 0, 0);
  traffic.dram_reads = traffic.promoted = Bytes(60);
  ExpectBreakdown(inclusive, traffic, 0, 0.6, 0);
  ExpectBreakdown(inclusive, PhaseTraffic(), 0.2, 0, 0);

  // T = 10.1 by the demotions. Unmoved: HBM .51, r = 60: .6, w = 5: .1, 65/120.
  const CostModel exclusive(HandDevice(ResidencyMode::kExclusive));
  ExpectBreakdown(exclusive, HandTraffic(), 0, 0.6, 9.5);
}

TEST(CostModel, DevicesShareDram) {
  DeviceConfig device = HandDevice(ResidencyMode::kInclusive);
  device.devices_sharing_dram = 2;
  // 95 bytes through 120 / 2.
  EXPECT_DOUBLE_EQ(CostModel(device).Time(HandTraffic()).value(), 95.0 / 60);
  EXPECT_DOUBLE_EQ(EffectiveDramRead(device).value(), 60);
  EXPECT_DOUBLE_EQ(CostModel(device).peak().value(), 1060);
  EXPECT_DOUBLE_EQ(BalancedHbmShare(device), 1000.0 / 1060);
  device.devices_sharing_dram = 1;
  EXPECT_DOUBLE_EQ(EffectiveDramRead(device).value(), 100);
  EXPECT_DOUBLE_EQ(CostModel(device).peak().value(), 1100);
}

TEST(CostModel, PaperMachineSharesReads) {
  DeviceConfig device = SmallDevice(1, 1, 1);
  device.profile = *FindProfile("paper-gh200");
  EXPECT_NEAR(BalancedHbmShare(device), 0.916, 5e-4);
}

TEST(CostModel, EmptyPhaseTakesTheFixedBytes) {
  EXPECT_DOUBLE_EQ(CostModel(HandDevice(ResidencyMode::kInclusive))
                       .Time(PhaseTraffic())
                       .value(),
                   0.2);
}

TEST(PhaseTraffic, Sums) {
  PhaseTraffic sum = HandTraffic();
  sum += HandTraffic();
  EXPECT_EQ(sum.hbm_reads, Bytes(600));
  EXPECT_EQ(sum.dram_reads, Bytes(120));
  EXPECT_EQ(sum.promoted, Bytes(80));
  EXPECT_EQ(sum.prefetched, Bytes(40));
  EXPECT_EQ(sum.demoted, Bytes(1000));
  EXPECT_EQ(sum.new_kv_hbm, Bytes(20));
  EXPECT_EQ(sum.new_kv_dram, Bytes(10));
  EXPECT_EQ(sum.new_kv(), Bytes(30));
  EXPECT_EQ(sum.reads(), Bytes(720));
}

// ---- slow twins on random devices ----

class CostModelTwin : public ::testing::TestWithParam<int> {
 protected:
  double Bandwidth(double chance_of_infinite) {
    if (Chance(chance_of_infinite)) return kInfinite;
    return std::exp(std::uniform_real_distribution<>(3, 9)(random_));
  }
  bool Chance(double p) { return std::bernoulli_distribution(p)(random_); }
  int64_t Upto(int64_t most) {
    return std::uniform_int_distribution<int64_t>(0, most)(random_);
  }

  DeviceConfig RandomDevice(ResidencyMode mode, double chance_of_infinite) {
    DeviceConfig device = SmallDevice(1, 64, 32);
    device.mode = mode;
    device.profile = {"random", BytesPerSecond(Bandwidth(chance_of_infinite)),
                      BytesPerSecond(Bandwidth(chance_of_infinite)),
                      BytesPerSecond(Bandwidth(chance_of_infinite)),
                      BytesPerSecond(Bandwidth(chance_of_infinite))};
    device.devices_sharing_dram = 1 + static_cast<uint32_t>(Upto(3));
    device.fixed_bytes_per_phase = Bytes(Chance(0.5) ? 0 : Upto(2000));
    return device;
  }

  // Everything but hbm_reads.
  PhaseTraffic RandomOthers() {
    PhaseTraffic traffic;
    if (Chance(0.7)) traffic.dram_reads = Bytes(Upto(500));
    if (Chance(0.5)) traffic.promoted = Bytes(Upto(traffic.dram_reads.count()));
    if (Chance(0.3)) traffic.prefetched = Bytes(Upto(200));
    if (Chance(0.5)) traffic.demoted = Bytes(Upto(300));
    if (Chance(0.5)) traffic.new_kv_hbm = Bytes(Upto(100));
    if (Chance(0.5)) traffic.new_kv_dram = Bytes(Upto(100));
    return traffic;
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(Seeds, CostModelTwin, ::testing::Range(0, 20));

PhaseTraffic Routed(PhaseTraffic traffic, Bytes block, int64_t blocks) {
  traffic.hbm_reads -= block * blocks;
  traffic.dram_reads += block * blocks;
  return traffic;
}

// T as model.md writes it, in real numbers.
double PlainTime(const DeviceConfig& device, double hbm, double r, double w) {
  const MachineProfile& p = device.profile;
  return std::max(
      {(static_cast<double>(device.fixed_bytes_per_phase.count()) + hbm) /
           p.hbm.value(),
       r / p.link_read.value(), w / p.link_write.value(),
       (r + w) * device.devices_sharing_dram / p.dram.value()});
}

TEST_P(CostModelTwin, RoutesAsManyBlocksAsTryingAllSays) {
  SCOPED_TRACE(GetParam());
  for (int round = 0; round < 300; ++round) {
    const DeviceConfig device = RandomDevice(ResidencyMode::kInclusive, 0.15);
    const CostModel cost(device);
    const Bytes block(1 + Upto(99));
    const int64_t hits = Chance(0.1) ? 0 : Upto(60);
    PhaseTraffic traffic = RandomOthers();
    traffic.hbm_reads = block * hits;
    int64_t best = 0;
    for (int64_t n = 1; n <= hits; ++n) {
      if (cost.Time(Routed(traffic, block, n)) <
          cost.Time(Routed(traffic, block, best))) {
        best = n;
      }
    }
    ASSERT_EQ(cost.BestRoutedBlocks(traffic, block, hits), best)
        << "round " << round;
  }
}

TEST_P(CostModelTwin, RoutesNothingInExclusiveMode) {
  SCOPED_TRACE(GetParam());
  const CostModel cost(RandomDevice(ResidencyMode::kExclusive, 0));
  PhaseTraffic traffic = RandomOthers();
  traffic.hbm_reads = Bytes(6400);
  EXPECT_EQ(cost.BestRoutedBlocks(traffic, Bytes(64), 100), 0);
}

// The closed form of model.md is what routing reaches with blocks of one byte,
// and what no block size goes below.
TEST_P(CostModelTwin, RoutingApproachesTheClosedForm) {
  SCOPED_TRACE(GetParam());
  for (int round = 0; round < 100; ++round) {
    const DeviceConfig device = RandomDevice(ResidencyMode::kInclusive, 0.1);
    const CostModel cost(device);
    PhaseTraffic traffic = RandomOthers();
    const int64_t hits = Upto(3000);
    traffic.hbm_reads = Bytes(hits);
    const auto real = [](Bytes bytes) {
      return static_cast<double>(bytes.count());
    };
    const double w = real(traffic.new_kv());
    const double r0 = real(traffic.dram_reads + traffic.prefetched);
    const double h0 = real(device.fixed_bytes_per_phase + traffic.promoted +
                           traffic.prefetched + traffic.new_kv());
    const double h = real(traffic.hbm_reads);
    const double b_h = device.profile.hbm.value();
    const double b_r = device.profile.link_read.value();
    const double b_int =
        device.profile.dram.value() / device.devices_sharing_dram;
    const double form = std::max({(h0 + h + r0) / (b_h + b_r),
                                  (h0 + h + r0 + w) / (b_h + b_int), r0 / b_r,
                                  w / device.profile.link_write.value(),
                                  (r0 + w) / b_int, h0 / b_h});
    const double reached =
        cost.Time(Routed(traffic, Bytes(1),
                         cost.BestRoutedBlocks(traffic, Bytes(1), hits)))
            .value();
    ASSERT_GE(reached, form * (1 - 1e-12)) << "round " << round;
    ASSERT_LE(reached, form + 1 / std::min({b_h, b_r, b_int}) + 1e-12)
        << "round " << round;
  }
}

// Least value of a convex function on [0, most].
template <typename F>
double TernarySearch(double most, F f) {
  double low = 0, high = most;
  for (int i = 0; i < 120; ++i) {
    const double a = low + (high - low) / 3;
    const double b = high - (high - low) / 3;
    (f(a) <= f(b) ? high : low) = f(a) <= f(b) ? b : a;
  }
  return std::min({f(low), f(0), f(most)});
}

TEST_P(CostModelTwin, InclusiveRooflineIsTheLeastOverHits) {
  SCOPED_TRACE(GetParam());
  for (int round = 0; round < 200; ++round) {
    const DeviceConfig device = RandomDevice(ResidencyMode::kInclusive, 0.15);
    const int64_t reads = Chance(0.1) ? 0 : Upto(5000);
    const int64_t capacity = Chance(0.2) ? 0 : Upto(6000);
    const int64_t new_kv = Chance(0.3) ? 0 : Upto(300);
    const auto time = [&](double hits) {
      return PlainTime(device, hits + static_cast<double>(new_kv),
                       static_cast<double>(reads) - hits,
                       static_cast<double>(new_kv));
    };
    const auto most = static_cast<double>(std::min(reads, capacity));
    const double roof =
        CostModel(device)
            .Roofline(Bytes(reads), Bytes(capacity), Bytes(new_kv))
            .value();
    const double least = TernarySearch(most, time);
    ASSERT_NEAR(roof, least, 1e-9 * least) << "round " << round;
    for (int i = 0; i <= 500; ++i) {
      ASSERT_GE(time(most * i / 500), roof * (1 - 1e-12)) << "round " << round;
    }
  }
}

TEST_P(CostModelTwin, ExclusiveRooflineIsTheLeastOverHitsAndNewKv) {
  SCOPED_TRACE(GetParam());
  for (int round = 0; round < 20; ++round) {
    const DeviceConfig device = RandomDevice(ResidencyMode::kExclusive, 0.15);
    const int64_t reads = Chance(0.1) ? 0 : Upto(5000);
    const int64_t capacity = Chance(0.2) ? 0 : Upto(6000);
    const int64_t new_kv = Chance(0.3) ? 0 : Upto(1000);
    const auto d = static_cast<double>(reads);
    const auto n = static_cast<double>(new_kv);
    const auto k_most = static_cast<double>(std::min(new_kv, capacity));
    const auto best_kept = [&](double hits) {
      return TernarySearch(k_most, [&](double kept) {
        return PlainTime(device, hits + kept, d - hits, n - kept);
      });
    };
    const double least = TernarySearch(
        static_cast<double>(std::min(reads, capacity)), best_kept);
    const double roof =
        CostModel(device)
            .Roofline(Bytes(reads), Bytes(capacity), Bytes(new_kv))
            .value();
    ASSERT_NEAR(roof, least, 1e-8 * least + 1e-15) << "round " << round;
  }
}

TEST_P(CostModelTwin, NoPhaseIsBelowTheRoofline) {
  SCOPED_TRACE(GetParam());
  for (int round = 0; round < 200; ++round) {
    const auto mode =
        Chance(0.5) ? ResidencyMode::kInclusive : ResidencyMode::kExclusive;
    const CostModel cost(RandomDevice(mode, 0.1));
    PhaseTraffic traffic = RandomOthers();
    traffic.hbm_reads = Bytes(Upto(3000));
    const Bytes capacity = std::max(traffic.hbm_reads, traffic.new_kv_hbm);
    ASSERT_GE(
        cost.Time(traffic).value(),
        cost.Roofline(traffic.reads(), capacity, traffic.new_kv()).value() *
            (1 - 1e-9))
        << "round " << round;
  }
}

}  // namespace
}  // namespace kvplace
