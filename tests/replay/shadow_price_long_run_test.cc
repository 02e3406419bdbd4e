// shadow-price over very many steps: what fades and what counts stays finite,
// and decisions are as good as those of one that has only just begun.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/replay/planned_device.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

constexpr uint32_t kGroups = 3;
constexpr uint32_t kEach = 24;  // blocks of a group
constexpr uint32_t kFit = 24;
// What is wanted changes after so many steps.
constexpr int64_t kTopic = 4096;
// So long before the end another device begins.
constexpr int64_t kFresh = 4096;

// With KVPLACE_FULL_SIZE some minutes.
int64_t Steps() {
  return std::getenv("KVPLACE_FULL_SIZE") != nullptr ? 10'000'000 : 100'000;
}

// Topics of three kinds take turns: reads by chance, the very same ones in each
// step, and a few of one group that all fit into HBM. Masses in group 1 alone.
class ReadSource {
 public:
  const std::vector<PhaseReads>& At(int64_t step) {
    if (step % kTopic == 0) {
      kind_ = random_() % 3;
      // Now and then all is quiet for long.
      if (step / kTopic % 64 >= 48) kind_ = kQuiet;
      for (double& p : wanted_) p = Chance() < 1.0 / 3 ? 0.7 : 0.04;
    }
    for (uint32_t g = 0; g < kGroups; ++g) Fill(g, &phases_[g]);
    return phases_;
  }

 private:
  enum : uint64_t { kMixed, kSame, kQuiet };

  double Chance() { return static_cast<double>(random_() % 100000) / 100000; }
  bool IsRead(uint32_t group, uint32_t i) {
    const double p = wanted_[group * kEach + i];
    if (kind_ == kQuiet) return group == 0 && i < 6;
    return kind_ == kSame ? p > 0.5 : Chance() < p;
  }
  void Fill(uint32_t group, PhaseReads* out) {
    *out = {};
    for (uint32_t i = 0; i < kEach; ++i) {
      const BlockId block(group * kEach + i);
      const auto noise = static_cast<uint8_t>(random_() % 32);
      if (IsRead(group, i)) {
        out->reads.push_back(block);
        if (group == 1) out->masses.push_back(140 + noise);
      } else if (group == 1 && wanted_[block.value()] > 0.5) {
        out->near_misses.push_back(block);
        out->near_miss_masses.push_back(110 + noise);
      }
    }
  }

  std::minstd_rand random_{1};
  uint64_t kind_ = kMixed;
  std::vector<double> wanted_ =
      std::vector<double>(size_t{kGroups} * kEach, 0.0);
  std::vector<PhaseReads> phases_ = std::vector<PhaseReads>(kGroups);
};

void ExpectFinite(const DeviceModel& model) {
  const BlockRanking& ranking = *model.orders().ranking;
  for (uint32_t g = 0; g < kGroups; ++g) {
    const double theta = ranking.prices().theta(GroupId(g));
    ASSERT_TRUE(theta >= 0 && theta <= 1) << theta;
    const double price = ranking.prices().price(GroupId(g));
    ASSERT_TRUE(price >= GroupPrices::kLeast && price <= 1) << price;
  }
  for (uint32_t b = 0; b < kGroups * kEach; ++b) {
    const double p = ranking.ReadProbability(BlockId(b), GroupId(b / kEach));
    ASSERT_TRUE(p >= 0 && p <= 1) << p;
  }
}

TEST(ShadowPriceLongRun, DecidesAsOneThatHasJustBegun) {
  const int64_t steps = Steps();
  const DeviceConfig config = SmallDevice(kGroups, kEach, kFit);
  const std::vector<BlockId> hbm = IdRange(0, kFit);
  ReadSource source;
  PlannedDevice ours(config, "shadow-price", hbm, 0);
  PlannedDevice lru(config, "lru", hbm, 0);
  std::optional<PlannedDevice> fresh;
  double ours_all = 0, lru_all = 0, ours_late = 0, fresh_late = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const std::vector<PhaseReads>& phases = source.At(step);
    const double seconds = ours.Step(step, phases);
    ours_all += seconds;
    lru_all += lru.Step(step, phases);
    if (step == steps - kFresh)
      fresh.emplace(config, "shadow-price", hbm, step);
    if (fresh) {
      ours_late += seconds;
      fresh_late += fresh->Step(step, phases);
    }
    if (step % 1024 == 0) {
      ASSERT_NO_FATAL_FAILURE(ExpectFinite(ours.model()));
    }
    ASSERT_FALSE(HasFailure()) << "step " << step;
  }
  RecordProperty("over_lru", std::to_string(ours_all / lru_all));
  RecordProperty("over_fresh", std::to_string(ours_late / fresh_late));
  EXPECT_LT(ours_all, lru_all);
  EXPECT_LT(ours_late, 1.01 * fresh_late);
}

}  // namespace
}  // namespace kvplace
