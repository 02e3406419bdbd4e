// The hindsight bound and its schedule against the exact optima of small cases.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "server/core/bound/hindsight.h"
#include "server/replay/simulation.h"
#include "server/replay/window_of.h"
#include "tests/replay/hand_workload.h"
#include "tests/testing/exact_placement.h"
#include "tests/testing/placement_problem.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr auto kInclusive = ResidencyMode::kInclusive;
constexpr auto kExclusive = ResidencyMode::kExclusive;
constexpr double kRounding = 1e-9;

// Goes on until it is as good as it gets.
HindsightOptions Thorough() {
  HindsightOptions options;
  options.gap = 0;
  options.max_iterations = 2000;
  options.max_sweeps = 500;
  return options;
}

Routing RoutingOf(const DeviceConfig& device) {
  return device.read_routing ? Routing::kWholeBlocks : Routing::kNone;
}

// A schedule as sets of blocks by phase.
std::vector<BlockSet> PlacementOf(const AccessWindow& window,
                                  const ClairvoyantSchedule& schedule) {
  std::vector<BlockSet> hbm(window.phases());
  size_t use = 0;
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    for (size_t j = 0; j < window.uses(i).size(); ++j, ++use) {
      const Stay& stay = schedule.stays[use];
      if (!stay.resident()) continue;
      for (uint32_t p = stay.from; p <= stay.until; ++p) {
        hbm[p] |= BlockSet{1} << window.added_as(i);
      }
    }
  }
  return hbm;
}

// Blocks of one size cannot use the rest of the capacity. Bounds may know that:
// they are compared with the relaxation of this machine from above, and of the
// machine as it is from below.
DeviceConfig InWholeBlocks(const Workload& workload, DeviceConfig device) {
  device.hbm_capacity =
      workload.block_bytes() * (device.hbm_capacity / workload.block_bytes());
  return device;
}

// Stays at random, most of the uses; nothing is said about the room for them.
ClairvoyantSchedule RandomSchedule(const AccessWindow& window,
                                   std::mt19937_64& random) {
  const auto between = [&](uint32_t least, uint32_t most) {
    return std::uniform_int_distribution<uint32_t>(least, most)(random);
  };
  ClairvoyantSchedule schedule;
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const auto uses = window.uses(i);
    uint32_t from = window.block(i).born;
    for (size_t j = 0; j < uses.size(); ++j) {
      Stay stay;
      if (random() % 3 != 0) {
        // Half of the time at birth, or where the stay or use before ended.
        stay.from = random() % 2 == 0 ? from : between(from, uses[j].phase());
        const uint32_t last = j + 1 < uses.size() ? uses[j + 1].phase() - 1
                                                  : window.block(i).last;
        stay.until = between(uses[j].phase(), last);
      }
      from = (stay.resident() ? stay.until : uses[j].phase()) + 1;
      schedule.stays.push_back(stay);
    }
  }
  return schedule;
}

// Whatever the options: the schedule is one and takes the time it says, and the
// instant certificates are at most the bound.
void ExpectConsistent(const Workload& workload, const DeviceConfig& device,
                      const HindsightResult& result) {
  const AccessWindow window = WindowOf(workload, device);
  ASSERT_EQ(result.schedule.stays.size(), window.total_uses());
  const auto evaluated = Evaluate(window, result.schedule);
  ASSERT_THAT(evaluated, IsOk());
  EXPECT_EQ(Sum(*evaluated), result.upper);
  const double upper = result.upper.value();
  EXPECT_NEAR(
      upper,
      ScheduleSeconds(workload, device, PlacementOf(window, result.schedule),
                      RoutingOf(device))
          .value(),
      kRounding * upper);
  EXPECT_LE(result.roofline, result.lower);
  EXPECT_LE(result.fewest_dram_reads, result.lower);
  EXPECT_LE(result.lower.value(), upper * (1 + kRounding));
  EXPECT_GE(result.Gap(), -kRounding);
}

