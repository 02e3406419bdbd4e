// The history of a block against the list of all its reads and scores.
#include "server/core/value/block_history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

// Just above the margin, as IfRead has it: a tenth of an octave.
constexpr int kBarely = BlockHistory::kOctave / 10;

// Everything that ever happened to a block, and the features by their
// description.
struct Twin {
  std::vector<uint32_t> reads;
  std::vector<std::pair<uint32_t, int>> margins;

  double Share(double decay, uint32_t now) const {
    double share = 0;
    for (const uint32_t step : reads) {
      share += (1 - decay) * std::pow(decay, now - step);
    }
    return std::max(std::log2(share), -10.0);
  }

  ValueFeatures At(uint32_t now) const {
    const uint32_t age =
        reads.empty() ? 64 : std::min<uint32_t>(now - reads.back(), 64);
    double peak = -1.5, margin = -1.5;
    for (const auto& [step, m] : margins) {
      const double octaves = std::clamp(m / 64.0, -4.0, 4.0);
      peak = std::max(peak, octaves - 10.0 / 64 * (now - step));
      if (step == now) margin = octaves;
    }
    const auto f = [](double x) { return static_cast<float>(x); };
    return {1.0f,
            f(Share(0.95, now) / 10),
            f(Share(0.8, now) / 10),
            f(std::log2(1.0 + age) / 6),
            f(peak / 4),
            f(margin / 4),
            f(std::max(margin, 0.0) / 4)};
  }
};

// Counts are kept in 1/1024 octaves and looked up in steps of 16 of these, once
// per read: of one octave a third at most is lost on the way.
constexpr double kCountTolerance = 0.033;

void ExpectFeatures(const ValueFeatures& features, const ValueFeatures& twin) {
  for (size_t i = 0; i < kValueFeatures; ++i) {
    SCOPED_TRACE(testing::Message() << "feature " << i);
    ASSERT_TRUE(std::isfinite(features[i]));
    ASSERT_GE(features[i], -1.01);
    ASSERT_LE(features[i], 1.01);
    ASSERT_NEAR(features[i], twin[i],
                i == 1 || i == 2 ? kCountTolerance : 1e-6);
  }
}

