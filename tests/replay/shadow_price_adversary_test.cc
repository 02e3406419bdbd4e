// Reads that are made against shadow-price, and what it loses on them to the
// best of the simple rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/core/policy/registry.h"
#include "server/replay/closed_loop.h"
#include "tests/replay/hand_workload.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr uint32_t kSteps = 512;
constexpr uint32_t kBlocks = 48;
constexpr uint64_t kFit = 24;

// Where the aim of 1.05 is missed: by how much, rounded up.
constexpr double kScan24 = 1.051;
constexpr double kAlternating2 = 1.10;
constexpr double kAlternating5 = 1.02;
constexpr double kAlternating20 = 1.01;
constexpr double kAlternating80 = 1.01;
constexpr double kHotWhenEvicted4 = 1.9;
constexpr double kHotWhenEvicted12 = 2.75;

DeviceConfig Device(const Workload& workload) {
  return DeviceFor(workload, SmallDevice(1, 1, 1).profile,
                   ResidencyMode::kInclusive, kFit, Bytes(0), false);
}

double SecondsOf(const Workload& workload, const std::string& name) {
  const auto policy = MakeOnlinePolicy(name);
  EXPECT_THAT(policy, IsOk());
  const auto run =
      RunClosedLoop(workload, Device(workload), **policy, nullptr, {});
  EXPECT_THAT(run, IsOk());
  return run.ok() ? run->seconds.value() : 0;
}

HandWorkload Empty() {
  HandWorkload hand;
  hand.pages_max = kBlocks;
  hand.initial = IdRange(0, kBlocks);
  return hand;
}

// At most `factor` of the best rule's seconds, and one refill of HBM over the
// link (100 B/s).
// `name`: of the case, in the test's output.
void ExpectNearBest(const Workload& workload, double factor, uint32_t name) {
  double best = std::numeric_limits<double>::infinity();
  std::string rules;
  for (const char* rule : {"static", "lru", "lfu", "balanced"}) {
    const double seconds = SecondsOf(workload, rule);
    rules += std::string(rule) + " " + std::to_string(seconds) + " ";
    best = std::min(best, seconds);
  }
  const double refill =
      static_cast<double>((kSmallBlock * int64_t{kFit}).count()) / 100;
  const double ours = SecondsOf(workload, "shadow-price");
  testing::Test::RecordProperty("over_best_" + std::to_string(name),
                                std::to_string((ours - refill) / best));
  EXPECT_LE(ours, factor * best + refill)
      << rules << "refill " << refill << ", factor " << (ours - refill) / best;
}

TEST(ShadowPriceAdversary, CyclicScan) {
  for (const uint32_t each : {4u, 8u, 16u, 24u}) {
    SCOPED_TRACE(each);
    HandWorkload hand = Empty();
    uint32_t next = 0;
    for (uint32_t step = 0; step < kSteps; ++step) {
      std::set<BlockId> reads;
      for (uint32_t i = 0; i < each; ++i, ++next) {
        reads.insert(BlockId(next % kBlocks));
      }
      hand.phases.push_back({{}, {reads.begin(), reads.end()}, {}});
    }
    ExpectNearBest(hand.Make(), each == 24 ? kScan24 : 1.05, each);
  }
}

// Two sets as large as HBM take turns, for so many steps each. The aim is 1.05
// everywhere. Measured: 1.05, 1.09, 1.01, 1.00 and 1.00 for turns of 1, 2, 5,
// 20 and 80 steps: at a turn all of HBM was read in the last step, and what is
// better than that is only known after the first misses.
TEST(ShadowPriceAdversary, AlternatingSets) {
  struct Case {
    uint32_t turn;
    double factor;
  };
  for (const auto [turn, factor] :
       {Case{1, 1.06}, Case{2, kAlternating2}, Case{5, kAlternating5},
        Case{20, kAlternating20}, Case{80, kAlternating80}}) {
    SCOPED_TRACE(turn);
    HandWorkload hand = Empty();
    for (uint32_t step = 0; step < kSteps; ++step) {
      const uint32_t first = step / turn % 2 == 0 ? 0 : kBlocks / 2;
      hand.phases.push_back({{}, IdRange(first, kBlocks / 2), {}});
    }
    ExpectNearBest(hand.Make(), factor, turn);
  }
}

// Each step reads what shadow-price alone has not in HBM, so that it misses all
// while the others, which nobody works against, may hit. The aim is 1.05;
// measured: 1.9 with 4 blocks per step, 2.7 with 12.
TEST(ShadowPriceAdversary, HotExactlyWhenEvicted) {
  struct Case {
    uint32_t each;
    double factor;
  };
  for (const auto [each, factor] :
       {Case{4, kHotWhenEvicted4}, Case{12, kHotWhenEvicted12}}) {
    SCOPED_TRACE(each);
    HandWorkload hand = Empty();
    hand.phases.push_back({{}, IdRange(0, each), {}});
    const auto policy = MakeOnlinePolicy("shadow-price");
    ASSERT_THAT(policy, IsOk());
    std::mt19937_64 random(each);
    // Runs are repeatable, so that a longer one begins as the shorter did.
    while (hand.phases.size() < kSteps) {
      std::set<BlockId> out;
      for (uint32_t b = 0; b < kBlocks; ++b) out.insert(BlockId(b));
      LoopOptions options;
      options.on_start = [&](const std::vector<BlockId>& hbm) {
        for (const BlockId block : hbm) out.erase(block);
      };
      options.on_phase = [&](size_t, const PhaseOutcome& outcome) {
        for (const BlockId block : outcome.promoted) out.erase(block);
        out.insert(outcome.evicted.begin(), outcome.evicted.end());
      };
      const Workload workload = hand.Make();
      ASSERT_THAT(
          RunClosedLoop(workload, Device(workload), **policy, nullptr, options),
          IsOk());
      std::vector<BlockId> reads(out.begin(), out.end());
      std::shuffle(reads.begin(), reads.end(), random);
      reads.resize(std::min<size_t>(reads.size(), each));
      std::sort(reads.begin(), reads.end());
      hand.phases.push_back({{}, reads, {}});
    }
    ExpectNearBest(hand.Make(), factor, each);
  }
}

}  // namespace
}  // namespace kvplace
