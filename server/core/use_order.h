// The blocks in HBM from least to most recently used: by their last read, those
// of one phase in the order of handles, and those that came without being read
// by when they came.
//
// Most blocks of a step were in the step before, too, and stay where they are:
// in the set of what their group read last (ReadSets), which has a place in the
// order as a whole. Only what leaves its set gets a place of its own.
//
// Thread-safety: one thread at a time. Memory: see RecencyList; 12 bytes per
// block that a step reads, and 16 per block that came in the last two steps.
#ifndef KVPLACE_SERVER_CORE_USE_ORDER_H_
#define KVPLACE_SERVER_CORE_USE_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/core/access_stats.h"
#include "server/core/block_table.h"
#include "server/core/ids.h"
#include "server/core/read_sets.h"
#include "server/core/recency_list.h"
#include "server/core/residency.h"

namespace kvplace {

class UseOrder {
 public:
  // What else is known of the device. The order keeps the sets of `stats`.
  struct Device {
    const BlockTable& blocks;
    const Residency& residency;
    AccessStats& stats;
  };

  // REQUIRES: handles < 2^31.
  UseOrder(uint32_t handles, uint32_t groups)
      : sets_(groups), places_(handles), groups_(groups) {}

  void Clear();
  // Nothing is in a set any more: for an order that ends, so that `stats` knows
  // of each block what it knew of its set.
  void Dissolve(const Device& device);

  // To begin with: each block is used more recently than those before it.
  void Start(BlockId block) { places_.Touch(block); }

  // A phase's reads; *in_hbm: how many are there. INVALID_ARGUMENT: they do not
  // ascend. NOT_FOUND: one is not alive in the group; the order must then be
  // cleared.
  absl::Status Hear(const Device& device, GroupId group, StepIndex step,
                    absl::Span<const BlockId> reads, int64_t* in_hbm);
  // The group's phase of the step is over, whether it has read or not. Not to
  // be called where it is not known what it has read.
  void EndPhase(const Device& device, GroupId group, StepIndex step);

  // The block has come into HBM in a phase of `group`, or has left it.
  void Arrive(const Device& device, BlockId block, GroupId group,
              StepIndex step);
  void Remove(const Device& device, BlockId block);
  // It is about to end.
  void End(const Device& device, BlockId block);

  // Appends the first of them, at most `count`.
  void AppendOldest(size_t count, const AccessStats& stats,
                    std::vector<BlockId>* out) const;

  // Housekeeping, when nobody waits.
  void Tidy() { places_.Tidy(); }

 private:
  struct Arrival {
    BlockId block;
    StepIndex step;
  };
  struct Group {
    // Blocks of the set that are in HBM.
    int64_t in_hbm = 0;
    // Whether blocks of the set have ended since.
    bool untidy = false;
    // What came in the group's phases. Maybe some that were read since, have
    // left HBM, or are there twice.
    std::vector<Arrival> arrivals;
    // Of the first.
    uint64_t arrival_time = 0;
  };

  // Into the group's set, and out of it. False: one is not alive in the group.
  bool Enter(const Device& device, GroupId group,
             absl::Span<const BlockId> blocks);
  void Leave(const Device& device, GroupId group,
             absl::Span<const BlockId> blocks);
  void Empty(const Device& device, GroupId group);
  // Blocks that have ended are no longer in the set.
  void TidySet(const AccessStats& stats, GroupId group);
  // What came in phases of the group before `step` and was not read since is as
  // recent as what leaves the group's set next.
  void Settle(const AccessStats& stats, GroupId group, StepIndex step);

  ReadSets sets_;
  // Of blocks that are neither in a set nor new.
  RecencyList places_;
  std::vector<Group> groups_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_USE_ORDER_H_
