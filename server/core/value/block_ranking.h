// The blocks of a device in the order of what they are worth in HBM:
//
//   value = P(read in the next step) * price of the block's group
//
// and, in the shadow of that order, whom to evict first and what to promote
// when it is next read. Rankings are made in the background (Refresh), from
// what was heard until then; a plan takes them and leaves out what has been
// read or moved since.
//
// Thread-safety: one thread at a time. Memory: 18 bytes per handle, 8 per block
// that a plan may name, and what ValueModel and ShadowDirectories say.
#ifndef KVPLACE_SERVER_CORE_VALUE_BLOCK_RANKING_H_
#define KVPLACE_SERVER_CORE_VALUE_BLOCK_RANKING_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "absl/types/span.h"
#include "server/core/block_table.h"
#include "server/core/ids.h"
#include "server/core/residency.h"
#include "server/core/topology.h"
#include "server/core/units.h"
#include "server/core/value/block_history.h"
#include "server/core/value/group_prices.h"
#include "server/core/value/shadow_directories.h"
#include "server/core/value/value_model.h"

namespace kvplace {

// Each is described, with its range, in docs/policy.md.
struct RankingOptions {
  double hysteresis = 0.1;
  double expected_reads = 5;
  double price_smoothing = 0.05;
  double memory_steps = 200;
  bool learn = true;
  bool guard = true;
};

class BlockRanking {
 public:
  // `device` outlives the ranking.
  BlockRanking(const DeviceConfig& device, const RankingOptions& options);

  void Clear();
  void SetOptions(const RankingOptions& options) { options_ = options; }

  // What is known before the first step: blocks that are in HBM.
  void Start(const BlockTable& blocks, const Residency& residency);

  // Events of step `step` (an offset, see BlockHistory).
  void OnRead(BlockId block, GroupId group, uint32_t step, bool in_hbm) {
    history_.OnRead(block, step);
    if (!in_hbm) {
      if (step != missed_step_) missed_.clear();
      missed_step_ = step;
      missed_.push_back(block);
    }
    if (shadows_.sampled(block)) shadows_.OnRead(block, group, in_hbm);
  }
  // Attention of the phase's reads and near misses, each with a mass byte
  // (1/16 octaves) or without: lists of masses are full or empty.
  void OnMasses(const BlockTable& blocks, uint32_t step,
                absl::Span<const BlockId> reads,
                absl::Span<const uint8_t> read_masses,
                absl::Span<const BlockId> near_misses,
                absl::Span<const uint8_t> near_miss_masses);
  // A phase without its moves and read routing.
  void OnPhase(GroupId group, Seconds hbm, Seconds dram);
  void OnPromoted(BlockId block, GroupId group) {
    if (shadows_.sampled(block)) shadows_.OnPromoted(group);
  }
  void OnEnd(BlockId block) {
    // Its handle may be missed again in the same step.
    if (history_.last_read(block) == missed_step_) missed_ended_ = true;
    history_.Forget(block);
    if (shadows_.sampled(block)) shadows_.OnEnd(block);
  }
  void EndStep(uint32_t step, uint64_t evictions);

  // Learns from the steps heard and goes on with the ranking; at most
  // kSlice visits of blocks for a small device, an eighth of a large one's. To
  // be called once per step, when nobody waits. True: a new ranking is in
  // force.
  bool Refresh(const BlockTable& blocks, const Residency& residency,
               size_t longest_queue);

  // Whom the order follows (see ShadowDirectories).
  Leader leader() const { return leader_; }

  // Appends up to `count` blocks in HBM, least worth first, without those read
  // since the ranking. As many as a step evicts come in the order in which the
  // step runs their groups: each has had its chance of being read when it goes.
  void AppendVictims(const BlockTable& blocks, const Residency& residency,
                     size_t count, std::vector<BlockId>* queue) const;
  // Keys are log2(value) in 1/1024 octaves (or the leader's own order).
  // What a block must be worth when read to be promoted: more than those it
  // would displace, and than the promotion. `free`: HBM has room anyway.
  int32_t Threshold(GroupId group, bool free) const;
  // Nearly all blocks of the group in DRAM would be worth it.
  bool AdmitsAll(GroupId group) const { return admits_all_[group.value()]; }
  // Blocks of other groups in DRAM that would, each once: first those that were
  // missed in the last step, if the ranking has not heard of it; then as of the
  // ranking, best first.
  template <typename Visit>
  void VisitWanted(const BlockTable& blocks, Visit visit) const;
  int32_t KeyIfRead(BlockId block, GroupId group) const;

