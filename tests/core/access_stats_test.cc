// Decayed read counts against explicit sums of decay^(t - s).
#include "server/core/access_stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

void OnRead(AccessStats* stats, BlockId block, StepIndex step) {
  stats->OnReads({&block, 1}, step);
}

AccessStats Counting(uint32_t handles, double decay) {
  AccessStats stats(handles);
  stats.KeepCounts(decay);
  return stats;
}

// sum over reads s of decay^(t - s), written out.
double Sum(const std::vector<int64_t>& reads, int64_t t, double decay) {
  double sum = 0;
  for (const int64_t s : reads) {
    sum += std::pow(decay, static_cast<double>(t - s));
  }
  return sum;
}

TEST(AccessStats, BeforeTheFirstRead) {
  const AccessStats stats = Counting(2, 0.8);
  EXPECT_FALSE(stats.ever_read(BlockId(0)));
  EXPECT_FALSE(stats.read_in(BlockId(0), StepIndex(0)));
  EXPECT_EQ(stats.last_read(BlockId(0)), StepIndex(-1));
  EXPECT_EQ(stats.count_at_last_read(BlockId(0)), 0);
  EXPECT_EQ(stats.LogCount(BlockId(0)),
            -std::numeric_limits<double>::infinity());
}

TEST(AccessStats, CountsByHand) {
  AccessStats stats = Counting(2, 0.5);
  stats.SetBase(StepIndex(1000));
  OnRead(&stats, BlockId(1), StepIndex(1000));
  OnRead(&stats, BlockId(1), StepIndex(1001));
  EXPECT_DOUBLE_EQ(stats.count_at_last_read(BlockId(1)), 1.5);
  OnRead(&stats, BlockId(1), StepIndex(1003));
  EXPECT_DOUBLE_EQ(stats.count_at_last_read(BlockId(1)), 1.375);
  EXPECT_EQ(stats.last_read(BlockId(1)), StepIndex(1003));
  EXPECT_TRUE(stats.read_in(BlockId(1), StepIndex(1003)));
  EXPECT_FALSE(stats.read_in(BlockId(1), StepIndex(1001)));
  EXPECT_DOUBLE_EQ(stats.LogCount(BlockId(1)), std::log2(1.375) + 3);
  EXPECT_FALSE(stats.ever_read(BlockId(0)));
}

TEST(AccessStats, ForgetsOneBlockOrAll) {
  AccessStats stats = Counting(3, 0.8);
  stats.OnReads(Ids({0, 1, 2}), StepIndex(5));
  stats.Forget(BlockId(1));
  EXPECT_FALSE(stats.ever_read(BlockId(1)));
  EXPECT_EQ(stats.count_at_last_read(BlockId(1)), 0);
  EXPECT_TRUE(stats.ever_read(BlockId(2)));
  OnRead(&stats, BlockId(1), StepIndex(6));
  EXPECT_EQ(stats.count_at_last_read(BlockId(1)), 1);
  stats.Clear();
  EXPECT_FALSE(stats.ever_read(BlockId(2)));
}

TEST(AccessStats, CountsBeginWhenAskedFor) {
  AccessStats stats(3);
  EXPECT_EQ(stats.decay(), 0);
  stats.OnReads(Ids({0, 1}), StepIndex(5));
  stats.OnReads(Ids({1}), StepIndex(6));
  EXPECT_EQ(stats.last_read(BlockId(1)), StepIndex(6));
  stats.Forget(BlockId(0));
  stats.KeepCounts(0.5);
  EXPECT_EQ(stats.decay(), 0.5);
  EXPECT_EQ(stats.count_at_last_read(BlockId(0)), 0);
  EXPECT_EQ(stats.count_at_last_read(BlockId(1)), 1) << "more is not known";
  EXPECT_EQ(stats.count_at_last_read(BlockId(2)), 0);
  stats.SetCount(BlockId(1), 3);
  stats.OnReads(Ids({1, 2}), StepIndex(7));
  EXPECT_DOUBLE_EQ(stats.count_at_last_read(BlockId(1)), 2.5);
  EXPECT_DOUBLE_EQ(stats.count_at_last_read(BlockId(2)), 1);
  stats.DropCounts();
  EXPECT_EQ(stats.decay(), 0);
  EXPECT_EQ(stats.last_read(BlockId(2)), StepIndex(7));
}

TEST(AccessStats, StepsFarApartAreTheLimit) {
  AccessStats stats = Counting(1, 0.8);
  stats.SetBase(StepIndex(10));
  constexpr int64_t kLast = 10 + AccessStats::kMostSteps - 1;
  OnRead(&stats, BlockId(0), StepIndex(10));
  OnRead(&stats, BlockId(0), StepIndex(kLast));
  EXPECT_EQ(stats.last_read(BlockId(0)), StepIndex(kLast));
  EXPECT_DOUBLE_EQ(stats.count_at_last_read(BlockId(0)), 1);
  EXPECT_TRUE(std::isfinite(stats.LogCount(BlockId(0))));
}

