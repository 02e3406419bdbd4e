// What each layer group read in its last phase, and what changed since the one
// before.
//
// From step to step a group reads mostly the same blocks. What is known of each
// block need not be touched while it stays in its group's set: only those that
// enter or leave are looked at, the others are compared eight at a time.
//
// Thread-safety: one thread at a time. Memory: 4 bytes per block of a set; no
// allocation once sets as large were heard.
#ifndef KVPLACE_SERVER_CORE_READ_SETS_H_
#define KVPLACE_SERVER_CORE_READ_SETS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/core/ids.h"

namespace kvplace {

class ReadSets {
 public:
  explicit ReadSets(uint32_t groups) : sets_(groups) {}

  void Clear();

  // Ascending.
  absl::Span<const BlockId> set(GroupId group) const {
    return sets_[group.value()].blocks;
  }
  // When the group was heard last, and the time of what happens now, after all
  // that was before.
  uint64_t time(GroupId group) const { return sets_[group.value()].time; }
  uint64_t Now() { return now_++; }

  // Ascending both; they hold until the next call.
  struct Changes {
    absl::Span<const BlockId> entered;
    absl::Span<const BlockId> left;
  };
  // The phase's reads become the group's set. False, and nothing has changed:
  // they do not ascend.
  bool Hear(GroupId group, absl::Span<const BlockId> reads, Changes* changes);
  // They are added to it: for a second phase in a step.
  bool HearMore(GroupId group, absl::Span<const BlockId> reads,
                Changes* changes);

  // Leaves out of the group's set those of which stays(block) is false.
  template <typename Stays>
  void Filter(GroupId group, Stays stays) {
    std::erase_if(sets_[group.value()].blocks,
                  [&stays](BlockId block) { return !stays(block); });
  }

 private:
  struct Set {
    std::vector<BlockId> blocks;
    uint64_t time = 0;
  };

  // Fills entered_ and left_. False: the reads do not ascend.
  bool Compare(absl::Span<const BlockId> before,
               absl::Span<const BlockId> reads);

  std::vector<Set> sets_;
  uint64_t now_ = 0;
  // What Compare found: the first entered_count_ and left_count_ of them.
  std::vector<BlockId> entered_;
  std::vector<BlockId> left_;
  size_t entered_count_ = 0;
  size_t left_count_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_READ_SETS_H_