class BlockHistoryTwin : public ::testing::TestWithParam<int> {
 protected:
  uint32_t Below(uint32_t n) {
    return std::uniform_int_distribution<uint32_t>(0, n - 1)(random_);
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(Seeds, BlockHistoryTwin, ::testing::Range(0, 12));

TEST_P(BlockHistoryTwin, FeaturesAreAsDescribed) {
  SCOPED_TRACE(GetParam());
  constexpr uint32_t kBlocks = 5;
  BlockHistory history(kBlocks);
  std::vector<Twin> twins(kBlocks);
  uint32_t step = GetParam() % 3 == 0 ? Below(9'000'000) : 0;
  // Some are read nearly always, some nearly never.
  const uint32_t rarity = 1 + Below(10);
  for (int i = 0; i < 800; ++i) {
    step += Below(10) == 0 ? Below(2001) : Below(3);
    for (uint32_t b = 0; b < kBlocks; ++b) {
      const BlockId block(b);
      Twin& twin = twins[b];
      if (Below(1 + b * rarity) == 0) {
        if (twin.reads.empty() || twin.reads.back() != step) {
          twin.reads.push_back(step);
        }
        history.OnRead(block, step);
      }
      if (Below(3) == 0) {
        const int margin = static_cast<int>(Below(700)) - 350;
        twin.margins.emplace_back(step, margin);
        history.OnMargin(block, step, margin);
      }
      if (Below(300) == 0) {
        twin = Twin();
        history.Forget(block);
      }
      SCOPED_TRACE(testing::Message() << "step " << step << ", block " << b);
      const uint32_t now = step + (Below(3) == 0 ? Below(200) : 0);
      ASSERT_NO_FATAL_FAILURE(
          ExpectFeatures(history.At(block, now), twin.At(now)));
      ASSERT_EQ(history.last_read(block),
                twin.reads.empty() ? BlockHistory::kNever : twin.reads.back());
      ASSERT_NEAR(history.ShortCount(block, now) / 1024.0, twin.Share(0.8, now),
                  10 * kCountTolerance);
    }
  }
}

// A step later, so that nothing was scored in it.
TEST_P(BlockHistoryTwin, IfReadIsWhatAReadWouldMake) {
  SCOPED_TRACE(GetParam());
  BlockHistory history(1);
  const BlockId block(0);
  uint32_t step = 0;
  for (int i = 0; i < 2000; ++i) {
    step += 1 + (Below(10) == 0 ? Below(2000) : Below(2));
    const ValueFeatures if_read = history.IfRead(block, step);
    const int count = history.ShortCountIfRead(block, step);
    BlockHistory copy = history;
    copy.OnRead(block, step);
    copy.OnMargin(block, step, kBarely);
    ASSERT_EQ(if_read, copy.At(block, step));
    ASSERT_EQ(count, copy.ShortCount(block, step));
    // A second read in the step changes nothing.
    ASSERT_EQ(copy.IfRead(block, step), copy.At(block, step));
    if (Below(2) == 0) history.OnRead(block, step);
    if (Below(2) == 0) {
      history.OnMargin(block, step, static_cast<int>(Below(512)) - 256);
    }
  }
}

// What a step does to many blocks at once, against one block after the other.
TEST_P(BlockHistoryTwin, ManyAtOnceAreAsOneByOne) {
  SCOPED_TRACE(GetParam());
  constexpr uint32_t kBlocks = kFeatureBatch;
  BlockHistory history(kBlocks);
  BlockHistory twin(kBlocks);
  uint32_t step = GetParam() % 3 == 0 ? Below(9'000'000) : 0;
  FeatureColumns at, run, after_read;
  for (int i = 0; i < 300; ++i) {
    step += 1 + (Below(10) == 0 ? Below(2001) : Below(3));
    std::vector<BlockId> reads;
    std::vector<int16_t> margins;
    for (uint32_t b = 0; b < kBlocks; ++b) {
      if (Below(1 + b / 2) == 0) reads.emplace_back(b);
    }
    if (Below(2) == 0) {
      for (size_t r = 0; r < reads.size(); ++r) {
        margins.push_back(
            static_cast<int16_t>(static_cast<int>(Below(700)) - 350));
      }
    }
    history.OnReads(reads, step, margins);
    for (size_t r = 0; r < reads.size(); ++r) {
      ASSERT_TRUE(twin.OnRead(reads[r], step));
      twin.OnMargin(
          reads[r], step,
          margins.empty() ? BlockHistory::kUnscoredReadMargin : margins[r]);
    }
    history.ColumnsAfterRead(reads, step, &after_read);
    for (size_t r = 0; r < reads.size(); ++r) {
      const ValueFeatures alone = twin.IfRead(reads[r], step);
      for (size_t f = 1; f < kValueFeatures; ++f) {
        ASSERT_EQ(after_read[f - 1][r], alone[f]) << "feature " << f;
      }
    }
    std::vector<BlockId> all = IdRange(0, kBlocks);
    std::shuffle(all.begin(), all.end(), random_);
    all.resize(1 + Below(kBlocks));
    const uint32_t now = step + (Below(3) == 0 ? Below(1500) : 0);
    history.ColumnsAt(all, now, &at);
    history.ColumnsAt(BlockId(0), now, &run);
    for (size_t b = 0; b < all.size(); ++b) {
      const ValueFeatures alone = twin.At(all[b], now);
      for (size_t f = 1; f < kValueFeatures; ++f) {
        SCOPED_TRACE(testing::Message() << all[b].value() << ", feature " << f);
        ASSERT_EQ(at[f - 1][b], alone[f]);
        ASSERT_EQ(run[f - 1][all[b].value()], alone[f]);
      }
    }
  }
}

// In the middle of a step blocks are ahead of `now`; and steps may be so far
// apart that a signed difference has wrapped.
TEST(BlockHistory, ColumnsOfStepsToComeAndLongPast) {
  BlockHistory history(3 * kFeatureBatch);
  const BlockId first(kFeatureBatch);
  for (const uint32_t read : {0u, 5u, 100u, 3'000'000'000u, 4'000'000'000u}) {
    history.OnRead(first, read);
    history.OnMargin(first, read, 100);
    for (const uint32_t now :
         {read - std::min(read, 1u), read, read + 1, read + 70,
          std::max(read, 3'000'000'000u), 4'294'000'000u}) {
      FeatureColumns columns;
      history.ColumnsAt(first, now, &columns);
      const ValueFeatures alone = history.At(first, now);
      const ValueFeatures never = history.At(BlockId(first.value() + 1), now);
      for (size_t f = 1; f < kValueFeatures; ++f) {
        SCOPED_TRACE(testing::Message() << read << " " << now << " " << f);
        EXPECT_EQ(columns[f - 1][0], alone[f]);
        EXPECT_EQ(columns[f - 1][1], never[f]);
      }
    }
  }
}

TEST(BlockHistory, OfABlockThatIsNew) {
  BlockHistory history(2);
  EXPECT_EQ(history.last_read(BlockId(1)), BlockHistory::kNever);
  const ValueFeatures features = history.At(BlockId(1), 10'000'000);
  EXPECT_EQ(features[0], 1);
  EXPECT_EQ(features[1], -1);
  EXPECT_EQ(features[2], -1);
  EXPECT_NEAR(features[3], std::log2(65.0) / 6, 1e-6);
  EXPECT_EQ(features[4], -1.5f / 4);
  EXPECT_EQ(features[5], -1.5f / 4);
  EXPECT_EQ(features[6], 0);
}

TEST(BlockHistory, ForgetAndClearMakeBlocksNew) {
  BlockHistory history(3);
  const ValueFeatures fresh = history.At(BlockId(0), 5);
  for (uint32_t b = 0; b < 3; ++b) {
    history.OnRead(BlockId(b), 5);
    history.OnMargin(BlockId(b), 5, 100);
  }
  const ValueFeatures read = history.At(BlockId(0), 5);
  history.Forget(BlockId(1));
  EXPECT_EQ(history.At(BlockId(0), 5), read);
  EXPECT_EQ(history.At(BlockId(1), 5), fresh);
  EXPECT_EQ(history.At(BlockId(2), 5), read);
  history.Clear();
  EXPECT_EQ(history.At(BlockId(2), 5), fresh);
  EXPECT_EQ(history.last_read(BlockId(2)), BlockHistory::kNever);
}

TEST(BlockHistory, ReadAlwaysTheCountIsNearlyOne) {
  BlockHistory history(1);
  for (uint32_t step = 0; step < 1000; ++step) history.OnRead(BlockId(0), step);
  const ValueFeatures features = history.At(BlockId(0), 999);
  EXPECT_NEAR(features[1], 0, kCountTolerance);
  EXPECT_NEAR(features[2], 0, kCountTolerance);
  EXPECT_EQ(features[3], 0);
}

TEST(BlockHistory, MarginsAreClipped) {
  BlockHistory history(1);
  history.OnMargin(BlockId(0), 0, 1 << 20);
  EXPECT_EQ(history.At(BlockId(0), 0)[5], 1);
  history.OnMargin(BlockId(0), 1, -(1 << 20));
  EXPECT_EQ(history.At(BlockId(0), 1)[5], -1);
  EXPECT_EQ(history.At(BlockId(0), 1)[4], (4 * 64 - 10) / 256.0f);
}

// In the middle of a step, others are asked about as of the step before.
TEST(BlockHistory, EventsAfterNowCountAsOfNow) {
  BlockHistory history(1);
  const BlockId block(0);
  for (uint32_t step = 0; step < 9; ++step) history.OnRead(block, step);
  history.OnMargin(block, 8, 40);
  EXPECT_EQ(history.At(block, 7), history.At(block, 8));
  EXPECT_EQ(history.IfRead(block, 7), history.IfRead(block, 8));
  EXPECT_EQ(history.ShortCount(block, 7), history.ShortCount(block, 8));
}

}  // namespace
}  // namespace kvplace
