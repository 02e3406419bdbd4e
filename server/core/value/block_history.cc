#include "server/core/value/block_history.h"

#include <cmath>

namespace kvplace {
namespace {

constexpr double kLongDecay = 0.95;
constexpr double kShortDecay = 0.8;

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
    const uint32_t age = step - record.last_read;
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

void BlockHistory::OnMargin(BlockId block, uint32_t step, int margin) {
  Record& record = records_[block.value()];
  margin = std::clamp(margin, -kMostMargin, kMostMargin);
  const int peak = See(record, step).peak;
  record.peak = static_cast<int16_t>(std::max(peak, margin));
  record.margin = static_cast<int16_t>(margin);
  record.last_scored = step;
}

}  // namespace kvplace