// The bound is one, and the schedule no better than can be.
void ExpectValid(const Workload& workload, const DeviceConfig& device,
                 const HindsightResult& result) {
  ASSERT_NO_FATAL_FAILURE(ExpectConsistent(workload, device, result));
  const double lp =
      LpOptimum(workload, InWholeBlocks(workload, device)).value();
  EXPECT_LE(result.lower.value(), lp * (1 + kRounding));
  EXPECT_GE(result.upper.value(), lp * (1 - kRounding));
  EXPECT_GE(result.lower.value(), 0);
}

void ExpectNoPolicyFaster(const Workload& workload, const DeviceConfig& device,
                          Seconds lower) {
  for (const absl::string_view policy : SimulationPolicyNames()) {
    const auto run = Simulate(workload, device, policy, {});
    ASSERT_THAT(run, IsOk());
    EXPECT_GE(run->run.seconds.value(), lower.value() * (1 - kRounding))
        << policy;
  }
}

class HindsightTwin : public ::testing::TestWithParam<uint64_t> {
 protected:
  HindsightTwin() : made_(RandomPlacementCase(GetParam(), 6)) {}

  const PlacementCase made_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, HindsightTwin,
                         ::testing::Range(uint64_t{0}, uint64_t{220}));

TEST_P(HindsightTwin, IsTheOptimumOfTheRelaxation) {
  const auto& [workload, device, name] = made_;
  SCOPED_TRACE(name);
  const AccessWindow window = WindowOf(workload, device);
  const double close = 0.995 * LpOptimum(workload, device).value();
  HindsightOptions options = Thorough();
  HindsightResult result = SolveHindsight(window, options);
  if (result.lower.value() < close) {
    // One in a hundred takes longer.
    options.max_iterations *= 25;
    result = SolveHindsight(window, options);
  }
  EXPECT_GE(result.lower.value(), close);
  ASSERT_NO_FATAL_FAILURE(ExpectValid(workload, device, result));
  const Seconds optimum = IntegralOptimum(workload, device, RoutingOf(device));
  EXPECT_GE(result.upper.value(), optimum.value() * (1 - kRounding));
  ExpectNoPolicyFaster(workload, device, result.lower);
}

TEST_P(HindsightTwin, EvaluatesAnySchedule) {
  auto [workload, device, name] = made_;
  SCOPED_TRACE(name);
  std::mt19937_64 random(GetParam());
  for (int i = 0; i < 20; ++i) {
    device.hbm_capacity =
        workload.block_bytes() *
        static_cast<int64_t>(workload.peak_live_blocks - i % 2);
    const AccessWindow window = WindowOf(workload, device);
    const ClairvoyantSchedule schedule = RandomSchedule(window, random);
    const double seconds =
        ScheduleSeconds(workload, device, PlacementOf(window, schedule),
                        RoutingOf(device))
            .value();
    const auto evaluated = Evaluate(window, schedule);
    ASSERT_EQ(evaluated.ok(), std::isfinite(seconds));
    if (!evaluated.ok()) continue;
    ASSERT_NEAR(Sum(*evaluated).value(), seconds, kRounding * seconds);
  }
}

// Stopped at any time it is valid.
TEST_P(HindsightTwin, IsValidWithoutTime) {
  const auto& [workload, device, name] = made_;
  SCOPED_TRACE(name);
  const AccessWindow window = WindowOf(workload, device);
  HindsightOptions late = Thorough();
  late.time_limit_seconds = 1e-3;
  double now = 0;
  late.now = [&now] { return now += 1; };
  ExpectValid(workload, device, SolveHindsight(window, late));
  HindsightOptions none = Thorough();
  none.max_iterations = 0;
  none.max_sweeps = 0;
  ExpectValid(workload, device, SolveHindsight(window, none));
  HindsightOptions few = Thorough();
  few.max_iterations = 1 + static_cast<uint32_t>(GetParam() % 20);
  few.max_sweeps = 1 + static_cast<uint32_t>(GetParam() % 3);
  ExpectValid(workload, device, SolveHindsight(window, few));
}