TEST(AccessStats, BlocksOfASetWereReadWithIt) {
  AccessStats stats(4);
  stats.SetBase(StepIndex(100));
  const GroupId group(2);
  EXPECT_FALSE(stats.set_step_is(group, StepIndex(100)));
  OnRead(&stats, BlockId(3), StepIndex(101));
  for (const uint32_t h : {0, 1, 3}) stats.Enter(BlockId(h), group);
  stats.SetStep(group, StepIndex(102));
  stats.Leave(BlockId(1), group);
  stats.SetStep(group, StepIndex(105));
  EXPECT_TRUE(stats.set_step_is(group, StepIndex(105)));
  EXPECT_TRUE(stats.in_set(BlockId(0)));
  EXPECT_FALSE(stats.in_set(BlockId(1)));
  EXPECT_FALSE(stats.in_set(BlockId(2))) << "never read";
  EXPECT_TRUE(stats.ever_read(BlockId(0)));
  EXPECT_EQ(stats.last_read(BlockId(0)), StepIndex(105));
  EXPECT_EQ(stats.last_read(BlockId(1)), StepIndex(102));
  EXPECT_EQ(stats.last_read(BlockId(2)), StepIndex(-1));
  EXPECT_TRUE(stats.read_in(BlockId(3), StepIndex(105)));
  stats.Forget(BlockId(0));
  EXPECT_FALSE(stats.in_set(BlockId(0)));
  EXPECT_FALSE(stats.ever_read(BlockId(0)));
  stats.Leave(BlockId(3), group);
  stats.KeepCounts(0.5);
  EXPECT_EQ(stats.count_at_last_read(BlockId(3)), 1);
  EXPECT_DOUBLE_EQ(stats.LogCount(BlockId(3)), 5);
}

TEST(AccessStats, DecayChangesFromNowOn) {
  AccessStats stats = Counting(1, 0.5);
  EXPECT_EQ(stats.decay(), 0.5);
  OnRead(&stats, BlockId(0), StepIndex(0));
  stats.KeepCounts(0.25);
  OnRead(&stats, BlockId(0), StepIndex(1));
  EXPECT_DOUBLE_EQ(stats.count_at_last_read(BlockId(0)), 1.25);
}

class AccessStatsTwin : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Seeds, AccessStatsTwin, ::testing::Range(0, 12));

TEST_P(AccessStatsTwin, CountsAndTheirOrderAreThoseOfTheSums) {
  SCOPED_TRACE(GetParam());
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  constexpr uint32_t kBlocks = 30;
  const double decays[] = {0.8, 0.5, 0.99, 0.05};
  const double decay = decays[GetParam() % 4];
  const int64_t base = GetParam() % 3 == 0 ? 0 : 123456789;
  AccessStats stats = Counting(kBlocks, decay);
  stats.SetBase(StepIndex(base));
  std::vector<std::vector<int64_t>> reads(kBlocks);
  int64_t step = base;
  for (int i = 0; i < 300; ++i) {
    for (uint32_t h = 0; h < kBlocks; ++h) {
      if (std::bernoulli_distribution((h + 1.0) / 60)(random)) {
        OnRead(&stats, BlockId(h), StepIndex(step));
        reads[h].push_back(step);
      }
    }
    // Now and then a pause longer than the table of powers.
    step += i % 97 == 96 ? 400 : 1;
  }
  for (uint32_t h = 0; h < kBlocks; ++h) {
    if (reads[h].empty()) continue;
    const double sum = Sum(reads[h], reads[h].back(), decay);
    ASSERT_NEAR(stats.count_at_last_read(BlockId(h)), sum, 1e-12 * sum);
    ASSERT_EQ(stats.last_read(BlockId(h)), StepIndex(reads[h].back()));
    ASSERT_GE(stats.LogCount(BlockId(h)), 0);
  }
  for (const int64_t later : {0, 1, 17}) {
    for (uint32_t a = 0; a < kBlocks; ++a) {
      for (uint32_t b = 0; b < kBlocks; ++b) {
        const double count_a = Sum(reads[a], step + later, decay);
        const double count_b = Sum(reads[b], step + later, decay);
        if (count_a < count_b * (1 - 1e-9)) {
          ASSERT_LT(stats.LogCount(BlockId(a)), stats.LogCount(BlockId(b)))
              << a << " and " << b << ", " << later << " steps later";
        }
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
