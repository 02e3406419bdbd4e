// The limits against the cost model.
#include "server/core/bound/phase_limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "server/core/cost_model.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

DeviceConfig RandomDevice(ResidencyMode mode, std::mt19937_64& random) {
  const auto bandwidth = [&] {
    if (random() % 10 == 0) return BytesPerSecond(kInfinite);
    return BytesPerSecond(
        1e9 * std::exp2(std::uniform_real_distribution<>(-4, 1)(random)));
  };
  DeviceConfig device = SmallDevice(1, 8, 4);
  device.mode = mode;
  device.profile = {"random", BytesPerSecond(1e9), bandwidth(), bandwidth(),
                    bandwidth()};
  device.devices_sharing_dram = 1 + static_cast<uint32_t>(random() % 2);
  device.fixed_bytes_per_phase =
      Bytes(static_cast<int64_t>(random() % 2 * 300'000'000));
  return device;
}

PhaseTraffic RandomTraffic(std::mt19937_64& random) {
  const auto bytes = [&] {
    return Bytes(static_cast<int64_t>(random() % 3 * (random() % 400'000'000)));
  };
  PhaseTraffic traffic;
  traffic.hbm_reads = bytes();
  traffic.dram_reads = bytes();
  traffic.promoted = bytes();
  traffic.prefetched = bytes();
  traffic.demoted = bytes();
  traffic.new_kv_hbm = bytes();
  traffic.new_kv_dram = bytes();
  return traffic;
}

PhaseUsage UsageOf(const PhaseTraffic& t) {
  const auto bytes = [](Bytes b) { return static_cast<double>(b.count()); };
  return {bytes(t.hbm_reads),  bytes(t.dram_reads), bytes(t.promoted),
          bytes(t.prefetched), bytes(t.demoted),    bytes(t.new_kv_hbm),
          bytes(t.new_kv_dram)};
}

double Largest(const std::array<double, kPhaseLimits>& limits) {
  return *std::max_element(limits.begin(), limits.end());
}

// By ternary search over whole bytes: at 1 GB/s they are as good as real ones.
double BestRoutedSeconds(const CostModel& cost, const PhaseTraffic& traffic) {
  const auto time = [&](int64_t routed) {
    PhaseTraffic t = traffic;
    t.hbm_reads -= Bytes(routed);
    t.dram_reads += Bytes(routed);
    return cost.Time(t).value();
  };
  int64_t low = 0;
  int64_t high = traffic.hbm_reads.count();
  while (high - low > 2) {
    const int64_t third = (high - low) / 3;
    if (time(low + third) < time(high - third)) {
      high -= third;
    } else {
      low += third;
    }
  }
  return std::min({time(low), time(low + (high - low) / 2), time(high)});
}

TEST(PhaseLimits, InclusiveLargestIsTheTimeWithTheBestRouting) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const DeviceConfig device = RandomDevice(ResidencyMode::kInclusive, random);
    const PhaseTraffic traffic = RandomTraffic(random);
    const PhaseLimits limits(device);
    const double largest = Largest(limits.Of(
        UsageOf(traffic), static_cast<double>(traffic.new_kv().count())));
    ASSERT_NEAR(largest, BestRoutedSeconds(CostModel(device), traffic), 1e-7)
        << i;
    // Nothing is lost without routing: the limits are below that time too.
    ASSERT_LE(largest, CostModel(device).Time(traffic).value() * (1 + 1e-12));
  }
}

TEST(PhaseLimits, ExclusiveLargestIsTheTime) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2000; ++i) {
    const DeviceConfig device = RandomDevice(ResidencyMode::kExclusive, random);
    const PhaseTraffic traffic = RandomTraffic(random);
    const PhaseLimits limits(device);
    const double time = CostModel(device).Time(traffic).value();
    ASSERT_NEAR(Largest(limits.Of(UsageOf(traffic), 0)), time, 1e-12 * time);
  }
}

// What the prices say is linear in what a phase uses.
TEST(PhaseLimits, CostOfIsTheGradient) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<> uniform(0, 1);
  for (int i = 0; i < 2000; ++i) {
    const auto mode =
        i % 2 == 0 ? ResidencyMode::kInclusive : ResidencyMode::kExclusive;
    const PhaseLimits limits(RandomDevice(mode, random));
    ASSERT_EQ(limits.exclusive(), i % 2 == 1);
    PhasePrices prices;
    for (int k = 0; k < kPhaseLimits; ++k) {
      if (limits.has(k)) prices.limit[k] = uniform(random);
    }
    PhaseUsage usage = UsageOf(RandomTraffic(random));
    if (!limits.exclusive()) {
      usage.evicted = usage.new_in_hbm = usage.new_in_dram = 0;
    }
    const double new_kv = 1e8 * uniform(random);
    const auto of = limits.Of(usage, new_kv);
    double priced = 0;
    for (int k = 0; k < kPhaseLimits; ++k) priced += prices.limit[k] * of[k];
    const UsageCost cost = limits.CostOf(prices);
    const double linear =
        limits.Fixed(prices, new_kv) + cost.hit * usage.hits +
        cost.miss * usage.misses + cost.promote * usage.promoted +
        cost.prefetch * usage.prefetched + cost.evict * usage.evicted +
        cost.new_in_hbm * usage.new_in_hbm +
        cost.new_in_dram * usage.new_in_dram;
    ASSERT_NEAR(linear, priced, 1e-12 * priced) << i;
  }
}

// The same by where the bytes are read and written.
TEST(PhaseLimits, PriceOfIsTheGradientByLoad) {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<> uniform(0, 1);
  for (int i = 0; i < 2000; ++i) {
    const auto mode =
        i % 2 == 0 ? ResidencyMode::kInclusive : ResidencyMode::kExclusive;
    const DeviceConfig device = RandomDevice(mode, random);
    const PhaseLimits limits(device);
    PhasePrices prices;
    for (int k = 0; k < kPhaseLimits; ++k) {
      if (limits.has(k)) prices.limit[k] = uniform(random);
    }
    const PhaseUsage u = UsageOf(RandomTraffic(random));
    const double new_kv = 1e8 * uniform(random);
    const auto of = limits.Of(u, new_kv);
    double priced = 0;
    for (int k = 0; k < kPhaseLimits; ++k) priced += prices.limit[k] * of[k];
    PhaseLoad load;
    load.fixed = static_cast<double>(device.fixed_bytes_per_phase.count()) +
                 u.promoted + u.prefetched +
                 (limits.exclusive() ? u.evicted + u.new_in_hbm : new_kv);
    load.hbm = load.fixed + u.hits;
    load.dram_read = u.misses + u.prefetched;
    load.dram_write = limits.exclusive() ? u.evicted + u.new_in_dram : new_kv;
    const PhaseLoad price = limits.PriceOf(prices);
    const double linear =
        price.hbm * load.hbm + price.dram_read * load.dram_read +
        price.dram_write * load.dram_write + price.fixed * load.fixed;
    ASSERT_NEAR(linear, priced, 1e-12 * priced) << i;
  }
}

TEST(PhaseLimits, ThoseOfRoutingAreOfInclusiveModeOnly) {
  DeviceConfig device = SmallDevice(1, 8, 4);
  const PhaseLimits inclusive(device);
  device.mode = ResidencyMode::kExclusive;
  const PhaseLimits exclusive(device);
  for (int k = 0; k < kPhaseLimits; ++k) {
    EXPECT_TRUE(inclusive.has(k));
    EXPECT_EQ(exclusive.has(k),
              k != PhaseLimits::kBoth && k != PhaseLimits::kBothInternal);
  }
}

}  // namespace
}  // namespace kvplace
