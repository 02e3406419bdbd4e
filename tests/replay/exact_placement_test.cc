// The exact optima by hand, against each other, and against every policy: what
// a policy takes less time than is no optimum.
#include "tests/testing/exact_placement.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "server/replay/simulation.h"
#include "tests/replay/hand_workload.h"
#include "tests/testing/placement_problem.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

// HBM of 1000 B/s, link of 100, DRAM of 150; blocks of 64 bytes.
DeviceConfig Device(ResidencyMode mode, int64_t capacity_blocks) {
  DeviceConfig device = SmallDevice(1, 8, capacity_blocks);
  device.mode = mode;
  return device;
}

constexpr auto kInclusive = ResidencyMode::kInclusive;
constexpr auto kExclusive = ResidencyMode::kExclusive;

double Integral(const Workload& workload, const DeviceConfig& device,
                Routing routing) {
  return IntegralOptimum(workload, device, routing).value();
}
double Lp(const Workload& workload, const DeviceConfig& device) {
  return LpOptimum(workload, device).value();
}

TEST(ExactPlacement, OneReadByHand) {
  HandWorkload hand;
  hand.initial = Ids({0});
  hand.phases = {{{}, Ids({0}), {}}};
  const Workload workload = hand.Make();
  const DeviceConfig inclusive = Device(kInclusive, 1);
  EXPECT_DOUBLE_EQ(Integral(workload, inclusive, Routing::kNone), 0.064);
  EXPECT_DOUBLE_EQ(Integral(workload, inclusive, Routing::kWholeBlocks), 0.064);
  // HBM and link finish together.
  const double split = 64.0 / (1000 + 100);
  EXPECT_DOUBLE_EQ(Integral(workload, inclusive, Routing::kBytes), split);
  EXPECT_DOUBLE_EQ(Lp(workload, inclusive), split);
  const DeviceConfig exclusive = Device(kExclusive, 1);
  EXPECT_DOUBLE_EQ(Integral(workload, exclusive, Routing::kBytes), 0.064);
  EXPECT_DOUBLE_EQ(Lp(workload, exclusive), split);
  for (const auto mode : {kInclusive, kExclusive}) {
    const DeviceConfig none = Device(mode, 0);
    EXPECT_DOUBLE_EQ(Integral(workload, none, Routing::kBytes), 0.64);
    EXPECT_DOUBLE_EQ(Lp(workload, none), 0.64);
  }
}

TEST(ExactPlacement, OneBirthByHand) {
  HandWorkload hand;
  hand.phases = {{Ids({0}), {}, {}}};  // with 16 bytes of KV
  const Workload workload = hand.Make();
  // Written through whatever the placement.
  for (const int64_t capacity : {0, 1}) {
    const DeviceConfig inclusive = Device(kInclusive, capacity);
    EXPECT_DOUBLE_EQ(Integral(workload, inclusive, Routing::kNone), 0.16);
    EXPECT_DOUBLE_EQ(Lp(workload, inclusive), 0.16);
  }
  EXPECT_DOUBLE_EQ(Integral(workload, Device(kExclusive, 0), Routing::kNone),
                   0.16);
  EXPECT_DOUBLE_EQ(Lp(workload, Device(kExclusive, 0)), 0.16);
  EXPECT_DOUBLE_EQ(Integral(workload, Device(kExclusive, 1), Routing::kNone),
                   0.016);
  EXPECT_DOUBLE_EQ(Lp(workload, Device(kExclusive, 1)), 16.0 / (1000 + 100));
}

