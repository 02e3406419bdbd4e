// What is remembered of each block's reads and attention, and the features that
// a value is made of (docs/policy.md).
//
// A block's history is 16 bytes, brought up to date only when the block is read
// or scored: counts are kept as of the last read and decayed when asked for, so
// a step costs what it reads, not what is alive.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_CORE_VALUE_BLOCK_HISTORY_H_
#define KVPLACE_SERVER_CORE_VALUE_BLOCK_HISTORY_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/core/ids.h"

namespace kvplace {

// What a value is a function of; all are about -1..1.
//   [0]  1
//   [1]  log2 of the share of steps that read the block, decayed by 0.95 per
//        step, over 10; at least -1
//   [2]  the same, decayed by 0.8
//   [3]  log2(1 + steps since the last read) over 6; at most 64 steps
//   [4]  the highest margin of late, which sinks by 10/64 octaves per step
//   [5]  the margin in the last step, -1.5 octaves if it was not scored; over 4
//   [6]  the positive part of [5]
inline constexpr size_t kValueFeatures = 7;
using ValueFeatures = std::array<float, kValueFeatures>;

// Features of many blocks, one array for each but [0], for loops that the
// compiler turns into vector instructions.
inline constexpr size_t kFeatureBatch = 64;
using FeatureColumns =
    std::array<std::array<float, kFeatureBatch>, kValueFeatures - 1>;

class BlockHistory {
 public:
  // Margins are in 1/64 octaves: how far a block's attention mass lay above
  // the best mass that was not selected, in its sequence, group and step.
  static constexpr int kOctave = 64;
  // Of a read without a mass.
  static constexpr int kUnscoredReadMargin = kOctave / 2;

  explicit BlockHistory(uint32_t handles);

  uint32_t handles() const { return handles_; }

  void Clear();
  void Forget(BlockId block) { records_[block.value()] = Record(); }

  // Steps are offsets from any base, below 2^32 - 1; REQUIRES: of one block
  // they never fall. True: the block's first read in the step.
  bool OnRead(BlockId block, uint32_t step);
  // Distinct blocks that the step has not read yet, each with its margin
  // (see OnMargin) or, without margins, that of an unscored read.
  void OnReads(absl::Span<const BlockId> blocks, uint32_t step,
               absl::Span<const int16_t> margins);
  // Clipped to 4 octaves either way.
  void OnMargin(BlockId block, uint32_t step, int margin);

  static constexpr uint32_t kNever = UINT32_MAX;
  // kNever before the first.
  uint32_t last_read(BlockId block) const {
    return records_[block.value()].last_read;
  }
  // As of step `now`, or of the block's own last event where that is later (in
  // the middle of a step the others are as of the one before).
  ValueFeatures At(BlockId block, uint32_t now) const;
  // What they would be if the block were read in `now`, just above the margin.
  ValueFeatures IfRead(BlockId block, uint32_t now) const;
  // At() of handles first .. first + kFeatureBatch - 1, bit for bit; of those
  // that are not in use anything. REQUIRES: first is a multiple of it.
  void ColumnsAt(BlockId first, uint32_t now, FeatureColumns* out) const;
  // At() of at most kFeatureBatch blocks.
  void ColumnsAt(absl::Span<const BlockId> blocks, uint32_t now,
                 FeatureColumns* out) const;
  // IfRead() of at most kFeatureBatch blocks; of those that `now` has not read
  // anything.
  void ColumnsAfterRead(absl::Span<const BlockId> blocks, uint32_t now,
                        FeatureColumns* out) const;

  // log2 of the share of steps that read the block, decayed by 0.8 per step, in
  // 1/1024 octaves from -10 octaves up: what lfu ranks by. Now, and after a
  // read.
  int ShortCount(BlockId block, uint32_t now) const {
    return See(records_[block.value()], now).short_count;
  }
  int ShortCountIfRead(BlockId block, uint32_t now) const {
    return AfterRead(See(records_[block.value()], now)).short_count;
  }
  // By how much ShortCount falls per step.
  int short_decay() const { return tables_->short_decay.per_step; }

