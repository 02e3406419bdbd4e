// When each block was last read and, for policies that rank by it, how often,
// decayed by step.
//
// A decayed count is c(t) = sum over reads at steps s <= t of decay^(t - s). It
// is stored as of the block's last read and decayed when asked for, so a step
// costs what it reads, not what is alive.
//
// Thread-safety: one thread at a time. Memory: 4 bytes per handle, 12 where
// counts are kept.
#ifndef KVPLACE_SERVER_CORE_ACCESS_STATS_H_
#define KVPLACE_SERVER_CORE_ACCESS_STATS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/core/ids.h"

namespace kvplace {

class AccessStats {
 public:
  // Per step; what the lfu baseline uses.
  static constexpr double kDefaultDecay = 0.8;

  // Without counts.
  explicit AccessStats(uint32_t handles);
  // Counts from the first read on. 0 < decay < 1.
  AccessStats(uint32_t handles, double decay);

  void Clear();
  // Forgets one block.
  void Forget(BlockId block);

  // REQUIRES: steps of one block never fall.
  void OnRead(BlockId block, StepIndex step) { OnReads({&block, 1}, step); }
  void OnReads(absl::Span<const BlockId> blocks, StepIndex step);
  // The same of one block. REQUIRES: counts are not kept.
  void MarkRead(BlockId block, StepIndex step) {
    last_read_[block.value()] = Offset(step);
  }

  bool ever_read(BlockId block) const {
    return last_read_[block.value()] != kNever;
  }
  // Whether the block's last read was in `step`.
  bool read_in(BlockId block, StepIndex step) const {
    return last_read_[block.value()] == Offset(step);
  }
  // -1 before the first read.
  StepIndex last_read(BlockId block) const {
    return StepIndex(ever_read(block) ? base_ + last_read_[block.value()] : -1);
  }

  // Whether the following are known.
  bool counts() const { return !count_.empty(); }
  // Decayed count as of the last read; 0 before the first.
  double count_at_last_read(BlockId block) const {
    return count_[block.value()];
  }
  // A rank that orders blocks by decayed count at any later time alike:
  // log2(c(last read)) + last read * log2(1 / decay). -infinity before the
  // first read. Comparing logarithms of c(t) drops the common factor decay^t,
  // so ranks stay valid as time goes on and stay finite.
  double LogCount(BlockId block) const;
  double decay() const { return decay_; }

  // Counts from now on, as if the last read of each block had been its only
  // one; those kept already are taken as they are. 0 < decay < 1.
  void KeepCounts(double decay);
  // What counts of reads before now are, where more is known. REQUIRES:
  // counts() and ever_read(block); count >= 1.
  void SetCount(BlockId block, double count) { count_[block.value()] = count; }
  void DropCounts();

  // Steps from `base` on are told apart; REQUIRES: nothing read yet.
  void SetBase(StepIndex base) { base_ = base.value(); }
  // Whether `step` can be stored: within 2^32 - 2 steps after the base.
  bool Representable(StepIndex step) const {
    return step.value() >= base_ && step.value() - base_ < int64_t{kNever};
  }

 private:
  static constexpr uint32_t kNever = UINT32_MAX;

  uint32_t Offset(StepIndex step) const {
    return static_cast<uint32_t>(step.value() - base_);
  }
  void Count(BlockId block, uint32_t now);

  double decay_ = 0;
  double log_growth_ = 0;
  std::array<double, 256> powers_ = {};
  int64_t base_ = 0;
  std::vector<uint32_t> last_read_;
  std::vector<double> count_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_ACCESS_STATS_H_