// Prices of an earlier result, or of another window, are only a start.
TEST_P(HindsightTwin, IsValidFromAnyPrices) {
  const auto& [workload, device, name] = made_;
  SCOPED_TRACE(name);
  const AccessWindow window = WindowOf(workload, device);
  HindsightOptions options = Thorough();
  options.max_iterations = 10;
  PhasePrices steep;
  steep.limit[GetParam() % kPhaseLimits] = 1;
  steep.rent = GetParam() % 2 == 0 ? 0 : 1;
  options.start.assign(window.phases(), steep);
  ExpectValid(workload, device, SolveHindsight(window, options));
}

TEST_P(HindsightTwin, DoesNotDependOnTheOrderOfTasks) {
  SCOPED_TRACE(made_.name);
  const AccessWindow window = WindowOf(made_.workload, made_.device);
  HindsightOptions options = Thorough();
  options.max_iterations = 50;
  options.max_sweeps = 50;
  const HindsightResult once = SolveHindsight(window, options);
  options.parallel = [](size_t n, const std::function<void(size_t)>& task) {
    while (n > 0) task(--n);
  };
  const HindsightResult again = SolveHindsight(window, options);
  EXPECT_EQ(once.lower, again.lower);
  EXPECT_EQ(once.upper, again.upper);
}

// What the bound and the schedule have to come to, by hand.
struct Answer {
  // Optimum of the relaxation.
  double lower;
  // Optimum over whole blocks.
  double upper;
};

void ExpectAnswer(const Workload& workload, const DeviceConfig& device,
                  const Answer& answer) {
  SCOPED_TRACE(device.mode == kInclusive ? "inclusive" : "exclusive");
  EXPECT_NEAR(LpOptimum(workload, device).value(), answer.lower,
              kRounding * answer.lower);
  EXPECT_NEAR(IntegralOptimum(workload, device, RoutingOf(device)).value(),
              answer.upper, kRounding * answer.upper);
  const HindsightResult result =
      SolveHindsight(WindowOf(workload, device), Thorough());
  ASSERT_NO_FATAL_FAILURE(ExpectValid(workload, device, result));
  EXPECT_LE(result.lower.value(), answer.lower * (1 + kRounding));
  EXPECT_GE(result.lower.value(), 0.995 * answer.lower);
  EXPECT_NEAR(result.upper.value(), answer.upper, kRounding * answer.upper);
}

// HBM of 1000 B/s, link of 100, DRAM of 150; blocks of 64 bytes, births bring
// 16 bytes.
DeviceConfig Device(ResidencyMode mode, int64_t capacity_blocks,
                    int64_t fixed = 0) {
  DeviceConfig device = SmallDevice(1, 8, capacity_blocks);
  device.mode = mode;
  device.fixed_bytes_per_phase = Bytes(fixed);
  return device;
}

Workload Hand(const std::vector<BlockId>& initial,
              const std::vector<HandPhase>& phases) {
  HandWorkload hand;
  hand.initial = initial;
  hand.phases = phases;
  return hand.Make();
}

TEST(HindsightByHand, NoPhases) {
  for (const auto mode : {kInclusive, kExclusive}) {
    ExpectAnswer(Hand(Ids({0}), {}), Device(mode, 1), {0, 0});
  }
}

TEST(HindsightByHand, NoReads) {
  const Workload workload = Hand(Ids({0}), {{Ids({1}), {}, {}}, {}});
  // Written through the link of 100; the second phase takes nothing.
  ExpectAnswer(workload, Device(kInclusive, 1), {0.16, 0.16});
  ExpectAnswer(workload, Device(kInclusive, 1, 1000), {2.016, 2.016});
  // Into HBM, or divided so that both finish together.
  ExpectAnswer(workload, Device(kExclusive, 1), {16.0 / 1100, 0.016});
  // In the shadow of the fixed bytes.
  ExpectAnswer(workload, Device(kExclusive, 1, 1000), {2, 2});
}

