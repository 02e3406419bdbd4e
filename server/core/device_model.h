// The scheduler's picture of one device: which blocks are alive, where they
// are, how they were read, and in which order they would be given up.
//
// It is fed phase by phase, by whoever knows: a live session (from the worker's
// reports) or a simulation (from its emulated device). Within a phase the order
// of events is: births, reads, moves, ends. It never guesses: an event that
// does not fit is an error, after which the picture must be cleared and rebuilt
// from an inventory.
//
// Thread-safety: one thread at a time. Memory: at most 57 bytes per handle (35
// with an order of use, and 12 per block that a step reads), and about 60 per
// live sequence and 16 per (live sequence, group).
#ifndef KVPLACE_SERVER_CORE_DEVICE_MODEL_H_
#define KVPLACE_SERVER_CORE_DEVICE_MODEL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/core/access_stats.h"
#include "server/core/block_table.h"
#include "server/core/cost_model.h"
#include "server/core/ids.h"
#include "server/core/rank_heap.h"
#include "server/core/residency.h"
#include "server/core/topology.h"
#include "server/core/use_order.h"
#include "server/core/value/block_ranking.h"

namespace kvplace {

class Policy;

// New tokens' KV written into one block of the phase's group, at most a page's.
struct KvWrite {
  BlockId block;
  uint32_t tokens = 0;
};

// What happened in one phase. The spans are only looked at during the call.
struct PhaseUpdate {
  GroupId group;
  // Blocks that begin, all of `group`, each with the tier it begins in.
  absl::Span<const BlockRange> births;
  // Distinct live blocks of `group`, ascending.
  absl::Span<const BlockId> reads;
  // Empty, or the reads as EncodeAscending (block_codec.h) writes them.
  absl::string_view encoded_reads;
  // Empty, or one mass byte per read.
  absl::Span<const uint8_t> read_masses;
  // Blocks scored but not read, and their mass bytes.
  absl::Span<const BlockId> near_misses;
  absl::Span<const uint8_t> near_miss_masses;
  absl::Span<const KvWrite> kv_writes;
  // Blocks of any group that the policy ranks anew although nothing happens to
  // them; those not alive are passed over. REQUIRES: empty, or its index is
  // VictimIndex::kRank*.
  absl::Span<const BlockId> reranked;
  // Resident blocks that were read from their DRAM copies.
  uint32_t routed_reads = 0;
  // Moves at the end of the phase, of blocks of any group.
  absl::Span<const BlockId> evicted;
  absl::Span<const BlockId> promoted;
  absl::Span<const BlockId> prefetched;
  // Blocks that end with the phase.
  absl::Span<const BlockId> freed;
};

// What phases cost, summed.
struct StepAccount {
  PhaseTraffic traffic;
  Seconds seconds;
  Seconds roofline;
  uint64_t blocks_read = 0;

  StepAccount& operator+=(const StepAccount& o);
};

// How much of a step is taken in.
enum class StepDetail {
  kAll,
  // Where blocks are: births, moves, ends. What was read is not heard, as of a
  // step that a worker left out: phases come without reads. A ranking
  // (VictimIndex::kValue) is not made anew, and plans are those of the last
  // step that was taken in whole, as far as they still hold; no block may end,
  // for its lists name handles.
  kLedger,
};

class DeviceModel {
 public:
  // REQUIRES: Validate(config) is OK; `policy` outlives the model or its
  // replacement. Plans are for the step `plan_lead` steps after the last one
  // heard; >= 1.
  DeviceModel(DeviceConfig config, const Policy* policy,
              uint32_t plan_lead = 1);

  // Forgets every block; keeps the configuration and the policy.
  void Clear();
  // Changes the order of victims to what `policy` wants: O(live blocks).
  void SetPolicy(const Policy* policy);

  // One range of the inventory. Errors as of BlockTable::Add, and
  // RESOURCE_EXHAUSTED if it does not fit into HBM.
  absl::Status AddInventory(const BlockRange& range);
  // The inventory is complete; `next_step` is the first step to come. Blocks
  // never read are ordered as if read in order of page, page 0 last of all:
  // newest pages and attention sinks are what is read next.
  void FinishInventory(StepIndex next_step);