// HBM for one; block 0 is read twice, then block 1 twice.
TEST(ExactPlacement, ChangeOfPlacementByHand) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  for (const uint32_t id : {0u, 0u, 1u, 1u}) {
    hand.phases.push_back({{}, Ids({id}), {}});
  }
  const Workload workload = hand.Make();
  // Block 1 is read from DRAM once and promoted.
  EXPECT_DOUBLE_EQ(Integral(workload, Device(kInclusive, 1), Routing::kNone),
                   3 * 0.064 + 0.64);
  // Block 0 is demoted as well, in the same phase: 128 bytes through DRAM.
  EXPECT_DOUBLE_EQ(Integral(workload, Device(kExclusive, 1), Routing::kNone),
                   3 * 0.064 + 128.0 / 150);
  // If block 0 ends it goes for free.
  hand.phases[1].freed = Ids({0});
  EXPECT_DOUBLE_EQ(Integral(hand.Make(), Device(kExclusive, 1), Routing::kNone),
                   3 * 0.064 + 0.64);
  // Room for both.
  EXPECT_DOUBLE_EQ(Integral(workload, Device(kExclusive, 2), Routing::kNone),
                   4 * 0.064);
}

// HBM for two of three blocks, the last of which begins in phase 1.
TEST(ExactPlacement, ScheduleByHand) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  hand.phases = {{{}, Ids({0}), {}}, {Ids({2}), Ids({0, 1, 2}), Ids({1})}};
  const Workload workload = hand.Make();
  const auto seconds = [&](ResidencyMode mode, std::vector<BlockSet> hbm) {
    return ScheduleSeconds(workload, Device(mode, 2), hbm, Routing::kNone)
        .value();
  };
  // Block 0 is promoted; 2 begins in DRAM, and with it 16 bytes.
  EXPECT_DOUBLE_EQ(seconds(kInclusive, {0b000, 0b001}), 0.64 + 1.28);
  // Block 0 leaves for 1, which is prefetched.
  EXPECT_DOUBLE_EQ(seconds(kInclusive, {0b001, 0b110}), 0.64 + 0.64);
  EXPECT_DOUBLE_EQ(seconds(kExclusive, {0b001, 0b110}), 128.0 / 150 + 0.64);
  EXPECT_EQ(seconds(kInclusive, {0b000, 0b111}),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(seconds(kInclusive, {0b100, 0b000}),
            std::numeric_limits<double>::infinity());
}

// A link as fast as HBM, and DRAM no limit: parts of blocks are worth having.
TEST(ExactPlacement, RelaxationByHand) {
  HandWorkload hand;
  hand.initial = Ids({0, 1});
  hand.phases = {{{}, Ids({0}), {}}, {{}, Ids({1}), {}}};
  DeviceConfig device = Device(kInclusive, 1);
  device.profile.link_read = device.profile.link_write = device.profile.dram =
      BytesPerSecond(1000);
  // Half of each block in HBM all along.
  EXPECT_DOUBLE_EQ(Lp(hand.Make(), device), 2 * 0.032);
  // One block in HBM, its read split; the other is read from DRAM alone.
  EXPECT_DOUBLE_EQ(Integral(hand.Make(), device, Routing::kBytes),
                   0.032 + 0.064);
}

constexpr uint64_t kCases = 260;
constexpr size_t kMostAlive = 6;

TEST(ExactPlacement, OptimaInOrder) {
  double lp_sum = 0, integral_sum = 0;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    const PlacementCase made = RandomPlacementCase(seed, kMostAlive);
    SCOPED_TRACE(made.name);
    const double lp = Lp(made.workload, made.device);
    const double bytes = Integral(made.workload, made.device, Routing::kBytes);
    const double whole =
        Integral(made.workload, made.device, Routing::kWholeBlocks);
    const double none = Integral(made.workload, made.device, Routing::kNone);
    ASSERT_LE(lp, bytes * (1 + 1e-9));
    ASSERT_LE(bytes, whole * (1 + 1e-9));
    ASSERT_LE(whole, none * (1 + 1e-9));
    if (bytes > 0) {
      lp_sum += lp / bytes;
      integral_sum += 1;
    }
  }
  // Blocks are few and large, and yet the relaxation is not far off.
  EXPECT_GT(integral_sum, 0.9 * kCases);
  EXPECT_GT(lp_sum, 0.8 * integral_sum);
  RecordProperty("mean_lp_to_integral", std::to_string(lp_sum / integral_sum));
}

