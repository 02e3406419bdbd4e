// Margins of a phase against their description.
#include "server/core/value/attention_margins.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "server/core/value/block_history.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr uint32_t kBlocks = 40;
constexpr uint32_t kSequences = 4;

// A mass is in 1/16 octaves, a margin in 1/64.
constexpr int kScale = 4;

class AttentionMarginsTwin : public ::testing::TestWithParam<int> {
 protected:
  AttentionMarginsTwin() : blocks_(SmallDevice(1, kBlocks, kBlocks)) {
    for (uint32_t h = 0; h < kBlocks; ++h) {
      EXPECT_THAT(blocks_.Add({SequenceOf(h), GroupId(0), h, BlockId(h), 1,
                               Tier::kDram}),
                  IsOk());
    }
  }

  static SequenceId SequenceOf(uint32_t h) {
    return SequenceId(h * 7 % kSequences);
  }
  size_t Below(size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random_);
  }
  void Draw() {
    reads_.clear();
    near_misses_.clear();
    for (uint32_t h = 0; h < kBlocks; ++h) {
      const size_t what = Below(4);
      if (what == 0) near_misses_.emplace_back(h);
      if (what == 1) reads_.emplace_back(h);
    }
    const auto draw = [this](const std::vector<BlockId>& blocks) {
      std::vector<uint8_t> masses(Below(4) == 0 ? 0 : blocks.size());
      for (uint8_t& mass : masses) mass = static_cast<uint8_t>(Below(256));
      return masses;
    };
    read_masses_ = draw(reads_);
    near_miss_masses_ = draw(near_misses_);
  }
  // The best mass of the block's sequence that was not selected.
  std::optional<int> Best(BlockId block) const {
    std::optional<int> best;
    for (size_t i = 0; i < near_miss_masses_.size(); ++i) {
      if (SequenceOf(near_misses_[i].value()) != SequenceOf(block.value())) {
        continue;
      }
      best = std::max<int>(best.value_or(0), near_miss_masses_[i]);
    }
    return best;
  }

  BlockTable blocks_;
  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
  std::vector<BlockId> reads_, near_misses_;
  std::vector<uint8_t> read_masses_, near_miss_masses_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, AttentionMarginsTwin, ::testing::Range(0, 8));

TEST_P(AttentionMarginsTwin, AreAsDescribed) {
  SCOPED_TRACE(GetParam());
  AttentionMargins margins;
  for (int phase = 0; phase < 100; ++phase) {
    Draw();
    margins.Compute(blocks_,
                    {reads_, read_masses_, near_misses_, near_miss_masses_});
    ASSERT_EQ(margins.reads().size(), read_masses_.size());
    for (size_t i = 0; i < read_masses_.size(); ++i) {
      const std::optional<int> best = Best(reads_[i]);
      ASSERT_EQ(margins.reads()[i],
                best ? std::max(kScale * (read_masses_[i] - *best), 0)
                     : BlockHistory::kUnscoredReadMargin);
    }
    ASSERT_EQ(margins.near_misses().size(), near_miss_masses_.size());
    for (size_t i = 0; i < near_miss_masses_.size(); ++i) {
      ASSERT_EQ(margins.near_misses()[i],
                kScale * (near_miss_masses_[i] - *Best(near_misses_[i])));
    }
  }
}

}  // namespace
}  // namespace kvplace
