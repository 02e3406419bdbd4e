#include "server/core/value/block_history.h"

#include <cmath>

namespace kvplace {
namespace {

constexpr double kLongDecay = 0.95;
constexpr double kShortDecay = 0.8;
// Records that are fetched ahead of their use.
constexpr size_t kPrefetch = 16;

}  // namespace

BlockHistory::Count::Count(double decay)
    : per_step(static_cast<int>(std::lround(-std::log2(decay) * kLog))) {
  for (size_t i = 0; i < after.size(); ++i) {
    const double count =
        (kLeastCount + static_cast<double>(i) * kTableStep) / kLog;
    after[i] = static_cast<int16_t>(std::lround(
        std::min(std::log2(std::exp2(count) + 1 - decay), 0.0) * kLog));
  }
}

BlockHistory::Tables::Tables()
    : long_decay(kLongDecay), short_decay(kShortDecay) {
  for (size_t age = 0; age < ages.size(); ++age) {
    ages[age] = static_cast<float>(std::log2(1 + static_cast<double>(age)) / 6);
  }
}

const BlockHistory::Tables& BlockHistory::SharedTables() {
  static const Tables kTables;
  return kTables;
}

BlockHistory::BlockHistory(uint32_t handles)
    : tables_(&SharedTables()), records_(handles) {}

void BlockHistory::Clear() {
  std::fill(records_.begin(), records_.end(), Record());
}

bool BlockHistory::OnRead(BlockId block, uint32_t step) {
  Record& record = records_[block.value()];
  if (record.last_read == step) return false;
  int long_count = kLeastCount;
  int short_count = kLeastCount;
  if (record.last_read != kNever) {
    const uint32_t age = std::min(step - record.last_read, kForgotten);
    long_count = tables_->long_decay.Decayed(record.long_count, age);
    short_count = tables_->short_decay.Decayed(record.short_count, age);
  }
  record.long_count =
      static_cast<int16_t>(tables_->long_decay.AfterRead(long_count));
  record.short_count =
      static_cast<int16_t>(tables_->short_decay.AfterRead(short_count));
  record.last_read = step;
  return true;
}

// The same as OnRead and OnMargin, without their branches: who was never read
// has the least counts however long ago that is, and who was never scored the
// least margin.
void BlockHistory::OnReads(absl::Span<const BlockId> blocks, uint32_t step,
                           absl::Span<const int16_t> margins) {
  const Count& longer = tables_->long_decay;
  const Count& shorter = tables_->short_decay;
  for (size_t i = 0; i < blocks.size(); ++i) {
    // Between two steps records fall out of the cache; waiting for them was two
    // thirds of this loop.
    if (i + kPrefetch < blocks.size()) {
      __builtin_prefetch(&records_[blocks[i + kPrefetch].value()], 1);
    }
    Record& record = records_[blocks[i].value()];
    const int margin =
        margins.empty()
            ? kUnscoredReadMargin
            : std::clamp<int>(margins[i], -kMostMargin, kMostMargin);
    const uint32_t unread = std::min(step - record.last_read, kForgotten);
    const auto unscored =
        static_cast<int>(std::min(step - record.last_scored, kOldest));
    const int long_count = longer.Decayed(record.long_count, unread);
    const int short_count = shorter.Decayed(record.short_count, unread);
    const int peak = std::max(record.peak - unscored * kMarginDecay, kUnscored);
    record.last_read = step;
    record.last_scored = step;
    record.long_count = static_cast<int16_t>(longer.AfterRead(long_count));
    record.short_count = static_cast<int16_t>(shorter.AfterRead(short_count));
    record.peak = static_cast<int16_t>(std::max(peak, margin));
    record.margin = static_cast<int16_t>(margin);
  }
}

template <typename SeeBlock>
void BlockHistory::FillColumns(size_t count, SeeBlock see,
                               FeatureColumns* out) const {
  std::array<int32_t, kFeatureBatch> longs, shorts, peaks, margins;
  FeatureColumns& columns = *out;
  for (size_t i = 0; i < count; ++i) {
    const Seen seen = see(i);
    longs[i] = seen.long_count;
    shorts[i] = seen.short_count;
    columns[2][i] = tables_->ages[seen.age];
    peaks[i] = seen.peak;
    margins[i] = seen.margin;
  }
  for (size_t i = 0; i < count; ++i) {
    columns[0][i] = static_cast<float>(longs[i]) * kCountScale;
    columns[1][i] = static_cast<float>(shorts[i]) * kCountScale;
  }
  for (size_t i = 0; i < count; ++i) {
    const float margin = static_cast<float>(margins[i]) * kMarginScale;
    columns[3][i] = static_cast<float>(peaks[i]) * kMarginScale;
    columns[4][i] = margin;
    columns[5][i] = std::max(margin, 0.0f);
  }
}

void BlockHistory::ColumnsAt(absl::Span<const BlockId> blocks, uint32_t now,
                             FeatureColumns* out) const {
  FillColumns(
      blocks.size(),
      [&](size_t i) { return See(records_[blocks[i].value()], now); }, out);
}

void BlockHistory::ColumnsIfRead(absl::Span<const BlockId> blocks, uint32_t now,
                                 FeatureColumns* out) const {
  FillColumns(
      blocks.size(),
      [&](size_t i) {
        return AfterRead(See(records_[blocks[i].value()], now));
      },
      out);
}

void BlockHistory::OnMargin(BlockId block, uint32_t step, int margin) {
  Record& record = records_[block.value()];
  margin = std::clamp(margin, -kMostMargin, kMostMargin);
  const int peak = See(record, step).peak;
  record.peak = static_cast<int16_t>(std::max(peak, margin));
  record.margin = static_cast<int16_t>(margin);
  record.last_scored = step;
}

}  // namespace kvplace