 private:
  // Logarithms of counts are in 1/1024 octaves.
  static constexpr int kLog = 1024;
  static constexpr int kLeastCount = -10 * kLog;
  static constexpr int kUnscored = -3 * kOctave / 2;
  static constexpr float kCountScale = 1.0f / (10 * kLog);
  static constexpr float kMarginScale = 1.0f / (4 * kOctave);
  static constexpr int kMostMargin = 4 * kOctave;
  static constexpr int kMarginDecay = 10;
  static constexpr int kMarginIfRead = kOctave / 10;
  static constexpr uint32_t kOldest = 64;
  // Steps in which the highest count has become the least.
  static constexpr uint32_t kForgotten = 1024;

  struct Record {
    uint32_t last_read = kNever;
    uint32_t last_scored = kNever;
    int16_t long_count = kLeastCount;
    int16_t short_count = kLeastCount;
    int16_t peak = kUnscored;
    int16_t margin = kUnscored;
  };
  static_assert(sizeof(Record) == 16);

  // A count that decays by `decay` per step.
  struct Count {
    explicit Count(double decay);
    // `steps` later, at most kForgotten.
    int Decayed(int count, uint32_t steps) const {
      return std::max(count - static_cast<int>(steps) * per_step, kLeastCount);
    }
    // Of a decayed count after one more read.
    int AfterRead(int count) const {
      return after[static_cast<uint32_t>(count - kLeastCount) / kTableStep];
    }
    static constexpr int kTableStep = 16;

    int per_step;
    std::array<int16_t, -kLeastCount / kTableStep + 1> after;
  };
  // What features are looked up in, made once.
  struct Tables {
    Tables();
    Count long_decay;
    Count short_decay;
    // log2(1 + age) / 6.
    std::array<float, kOldest + 1> ages;
  };
  static const Tables& SharedTables();

  // A history seen from a step.
  struct Seen {
    int long_count = kLeastCount;
    int short_count = kLeastCount;
    uint32_t age = kOldest;
    int peak = kUnscored;
    int margin = kUnscored;
  };
  Seen See(const Record& record, uint32_t now) const;
  Seen AfterRead(Seen seen) const;
  ValueFeatures FeaturesOf(const Seen& seen) const;
  // Of records record(i), 0 <= i < count, a multiple of kLanes.
  template <typename RecordAt>
  void FillColumns(size_t count, RecordAt record, uint32_t now,
                   FeatureColumns* out) const;

  const Tables* const tables_;
  const uint32_t handles_;
  // Whole batches.
  std::vector<Record> records_;
};

// Without a branch on what never happened: the record then has the least
// counts and margins, and kNever is after `now`.
inline BlockHistory::Seen BlockHistory::See(const Record& record,
                                            uint32_t now) const {
  const uint32_t unread =
      std::min(now - std::min(record.last_read, now), kForgotten);
  const uint32_t unscored =
      std::min(now - std::min(record.last_scored, now), kOldest);
  Seen seen;
  seen.age = record.last_read == kNever ? kOldest : std::min(unread, kOldest);
  seen.long_count = tables_->long_decay.Decayed(record.long_count, unread);
  seen.short_count = tables_->short_decay.Decayed(record.short_count, unread);
  seen.peak = std::max(record.peak - static_cast<int>(unscored) * kMarginDecay,
                       kUnscored);
  seen.margin = unscored == 0 ? record.margin : kUnscored;
  return seen;
}

inline BlockHistory::Seen BlockHistory::AfterRead(Seen seen) const {
  if (seen.age > 0) {
    seen.long_count = tables_->long_decay.AfterRead(seen.long_count);
    seen.short_count = tables_->short_decay.AfterRead(seen.short_count);
    seen.age = 0;
  }
  seen.margin = std::max(seen.margin, kMarginIfRead);
  seen.peak = std::max(seen.peak, seen.margin);
  return seen;
}

inline ValueFeatures BlockHistory::FeaturesOf(const Seen& seen) const {
  const float margin = static_cast<float>(seen.margin) * kMarginScale;
  return {1.0f,
          static_cast<float>(seen.long_count) * kCountScale,
          static_cast<float>(seen.short_count) * kCountScale,
          tables_->ages[seen.age],
          static_cast<float>(seen.peak) * kMarginScale,
          margin,
          std::max(margin, 0.0f)};
}

inline ValueFeatures BlockHistory::At(BlockId block, uint32_t now) const {
  return FeaturesOf(See(records_[block.value()], now));
}

inline ValueFeatures BlockHistory::IfRead(BlockId block, uint32_t now) const {
  return FeaturesOf(AfterRead(See(records_[block.value()], now)));
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_BLOCK_HISTORY_H_
