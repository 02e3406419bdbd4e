// What the planner tells a device: a standing order, and the plan around it.
//
// Thread-safety: plain values.
#ifndef KVPLACE_SERVER_CORE_PLAN_H_
#define KVPLACE_SERVER_CORE_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/core/ids.h"
#include "server/core/topology.h"

namespace kvplace {

// Why a move is made: the same words in code, wire, metric labels and logs.
enum class MoveReason : uint8_t {
  kMiss,       // promotion of a block that is read from DRAM anyway
  kPrefetch,   // promotion of a block that is not being read
  kCapacity,   // eviction that makes room
  kRebalance,  // eviction that hands reads back to DRAM's bandwidth
};
inline constexpr int kMoveReasons = 4;
absl::string_view Name(MoveReason reason);

// The part of a standing order that belongs to one layer group.
struct GroupOrder {
  // Promote whatever is read from DRAM; otherwise what `promote_if_read` lists,
  // most wanted first: blocks in HBM too, which count once they have left it.
  bool promote_all = false;
  std::vector<BlockId> promote_if_read;
  // Copy in although not read, most wanted first.
  std::vector<BlockId> prefetch;
  // Where blocks that begin while the order stands are put, room permitting.
  Tier new_block_tier = Tier::kDram;
};

// Executed by a device at the end of each phase of a step: promote what was
// read from DRAM and is wanted, prefetch, and evict the shortest prefix of
// `evict_queue` that makes room for both and for the blocks that begin in the
// next phase. Entries not in HBM or read in the phase are passed over.
// What does not fit stays out: prefetches from the end, then promotions from
// the end, then new blocks.
struct StandingOrder {
  // One per group of the device.
  std::vector<GroupOrder> groups;
  // First to go first; no repeats.
  std::vector<BlockId> evict_queue;
  // The queue may also name blocks in DRAM, which count once they are promoted;
  // and blocks promoted or prefetched under this order that it does not name go
  // before it, in order of arrival.
  bool evict_unlisted_first = false;
  // Entries to evict in the first phase of the step even if nothing needs their
  // room.
  uint32_t evict_at_least = 0;
  MoveReason evict_reason = MoveReason::kCapacity;
  // Blocks of the next phase that begin in DRAM whatever their group's tier.
  // Only where decisions see the phase (decision delay 0); never on the wire.
  std::vector<BlockId> new_in_dram;
  // With read routing: the largest share of a phase's hits that may be read
  // from DRAM, 0..1.
  double max_routed_share = 1.0;
  // Entries that were read in the phase are evicted in their turn, not passed
  // over. Only where decisions see the phase's reads (decision delay 0).
  bool may_evict_read = false;

  // Empties the lists and keeps their memory.
  void Reset(size_t group_count);
};

// An order with its terms. A device applies it in steps basis < s <=
// valid_until.
struct Plan {
  PlanId id;
  StepIndex basis{-1};
  StepIndex valid_until{-1};
  StandingOrder order;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_PLAN_H_
