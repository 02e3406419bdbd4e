#include "server/core/value/block_history.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "server/core/value/lanes.h"

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
    : tables_(&SharedTables()),
      handles_(handles),
      records_((size_t{handles} + kFeatureBatch - 1) / kFeatureBatch *
               kFeatureBatch) {}

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

// Four records at a time, which become vectors of one field each; whole numbers
// below 2^24 as floats, which lose nothing.
template <typename RecordAt>
void BlockHistory::FillColumns(size_t count, RecordAt record, uint32_t now,
                               FeatureColumns* out) const {
  static_assert(std::endian::native == std::endian::little);
  const Tables& tables = *tables_;
  const float long_step = static_cast<float>(tables.long_decay.per_step);
  const float short_step = static_cast<float>(tables.short_decay.per_step);
  // Of a later step none; of one far in the past its difference has wrapped.
  const auto since = [&](Ints step, Floats oldest) {
    const Floats steps = ToFloats(All(static_cast<int32_t>(now)) - step);
    return Min(steps < All(-65536.0f) ? oldest : Max(steps, All(0.0f)), oldest);
  };
  FeatureColumns& columns = *out;
  for (size_t i = 0; i < count; i += kLanes) {
    std::array<Ints, kLanes> r;
    static_assert(sizeof(r) == kLanes * sizeof(Record));
    for (size_t lane = 0; lane < kLanes; ++lane) {
      std::memcpy(&r[lane], &record(i + lane), sizeof(Record));
    }
    const Ints steps01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    const Ints steps23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    const Ints read = __builtin_shufflevector(steps01, steps23, 0, 1, 4, 5);
    const Ints scored = __builtin_shufflevector(steps01, steps23, 2, 3, 6, 7);
    const Ints rest01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    const Ints rest23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    const Ints counts = __builtin_shufflevector(rest01, rest23, 0, 1, 4, 5);
    const Ints margins = __builtin_shufflevector(rest01, rest23, 2, 3, 6, 7);

    const Floats unread = since(read, All(float{kForgotten}));
    const Floats longs = ToFloats((counts << 16) >> 16) - unread * long_step;
    const Floats shorts = ToFloats(counts >> 16) - unread * short_step;
    const Floats unscored = since(scored, All(float{kOldest}));
    const Floats peaks =
        ToFloats((margins << 16) >> 16) - unscored * float{kMarginDecay};
    const Floats margin = (unscored == All(0.0f) ? ToFloats(margins >> 16)
                                                 : All(float{kUnscored})) *
                          kMarginScale;
    const std::array<Floats, kValueFeatures - 1> lanes = {
        Max(longs, All(float{kLeastCount})) * kCountScale,
        Max(shorts, All(float{kLeastCount})) * kCountScale,
        read == All(static_cast<int32_t>(kNever))
            ? All(float{kOldest})
            : Min(unread, All(float{kOldest})),
        Max(peaks, All(float{kUnscored})) * kMarginScale,
        margin,
        Max(margin, All(0.0f))};
    for (size_t f = 0; f < lanes.size(); ++f) {
      Store(lanes[f], &columns[f][i]);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    columns[2][i] = tables.ages[static_cast<uint32_t>(columns[2][i])];
  }
}

void BlockHistory::ColumnsAt(BlockId first, uint32_t now,
                             FeatureColumns* out) const {
  const Record* const records = &records_[first.value()];
  FillColumns(
      kFeatureBatch, [=](size_t i) -> const Record& { return records[i]; }, now,
      out);
}

void BlockHistory::ColumnsAt(absl::Span<const BlockId> blocks, uint32_t now,
                             FeatureColumns* out) const {
  if (blocks.empty()) return;
  const Record* const records = records_.data();
  FillColumns((blocks.size() + kLanes - 1) / kLanes * kLanes,
              [=](size_t i) -> const Record& {
                return records[blocks[std::min(i, blocks.size() - 1)].value()];
              },
              now, out);
}

// Counts and age are as of the read; only the margin is raised.
void BlockHistory::ColumnsAfterRead(absl::Span<const BlockId> blocks,
                                    uint32_t now, FeatureColumns* out) const {
  ColumnsAt(blocks, now, out);
  auto& [long_count, short_count, age, peak, margin, positive] = *out;
  for (size_t i = 0; i < blocks.size(); ++i) {
    margin[i] = std::max(margin[i], kMarginIfRead * kMarginScale);
    positive[i] = margin[i];
    peak[i] = std::max(peak[i], margin[i]);
  }
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
