// A device that executes standing orders on recorded phases: what a serving
// worker does, without the GPU.
//
// Semantics, phase by phase (docs/cli.md, "Exact semantics"): blocks that begin
// take the HBM room that was made for them at the end of the phase before;
// reads are served from where the blocks are; then moves take effect.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_REPLAY_EMULATED_DEVICE_H_
#define KVPLACE_SERVER_REPLAY_EMULATED_DEVICE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/core/cost_model.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/plan.h"
#include "server/core/topology.h"

namespace kvplace {

// What a phase brings. Spans must stay valid until EndPhase returns.
struct PhaseInput {
  GroupId group;
  absl::Span<const BlockId> births;
  absl::Span<const BlockId> reads;
  absl::Span<const KvWrite> kv_writes;
  absl::Span<const BlockId> freed;
  // Begin in the next phase, which is one of `next_group`.
  absl::Span<const BlockId> next_births;
  GroupId next_group;
};

// What a phase did; each block at most once per list. Memory is reused.
struct PhaseOutcome {
  std::vector<BlockId> read_hbm;
  // Includes the routed reads: resident blocks read from their DRAM copies.
  std::vector<BlockId> read_dram;
  std::vector<BlockId> promoted;
  std::vector<BlockId> prefetched;
  std::vector<BlockId> evicted;
  std::vector<BlockId> new_hbm;
  std::vector<BlockId> new_dram;
  uint32_t routed_reads = 0;
  // Evictions that nothing needed the room of (StandingOrder::evict_at_least).
  uint32_t pushed_back = 0;
  PhaseTraffic traffic;
  Seconds seconds;

  void Reset();
};

// Moves the best number of the phase's hits, at most `max_share` of them, to
// their DRAM copies: the last of read_hbm. Changes the traffic, not the time.
void RouteReads(const CostModel& cost, Bytes block_bytes, double max_share,
                PhaseOutcome* outcome);

class EmulatedDevice {
 public:
  // REQUIRES: Validate(config) is OK; all groups have blocks of one size.
  explicit EmulatedDevice(const DeviceConfig& config);

  // A block that is there before the first phase. REQUIRES: it fits.
  void Place(BlockId block, Tier tier);

  // Makes a new order the one in force. The device keeps a pointer: the order
  // must not change or die before the next call.
  void SetOrder(const StandingOrder* order);
  // Room for the births of the very first phase, as the order in force says.
  void PrepareBirths(GroupId group, absl::Span<const BlockId> births);

  // Births and reads. Fills new_*, read_* (before routing) of *outcome.
  void BeginPhase(const PhaseInput& phase, PhaseOutcome* outcome);
  // Read routing, moves and ends by the order in force; then the time.
  void EndPhase(const PhaseInput& phase, PhaseOutcome* outcome);

  Tier tier(BlockId block) const { return tier_[block.value()]; }
  Bytes resident() const { return resident_; }
  Bytes capacity() const { return config_.hbm_capacity; }
  // HBM room at the end of a phase after its ends, before its moves.
  Bytes FreeAfterEnds(const PhaseInput& phase) const;

 private:
  // Births that the order in force wants in HBM, ascending.
  void WantedBirths(GroupId group, absl::Span<const BlockId> births,
                    std::vector<BlockId>* wanted) const;
  // Blocks of the phase to promote or prefetch, in order of priority.
  void CollectWishes(const PhaseInput& phase, const PhaseOutcome& outcome);
  void MakeRoom(Bytes needed, PhaseOutcome* outcome);
  bool TryEvict(BlockId block, PhaseOutcome* outcome);
  void BringIn(Bytes reserved, PhaseOutcome* outcome);
  void AccountKvWrites(const PhaseInput& phase, PhaseTraffic* traffic) const;

  const DeviceConfig config_;
  const CostModel cost_;
  const Bytes block_bytes_;
  std::vector<Tier> tier_;
  // Number of the phase that last read the block.
  std::vector<uint32_t> read_in_;
  uint32_t phase_ = 0;
  Bytes resident_;
  // Births of the coming phase that begin in HBM: room was made for them.
  std::vector<BlockId> births_with_room_;

  const StandingOrder* order_ = nullptr;
  bool push_back_due_ = false;
  // With evict_unlisted_first: number of the order whose queue last named the
  // block, and what arrived under this order unnamed.
  std::vector<uint32_t> named_in_;
  uint32_t order_number_ = 0;
  std::vector<BlockId> unlisted_;
  std::vector<BlockId> promotions_;
  std::vector<BlockId> prefetches_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_EMULATED_DEVICE_H_
