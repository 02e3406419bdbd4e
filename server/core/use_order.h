// The blocks in HBM from least to most recently used: by their last read, those
// of one phase in the order of handles, and those that came without being read
// by when they came.
//
// Most blocks of a step were in the step before, too, and stay where they are:
// in the set of what their group read last (ReadSets), which has a place in the
// order as a whole. Only what leaves its set gets a place of its own.
//
// Thread-safety: one thread at a time. Memory: see RecencyList; 8 bytes per
// block that came in the last two steps.
#ifndef KVPLACE_SERVER_CORE_USE_ORDER_H_
#define KVPLACE_SERVER_CORE_USE_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/core/access_stats.h"
#include "server/core/ids.h"
#include "server/core/read_sets.h"
#include "server/core/recency_list.h"

namespace kvplace {

class UseOrder {
 public:
  // REQUIRES: handles < 2^31.
  UseOrder(uint32_t handles, uint32_t groups)
      : sets_(groups), places_(handles), arrivals_(groups) {}

  void Clear();

  // To begin with: each block is used more recently than those before it.
  void Start(BlockId block) { places_.Touch(block); }
  // Into HBM, in a phase of `group`, and out of it. Step numbers are of any
  // base and rise. `stats` knows what is in which set.
  void Arrive(BlockId block, GroupId group, uint32_t step,
              const AccessStats& stats);
  void Remove(BlockId block) { places_.Remove(block); }
  // The block is no more. Its set does not have it either.
  void End(BlockId block) {
    places_.Remove(block);
    places_.Release(block);
  }

  // What the groups read last, in HBM or not. Whoever changes it says so by the
  // following.
  ReadSets& sets() { return sets_; }
  // Blocks that enter the set of their group, and leave it.
  void Enter(absl::Span<const BlockId> blocks) {
    for (const BlockId block : blocks) places_.Hold(block);
  }
  void Leave(absl::Span<const BlockId> blocks) {
    for (const BlockId block : blocks) places_.Release(block);
  }
  // What came in phases of the group before `step` and was not read since is as
  // recent as what leaves the group's set next.
  void Settle(GroupId group, uint32_t step, const AccessStats& stats);

  // Appends the first of them, at most `count`.
  void AppendOldest(size_t count, const AccessStats& stats,
                    std::vector<BlockId>* out) const;

  // Housekeeping, when nobody waits.
  void Tidy() { places_.Tidy(); }

 private:
  struct Arrival {
    BlockId block;
    uint32_t step;
  };
  struct Arrivals {
    std::vector<Arrival> blocks;
    // Of the first.
    uint64_t time = 0;
  };

  ReadSets sets_;
  // Of blocks that are neither in a set nor new.
  RecencyList places_;
  // By group of the phase. Maybe some that were read since, have left HBM, or
  // are there twice.
  std::vector<Arrivals> arrivals_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_USE_ORDER_H_