TEST(ExactPlacement, NoPolicyIsFaster) {
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    const PlacementCase made = RandomPlacementCase(seed, kMostAlive);
    SCOPED_TRACE(made.name);
    const double lp = Lp(made.workload, made.device);
    const double integral = Integral(
        made.workload, made.device,
        made.device.read_routing ? Routing::kWholeBlocks : Routing::kNone);
    for (const absl::string_view policy : SimulationPolicyNames()) {
      for (const int delay : {0, 1}) {
        SCOPED_TRACE(testing::Message() << policy << ", delay " << delay);
        SimulationOptions options;
        options.delay_steps = delay;
        const auto result =
            Simulate(made.workload, made.device, policy, options);
        ASSERT_THAT(result, IsOk());
        const double seconds = result->run.seconds.value();
        ASSERT_GE(seconds, lp * (1 - 1e-9));
        ASSERT_GE(seconds, integral * (1 - 1e-9));
      }
    }
  }
}

// What a run had in HBM, by phase, and after the last.
class Placements {
 public:
  Placements(const Workload& workload, SimulationOptions* options) {
    const auto number = [this](BlockId id) { bit_[id.value()] = next_++; };
    for (const BlockId id : workload.initial) number(id);
    for (const BlockId id : workload.births.items()) number(id);
    options->on_start = [this](const auto& hbm) { hbm_ = {SetOf(hbm)}; };
    options->on_phase = [this, &workload](size_t p, const PhaseOutcome& o) {
      hbm_.back() |= SetOf(o.new_hbm);
      const BlockSet out = SetOf(o.evicted) | SetOf(workload.freed[p]);
      const BlockSet in = SetOf(o.promoted) | SetOf(o.prefetched);
      hbm_.push_back((hbm_.back() & ~out) | in);
    };
  }
  const std::vector<BlockSet>& hbm() const { return hbm_; }

 private:
  template <typename List>
  BlockSet SetOf(const List& list) {
    BlockSet set = 0;
    for (const BlockId id : list) set |= BlockSet{1} << bit_.at(id.value());
    return set;
  }

  std::map<uint32_t, int> bit_;
  int next_ = 0;
  std::vector<BlockSet> hbm_;
};

TEST(ExactPlacement, SchedulesOfPoliciesTakeWhatWasSimulated) {
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    PlacementCase made = RandomPlacementCase(seed, 12);
    SCOPED_TRACE(made.name);
    // A policy may forbid some of it.
    made.device.read_routing = false;
    for (const absl::string_view policy : SimulationPolicyNames()) {
      SimulationOptions options;
      options.delay_steps = seed % 2;
      Placements placements(made.workload, &options);
      const auto result = Simulate(made.workload, made.device, policy, options);
      ASSERT_THAT(result, IsOk());
      const double seconds = result->run.seconds.value();
      ASSERT_NEAR(ScheduleSeconds(made.workload, made.device, placements.hbm(),
                                  Routing::kNone)
                      .value(),
                  seconds, 1e-12 * seconds)
          << policy;
    }
  }
}

// Larger ones, which only the relaxation can do.
TEST(ExactPlacement, NoPolicyIsFasterThanTheRelaxation) {
  for (uint64_t seed = 1000; seed < 1100; ++seed) {
    const PlacementCase made = RandomPlacementCase(seed, 16);
    SCOPED_TRACE(made.name);
    const double lp = Lp(made.workload, made.device);
    for (const absl::string_view policy : SimulationPolicyNames()) {
      const auto result = Simulate(made.workload, made.device, policy, {});
      ASSERT_THAT(result, IsOk());
      ASSERT_GE(result->run.seconds.value(), lp * (1 - 1e-9)) << policy;
    }
  }
}

}  // namespace
}  // namespace kvplace