  // REQUIRES: steps rise. INVALID_ARGUMENT: they do not, or too far.
  absl::Status BeginStep(StepIndex step, StepDetail detail = StepDetail::kAll);
  // Births and reads of a phase, then its moves and ends; `account` may be null
  // and is added to. NOT_FOUND: a block is not alive (in that group).
  // ALREADY_EXISTS: it is. FAILED_PRECONDITION, RESOURCE_EXHAUSTED: the ledger
  // cannot follow. INVALID_ARGUMENT: out of range.
  absl::Status BeginPhase(const PhaseUpdate& phase, PhaseTraffic* traffic);
  absl::Status EndPhase(const PhaseUpdate& phase, PhaseTraffic* traffic);
  // Both, and the time it took.
  absl::Status ApplyPhase(const PhaseUpdate& phase, StepAccount* account);
  // The totals of a step that was taken in whole, or is the first, become
  // `finished_step()`.
  void EndStep(const StepAccount& account);

  const DeviceConfig& config() const { return config_; }
  const BlockTable& blocks() const { return blocks_; }
  const AccessStats& stats() const { return stats_; }
  const Residency& residency() const { return residency_; }
  Residency& mutable_residency() { return residency_; }
  // Of these, the ones that the policy's traits ask for (see policy.h).
  struct Orders {
    // Blocks in HBM.
    std::optional<UseOrder> recency;
    std::optional<RankHeap> ranks;
    // Blocks in DRAM that were ever read (or all, as the traits say), by rank
    // negated: the highest first.
    std::optional<RankHeap> outsiders;
    // All blocks.
    std::optional<BlockRanking> ranking;
  };
  const Orders& orders() const { return orders_; }

  // Background work that the policy's index asks for: to be called once after
  // each step's plan has gone out, when nobody waits. BeginStep does what was
  // left out, before a step that is taken in whole.
  void Refresh();

  // Step begun last; before the first the one before Hello's next step.
  StepIndex step() const { return step_; }
  // Totals of the last step that was taken in whole, or of the first; none
  // before that.
  const std::optional<StepAccount>& finished_step() const { return finished_; }
  // Length of the longest eviction queue that is of use in one plan.
  size_t EvictionBound() const;

 private:
  Bytes bytes_of(BlockId block) const {
    return config_.block_bytes(blocks_.group(block));
  }
  // Puts the block, which is in HBM, where it belongs in the order of victims,
  // in a phase of `group`.
  void AddToIndex(BlockId block, GroupId group);
  // The same for a block in DRAM.
  void AddToOutsiders(BlockId block);
  // It has left HBM.
  void RemoveFromIndex(BlockId block);
  UseOrder::Device device() { return {blocks_, residency_, stats_}; }
  void Rerank(absl::Span<const BlockId> blocks);
  void RebuildIndex();
  void RebuildRanking();
  // Counts of reads from now on, or none (0).
  void SetCounting(double decay);
  // The phase's reads and near misses; *hits: how many of the reads were in
  // HBM. Errors where one of them is not a block that may be.
  absl::Status HearReads(const PhaseUpdate& phase, int64_t* hits);
  // What of the phase's reads is wrong.
  absl::Status CheckEach(const PhaseUpdate& phase) const;
  void HearPhase(const PhaseUpdate& phase, int64_t hits);
  // The ranking there is, if it is to hear of the step; or null.
  BlockRanking* listening_ranking() {
    return orders_.ranking && detail_ == StepDetail::kAll ? &*orders_.ranking
                                                          : nullptr;
  }
  // A move that has been made.
  void RankMoved(BlockId block);
  uint32_t Offset(StepIndex step) const {
    return static_cast<uint32_t>(step.value() - base_.value());
  }
  uint32_t PartitionOf(BlockId block) const;
  absl::Status CheckAlive(BlockId block) const;
  absl::Status CheckAliveIn(BlockId block, GroupId group) const;
  absl::Status AccountKvWrites(const PhaseUpdate& phase,
                               PhaseTraffic* traffic) const;

  const DeviceConfig config_;
  const CostModel cost_;
  BlockTable blocks_;
  Residency residency_;
  AccessStats stats_;
  const uint32_t plan_lead_;
  const Policy* policy_;
  Orders orders_;
  // Of the offsets that it counts steps by.
  StepIndex base_{0};
  bool refresh_due_ = false;
  // Of the step begun last.
  StepDetail detail_ = StepDetail::kAll;
  // Scratch: of a phase's reads.
  std::vector<uint8_t> in_hbm_;

  StepIndex step_{-1};
  std::optional<StepAccount> finished_;
  uint64_t evictions_in_step_ = 0;
  // In one step lately: a maximum that decays by 1/64 per step.
  double recent_evictions_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_DEVICE_MODEL_H_