  // As of now, for whoever explains a decision.
  double ReadProbability(BlockId block, GroupId group) const;
  int32_t Key(BlockId block, GroupId group) const;
  const GroupPrices& prices() const { return prices_; }
  const BlockHistory& history() const { return history_; }

 private:
  struct Ranked {
    int32_t key;
    BlockId block;

    friend bool operator<(const Ranked& a, const Ranked& b) {
      return a.key != b.key ? a.key < b.key : a.block < b.block;
    }
  };
  struct Sample {
    BlockId block;
    GroupId group;
    ValueFeatures features;
  };

  static constexpr uint32_t kSlice = 131072;

  int32_t KeyOf(const ValueFeatures& features, GroupId group) const;
  bool ReadSinceRanking(BlockId block) const {
    const uint32_t last = history_.last_read(block);
    return last != BlockHistory::kNever && last >= ranked_until_;
  }
  void LearnAndSample(const BlockTable& blocks);
  void SetPriceKeys();
  // The two passes of a ranking: keys of all blocks, then the lists.
  void ScoreBlock(uint32_t handle, const BlockTable& blocks, Tier tier);
  void ListBlock(uint32_t handle, const BlockTable& blocks, Tier tier);
  void FindCut();
  void FinishRanking();
  // Leaves the `most` lowest, in no order.
  static void KeepLowest(size_t most, std::vector<Ranked>* list);

  const DeviceConfig& device_;
  RankingOptions options_;
  BlockHistory history_;
  ValueModel model_;
  GroupPrices prices_;
  ShadowDirectories shadows_;
  Leader leader_ = Leader::kValues;

  uint32_t now_ = 0;
  // First step to come.
  uint32_t until_ = 0;
  bool heard_ = false;
  double evictions_ = 0;
  std::vector<int32_t> price_keys_;
  std::vector<Sample> samples_;
  std::minstd_rand random_;
  // Best mass that was not selected, by sequence slot, and the phase it is of.
  struct Selection {
    uint64_t phase = 0;
    int best = 0;
  };
  std::vector<Selection> selections_;
  uint64_t phase_ = 0;

  // The ranking in the making.
  uint64_t cursor_ = 0;
  std::vector<int16_t> keys_;
  std::vector<uint32_t> histogram_;
  int32_t cut_ = 0;
  size_t wanted_victims_ = 0;
  uint32_t ranking_until_ = 0;
  std::vector<Ranked> next_victims_;
  std::vector<Ranked> next_wanted_;

  // By group, of blocks in DRAM.
  struct Outsiders {
    uint32_t all = 0;
    uint32_t wanted = 0;
  };
  std::vector<Outsiders> outsiders_;

  // The ranking in force.
  // First step that it did not hear of.
  uint32_t ranked_until_ = 0;
  std::vector<bool> admits_all_;
  std::vector<Ranked> victims_;
  std::vector<Ranked> wanted_;
  // Read from DRAM in step missed_step_, the last that missed any.
  std::vector<BlockId> missed_;
  uint32_t missed_step_ = 0;
  // A block that was read in it has ended.
  bool missed_ended_ = false;
  // Scratch of AppendVictims.
  mutable std::vector<Ranked> fresh_;
  mutable std::vector<int32_t> fresh_keys_;
  mutable std::vector<size_t> group_ends_;
};

template <typename Visit>
void BlockRanking::VisitWanted(const BlockTable& blocks, Visit visit) const {
  for (const BlockId block : missed_) {
    // What the ranking has heard of is in its list.
    if (!blocks.alive(block) || !ReadSinceRanking(block)) continue;
    const GroupId group = blocks.group(block);
    if (AdmitsAll(group) || KeyIfRead(block, group) < Threshold(group, false)) {
      continue;
    }
    if (!visit(block, group)) return;
  }
  for (const Ranked& ranked : wanted_) {
    // Of these, the ones that were missed have had their turn.
    if (!blocks.alive(ranked.block) || ReadSinceRanking(ranked.block)) continue;
    const GroupId group = blocks.group(ranked.block);
    if (!AdmitsAll(group) && !visit(ranked.block, group)) return;
  }
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_BLOCK_RANKING_H_