TEST(HindsightByHand, ZeroCapacity) {
  const Workload workload =
      Hand(Ids({0, 1}), {{{}, Ids({0, 1}), {}}, {{}, Ids({0}), {}}});
  for (const auto mode : {kInclusive, kExclusive}) {
    ExpectAnswer(workload, Device(mode, 0), {1.92, 1.92});
  }
}

TEST(HindsightByHand, RoomForAll) {
  const Workload workload =
      Hand(Ids({0, 1}), {{{}, Ids({0, 1}), {}}, {{}, Ids({0}), {}}});
  for (const auto mode : {kInclusive, kExclusive}) {
    ExpectAnswer(workload, Device(mode, 7), {192.0 / 1100, 0.192});
  }
  DeviceConfig routing = Device(kInclusive, 7);
  routing.read_routing = true;
  ExpectAnswer(workload, routing, {192.0 / 1100, 0.192});
  // A link of half of HBM: a third of the bytes, where blocks can be divided.
  routing.profile.link_read = BytesPerSecond(500);
  routing.profile.dram = BytesPerSecond(1000);
  ExpectAnswer(workload, routing, {192.0 / 1500, 0.128 + 0.064});
}

TEST(HindsightByHand, OnePhase) {
  const Workload workload = Hand(Ids({0, 1, 2}), {{{}, Ids({0, 1, 2}), {}}});
  for (const auto mode : {kInclusive, kExclusive}) {
    ExpectAnswer(workload, Device(mode, 2), {0.64, 0.64});
  }
}

// Block 1 is born, read and freed in phase 0; block 0 is read in phase 1, and
// HBM is for one. Either 0 is there all along and 1 is read from DRAM, or 1 is
// there and 0 comes after it: 64 bytes over the link, 64 from HBM in phase 1.
// In parts: what phase 0 fetches, phase 1 has not to.
TEST(HindsightByHand, BornAndFreedInOnePhase) {
  const Workload workload =
      Hand(Ids({0}), {{Ids({1}), Ids({1}), Ids({1})}, {{}, Ids({0}), {}}});
  for (const auto mode : {kInclusive, kExclusive}) {
    ExpectAnswer(workload, Device(mode, 1), {0.64, 0.704});
  }
}

TEST(HindsightByHand, InfiniteLink) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const Workload workload =
      Hand(Ids({0, 1}), {{Ids({2}), Ids({0, 1}), {}}, {{}, Ids({2}), {}}});
  const auto device = [&](ResidencyMode mode) {
    DeviceConfig made = Device(mode, 1, 100);
    made.profile.link_read = made.profile.link_write = made.profile.dram =
        BytesPerSecond(kInfinite);
    return made;
  };
  // DRAM is free; only the fixed bytes, and written through KV, are not.
  ExpectAnswer(workload, device(kInclusive), {0.216, 0.216});
  ExpectAnswer(workload, device(kExclusive), {0.2, 0.2});
  // HBM is free, the link is not.
  for (const auto mode : {kInclusive, kExclusive}) {
    DeviceConfig fast = Device(mode, 1, 100);
    fast.profile.hbm = BytesPerSecond(kInfinite);
    // One of the two blocks of phase 0, and block 0 stays.
    ExpectAnswer(Hand(Ids({0, 1}), {{{}, Ids({0, 1}), {}}, {{}, Ids({0}), {}}}),
                 fast, {0.64, 0.64});
  }
  // Nothing takes time.
  for (const auto mode : {kInclusive, kExclusive}) {
    DeviceConfig free = device(mode);
    free.profile.hbm = BytesPerSecond(kInfinite);
    ExpectAnswer(workload, free, {0, 0});
  }
}

}  // namespace
}  // namespace kvplace
