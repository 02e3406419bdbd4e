// When each block was last read and, for policies that rank by it, how often,
// decayed by step.
//
// A decayed count is c(t) = sum over reads at steps s <= t of decay^(t - s). It
// is stored as of the block's last read and decayed when asked for, so a step
// costs what it reads, not what is alive.
//
// Without counts a block may be in the set of those that its group read last
// (see ReadSets): its last read is then known by the group, and costs nothing
// until it leaves the set.
//
// Thread-safety: one thread at a time. Memory: 4 bytes per handle, 12 where
// counts are kept, and 4 per group.
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

  void Clear();
  // Forgets one block.
  void Forget(BlockId block);

  // REQUIRES: steps of one block never fall.
  void OnReads(absl::Span<const BlockId> blocks, StepIndex step);

  // The same of one block. REQUIRES: counts are not kept.
  void MarkRead(BlockId block, StepIndex step) {
    last_read_[block.value()] = Offset(step);
  }

  // The block comes into the set of its group, and goes out of it. The step of
  // the set is what it was read in last. REQUIRES: counts are not kept while a
  // block is in a set.
  void Enter(BlockId block, GroupId group) {
    last_read_[block.value()] = kFirstSet + group.value();
  }
  void Leave(BlockId block, GroupId group) {
    last_read_[block.value()] = set_steps_[group.value()];
  }
  bool in_set(BlockId block) const {
    const uint32_t last = last_read_[block.value()];
    return last >= kFirstSet && last != kNever;
  }
  bool in_set_of(BlockId block, GroupId group) const {
    return last_read_[block.value()] == kFirstSet + group.value();
  }
  // Of every block that is in the set.
  void SetStep(GroupId group, StepIndex step) {
    if (group.value() >= set_steps_.size())
      set_steps_.resize(group.value() + 1);
    set_steps_[group.value()] = Offset(step);
  }
  bool set_step_is(GroupId group, StepIndex step) const {
    return group.value() < set_steps_.size() &&
           set_steps_[group.value()] == Offset(step);
  }

  bool ever_read(BlockId block) const {
    return last_read_[block.value()] != kNever;
  }
  // Whether the block's last read was in `step`.
  bool read_in(BlockId block, StepIndex step) const {
    return LastRead(block) == Offset(step);
  }
  // -1 before the first read.
  StepIndex last_read(BlockId block) const {
    return StepIndex(ever_read(block) ? base_ + LastRead(block) : -1);
  }

  // Of the counts that are kept; 0: none are, and the following is not known.
  double decay() const { return decay_; }
  // Decayed count as of the last read; 0 before the first.
  double count_at_last_read(BlockId block) const {
    return count_[block.value()];
  }
  // A rank that orders blocks by decayed count at any later time alike:
  // log2(c(last read)) + last read * log2(1 / decay). -infinity before the
  // first read. Comparing logarithms of c(t) drops the common factor decay^t,
  // so ranks stay valid as time goes on and stay finite.
  double LogCount(BlockId block) const;

  // Counts from now on, as if the last read of each block had been its only
  // one; those kept already are taken as they are. 0 < decay < 1.
  void KeepCounts(double decay);
  // What counts of reads before now are, where more is known. REQUIRES:
  // they are kept, and ever_read(block); count >= 1.
  void SetCount(BlockId block, double count) { count_[block.value()] = count; }
  void DropCounts();

  // Steps from `base` on are told apart, kMostSteps of them. REQUIRES: nothing
  // read yet.
  void SetBase(StepIndex base) { base_ = base.value(); }
  // Steps from the base on that can be told apart.
  static constexpr int64_t kMostSteps = (int64_t{1} << 32) - (1 << 16) - 1;

 private:
  static constexpr uint32_t kNever = UINT32_MAX;
  // In place of a step: the block is in the set of group 0, 1 ...
  static constexpr uint32_t kFirstSet = kMostSteps;

  uint32_t Offset(StepIndex step) const {
    return static_cast<uint32_t>(step.value() - base_);
  }
  // kNever before the first.
  uint32_t LastRead(BlockId block) const {
    const uint32_t last = last_read_[block.value()];
    return in_set(block) ? set_steps_[last - kFirstSet] : last;
  }
  void Count(BlockId block, uint32_t now);

  double decay_ = 0;
  double log_growth_ = 0;
  std::array<double, 256> powers_ = {};
  int64_t base_ = 0;
  std::vector<uint32_t> last_read_;
  // By group.
  std::vector<uint32_t> set_steps_;
  std::vector<double> count_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_ACCESS_STATS_H_
