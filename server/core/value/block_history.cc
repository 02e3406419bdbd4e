#include "server/core/value/block_history.h"

#include <cmath>

namespace kvplace {
namespace {

constexpr double kLongDecay = 0.95;
constexpr double kShortDecay = 0.8;

// log2(1 + age) / 6.
std::array<float, 65> AgeFeatures() {
  std::array<float, 65> table;
  for (size_t age = 0; age < table.size(); ++age) {
    table[age] =
        static_cast<float>(std::log2(1 + static_cast<double>(age)) / 6);
  }
  return table;
}

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

const BlockHistory::Count& BlockHistory::Long() {
  static const Count kCount(kLongDecay);
  return kCount;
}

const BlockHistory::Count& BlockHistory::Short() {
  static const Count kCount(kShortDecay);
  return kCount;
}

BlockHistory::BlockHistory(uint32_t handles)
    : long_(&Long()), short_(&Short()), records_(handles) {}

void BlockHistory::Clear() {
  std::fill(records_.begin(), records_.end(), Record());
}

BlockHistory::Seen BlockHistory::See(const Record& record, uint32_t now) const {
  Seen seen;
  if (record.last_read != kNever) {
    const uint32_t age = now - std::min(record.last_read, now);
    seen.age = std::min(age, kOldest);
    seen.long_count = long_->Decayed(record.long_count, age);
    seen.short_count = short_->Decayed(record.short_count, age);
  }
  if (record.last_scored != kNever) {
    const uint32_t age =
        std::min(now - std::min(record.last_scored, now), kOldest);
    seen.peak =
        std::max(record.peak - static_cast<int>(age) * kMarginDecay, kUnscored);
    if (age == 0) seen.margin = record.margin;
  }
  return seen;
}

BlockHistory::Seen BlockHistory::AfterRead(Seen seen) {
  if (seen.age > 0) {
    seen.long_count = Long().AfterRead(seen.long_count);
    seen.short_count = Short().AfterRead(seen.short_count);
    seen.age = 0;
  }
  seen.margin = std::max(seen.margin, kMarginIfRead);
  seen.peak = std::max(seen.peak, seen.margin);
  return seen;
}

ValueFeatures BlockHistory::FeaturesOf(const Seen& seen) {
  static const std::array<float, 65> kAges = AgeFeatures();
  constexpr float kCountScale = 1.0f / (10 * kLog);
  constexpr float kMarginScale = 1.0f / (4 * kOctave);
  const float margin = static_cast<float>(seen.margin) * kMarginScale;
  return {1.0f,
          static_cast<float>(seen.long_count) * kCountScale,
          static_cast<float>(seen.short_count) * kCountScale,
          kAges[seen.age],
          static_cast<float>(seen.peak) * kMarginScale,
          margin,
          std::max(margin, 0.0f)};
}

bool BlockHistory::OnRead(BlockId block, uint32_t step) {
  Record& record = records_[block.value()];
  if (record.last_read == step) return false;
  int long_count = kLeastCount;
  int short_count = kLeastCount;
  if (record.last_read != kNever) {
    const uint32_t age = step - record.last_read;
    long_count = long_->Decayed(record.long_count, age);
    short_count = short_->Decayed(record.short_count, age);
  }
  record.long_count = static_cast<int16_t>(long_->AfterRead(long_count));
  record.short_count = static_cast<int16_t>(short_->AfterRead(short_count));
  record.last_read = step;
  return true;
}

void BlockHistory::OnMargin(BlockId block, uint32_t step, int margin) {
  Record& record = records_[block.value()];
  margin = std::clamp(margin, -kMostMargin, kMostMargin);
  const int peak = See(record, step).peak;
  record.peak = static_cast<int16_t>(std::max(peak, margin));
  record.margin = static_cast<int16_t>(margin);
  record.last_scored = step;
}

ValueFeatures BlockHistory::At(BlockId block, uint32_t now) const {
  return FeaturesOf(See(records_[block.value()], now));
}

ValueFeatures BlockHistory::IfRead(BlockId block, uint32_t now) const {
  return FeaturesOf(AfterRead(See(records_[block.value()], now)));
}

ValueFeatures BlockHistory::IfReadFirst() {
  return FeaturesOf(AfterRead(Seen()));
}

}  // namespace kvplace
