// The blocks of a device in the order of what they are worth in HBM:
//
//   value = P(read in the next step) * price of the block's group
//
// and, in the shadow of that order, whom to evict first and what to promote
// when it is next read. Rankings are made in the background (Refresh): what the
// step read or evicted is scored anew and others in turn, eight for each read,
// and the lowest are listed. At the end of a step the first of a ranking, and
// what the step read and moved, are scored once more (a shortlist); a plan
// takes the shortlist first, then the ranking without what has been read or
// moved since.
//
// Thread-safety: one thread at a time. Memory: 18 bytes per handle, 8 per block
// that a plan may name or that a step reads, and what ValueModel and
// ShadowDirectories say.
#ifndef KVPLACE_SERVER_CORE_VALUE_BLOCK_RANKING_H_
#define KVPLACE_SERVER_CORE_VALUE_BLOCK_RANKING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include "absl/types/span.h"
#include "server/core/block_table.h"
#include "server/core/ids.h"
#include "server/core/residency.h"
#include "server/core/topology.h"
#include "server/core/units.h"
#include "server/core/value/attention_margins.h"
#include "server/core/value/block_history.h"
#include "server/core/value/group_prices.h"
#include "server/core/value/key_index.h"
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
  // `device` outlives the ranking. Plans are for the step `lead` steps after
  // the last one heard; >= 1.
  BlockRanking(const DeviceConfig& device, const RankingOptions& options,
               uint32_t lead = 1);

  void Clear();
  void SetOptions(const RankingOptions& options) { options_ = options; }

  // What is known before the first step: blocks that are in HBM.
  void Start(const BlockTable& blocks, const Residency& residency);

  // Events of step `step` (an offset, see BlockHistory).
  // Reads (distinct blocks of `group`) and near misses of a phase; in_hbm[i]
  // says where reads[i] was.
  void OnReads(const BlockTable& blocks, GroupId group, uint32_t step,
               const PhaseAttention& phase, absl::Span<const uint8_t> in_hbm);
  // A phase without its moves and read routing.
  void OnPhase(GroupId group, Seconds hbm, Seconds dram);
  // Into HBM or out of it, as `residency` has it already. No step: one of which
  // nothing else is told.
  void OnMove(BlockId block, std::optional<uint32_t> step,
              const BlockTable& blocks, const Residency& residency) {
    if (!step) return ScoreBlock(block, blocks, residency);
    events_.Hear(*step);
    if (residency.tier(block) == Tier::kDram) {
      events_.evicted.push_back(block);
      return;
    }
    // It may have been evicted in this step, and be again.
    if (history_.last_read(block) != *step) events_.may_repeat = true;
    if (shadows_.sampled(block)) shadows_.OnPromoted(blocks.group(block));
  }
  void OnBirth(const BlockRange& range);
  void OnEnd(BlockId block) {
    // Its handle may be read again in the same step.
    events_.may_repeat = true;
    history_.Forget(block);
    keys_.Set(block, Tier::kNone, 0);
    if (shadows_.sampled(block)) shadows_.OnEnd(block);
  }
  // Makes the shortlist: O(blocks read and evicted in the step).
  void EndStep(uint32_t step, const BlockTable& blocks,
               const Residency& residency);

  // Learns from the step heard and makes a new ranking, for queues of at most
  // `longest_queue`. To be called once per step, when nobody waits. False: all
  // blocks of a large device need a new key, and not all have it yet; the
  // ranking in force stays.
  bool Refresh(const BlockTable& blocks, const Residency& residency,
               size_t longest_queue);

  // Whom the order follows (see ShadowDirectories).
  Leader leader() const { return leader_; }

  // Appends up to `count` blocks in HBM, least worth first, each once. As many
  // as a step evicts come in the order in which the step runs their groups:
  // each has had its chance of being read when it goes. What a step does not
  // need is for blocks that begin: none that is worth more than they. Of what
  // was read since the ranking only what the shortlist names, or else what
  // there is little without.
  void AppendVictims(const Residency& residency, size_t count,
                     std::vector<BlockId>* queue) const;
  // Keys are log2(value) in 1/1024 octaves (or the leader's own order, in which
  // what is not read keeps its key).
  // What a block must be worth when read to be promoted: more than those it
  // would displace, and than the promotion. `free`: HBM has room anyway.
  int32_t Threshold(GroupId group, bool free) const {
    return free ? ThresholdOver(kLeastKey, group) : thresholds_[group.value()];
  }
  // Nearly all that the group has missed of late would have been worth it.
  bool AdmitsAll(GroupId group) const {
    const Missed& missed = missed_[group.value()];
    return leader_ != Leader::kStatic &&
           missed.wanted >= kNearlyAll * missed.all;
  }
  // Blocks of other groups that are worth it when read, each once: those in
  // DRAM that the last step missed or evicted; those in DRAM as of the ranking,
  // first the most likely to be read and worth most; and where steps go by
  // unheard, those of `queue` (made by AppendVictims), which may have left HBM
  // by then. As many as are of use, until visit(block, group) returns false.
  template <typename Visit>
  void VisitWanted(const BlockTable& blocks, const Residency& residency,
                   const std::vector<BlockId>& queue, Visit visit) const;
  int32_t KeyIfRead(BlockId block, GroupId group) const;

  // As of now, for whoever explains a decision.
  double ReadProbability(BlockId block, GroupId group) const;
  int32_t Key(BlockId block, GroupId group) const;
  const GroupPrices& prices() const { return prices_; }
  const BlockHistory& history() const { return history_; }

 private:
  struct Sample {
    BlockId block;
    GroupId group;
    ValueFeatures features;
  };

  static constexpr int32_t kLeastKey = std::numeric_limits<int16_t>::min();
  // A group that would promote so large a share of what it misses promotes all.
  static constexpr float kNearlyAll = 0.95f;

  // A read without its attention.
  void OnRead(BlockId block, GroupId group, uint32_t step, bool in_hbm) {
    events_.Hear(step);
    events_.groups_read[group.value()] = true;
    if (history_.OnRead(block, step)) {
      (in_hbm ? events_.hits : events_.misses).push_back(block);
    }
    if (shadows_.sampled(block)) shadows_.OnRead(block, group, in_hbm);
  }
  static constexpr int32_t kKeysPerOctave = 1024;
  static int32_t KeyOfLog2(double log2);
  // Of a block of the group with this logarithm of its probability.
  int32_t KeyOfLog(float log_probability, GroupId group) const {
    return static_cast<int32_t>(log_probability * kKeysPerOctave) +
           price_keys_[group.value()];
  }
  int32_t KeyOf(const ValueFeatures& features, GroupId group) const;
  // Of a block that was read last in `read`, with such a count then.
  int32_t LruKey(uint32_t read) const;
  int32_t LfuKey(int count, uint32_t read) const;
  bool ReadSinceRanking(BlockId block) const {
    return ReadSince(block, ranked_until_);
  }
  bool ReadSince(BlockId block, uint32_t step) const {
    const uint32_t last = history_.last_read(block);
    return last != BlockHistory::kNever && last >= step;
  }
  void LearnAndSample(const BlockTable& blocks);
  void SetPriceKeys();
  // Takes up the order of the rule that does best.
  void FollowLeader();
  // The parts of a ranking: the next slice; blocks first .. first + count - 1,
  // within a batch of features; single blocks; and the lists.
  void ScoreSlice(const BlockTable& blocks, const Residency& residency);
  void ScoreBatch(uint32_t first, uint32_t count, const BlockTable& blocks,
                  const Residency& residency);
  void ScoreRun(uint32_t first, uint32_t count, GroupId group,
                const FeatureColumns& columns, const Residency& residency);
  void ScoreBlock(BlockId block, const BlockTable& blocks,
                  const Residency& residency);
  // visit(block, group, Key(block, group)) for those that are alive, scored a
  // batch at a time.
  template <typename Visit>
  void VisitKeys(absl::Span<const BlockId> list, const BlockTable& blocks,
                 Visit visit) const;
  void ScoreBlocks(absl::Span<const BlockId> list, const BlockTable& blocks,
                   const Residency& residency);
  bool FollowsValues() const {
    return leader_ == Leader::kValues || leader_ == Leader::kStatic;
  }
  void ListLowest(const BlockTable& blocks, size_t longest_queue);
  // The parts of a shortlist.
  void ShortlistVictims(const BlockTable& blocks, const Residency& residency);
  // Of blocks that the step read, those in HBM.
  void ShortlistReads(absl::Span<const BlockId> reads, const BlockTable& blocks,
                      const Residency& residency);
  // Counts what was missed and what of it was worth it as well.
  void ShortlistWanted(const BlockTable& blocks, const Residency& residency);
  // At most kFeatureBatch of the step's misses.
  void ShortlistMissed(absl::Span<const BlockId> missed,
                       const BlockTable& blocks, const Residency& residency,
                       std::vector<size_t>* missed_now);
  // Of what each group has missed just now.
  void AdmitSurprises(const std::vector<size_t>& missed_now);
  bool WorthIt(BlockId block, GroupId group) const {
    return KeyIfRead(block, group) >= Threshold(group, false);
  }
  // Of the steps before the one that a plan is for, not all are heard of.
  bool Blind() const { return lead_ > 1 || elapsed_ > 1; }
  // The part of a queue beyond what steps evict, up to `most` blocks in all.
  void AppendTail(const Residency& residency,
                  absl::Span<const RankedBlock> victims, size_t most,
                  std::vector<BlockId>* queue) const;
  // Those that are stay, and new blocks begin in DRAM.
  bool WorthMoreThanNew(const RankedBlock& r) const {
    return leader_ == Leader::kValues && r.key > new_key_;
  }
  // Sets new_key_, by what began and was read in the step.
  void WorthOfNew(const BlockTable& blocks);
  // Which block of the victims, from the least one on, a promotion is taken to
  // displace: of a block that was scored with the last step, and of one that
  // the ranking lists, which may wait for its read for some steps.
  size_t Displaced() const;
  size_t DisplacedByListed() const;
  // Of the ranking, how many blocks a shortlist covers.
  size_t Covered() const;
  // How many blocks to be promoted an order names. No more, however long its
  // queue: the tail is for a change of topic, which promotes what nobody could
  // list.
  size_t MostWanted() const;
  // Nearly: keys closer than the steps of the sort are in the order of blocks.
  void SortByKey(const std::vector<RankedBlock>& in,
                 std::vector<RankedBlock>* out);
  void OrderByGroup(const BlockTable& blocks);
  // The threshold where a promotion displaces a block with this key.
  int32_t ThresholdOver(int32_t displaced, GroupId group) const;
  void SetThresholds(int32_t displaced, std::vector<int32_t>* thresholds) const;

  const DeviceConfig& device_;
  const uint32_t lead_;
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
  // Steps from the last but one that was heard to the last one.
  uint32_t elapsed_ = 1;
  // Between two steps that are heard.
  double evictions_ = 0;
  // Reads of a step, smoothed; the most blocks that began in a recent one, and
  // those of this one; and what a block is worth that begins.
  double reads_ = 0;
  double births_ = 0;
  uint32_t births_now_ = 0;
  int32_t new_key_ = KeyIndex::kMostKey;
  std::vector<int32_t> price_keys_;
  // Taken in each of the last lead_ steps, oldest first.
  std::vector<std::vector<Sample>> samples_;
  std::minstd_rand random_;
  AttentionMargins margins_;

  // Of blocks in HBM, and of those in DRAM that may be listed, each as of when
  // it was last scored.
  KeyIndex keys_;
  // The handle that the next slice begins with, and how many are left with keys
  // of another leader.
  uint32_t cursor_ = 0;
  uint32_t unscored_;
  // Step from which leaders count.
  uint32_t epoch_ = 0;
  // By group, whether its blocks in DRAM may be listed.
  std::vector<uint8_t> lists_wanted_;
  std::vector<int32_t> list_thresholds_;

  // The ranking in force.
  // First step that it did not hear of.
  uint32_t ranked_until_ = 0;
  std::vector<RankedBlock> victims_;
  std::vector<RankedBlock> wanted_;

  // What happened in a step.
  struct Events {
    uint32_t step = 0;
    // Read from HBM, read from DRAM.
    std::vector<BlockId> hits;
    std::vector<BlockId> misses;
    std::vector<BlockId> evicted;
    // By group, whether it read anything.
    std::vector<bool> groups_read;
    bool may_repeat = false;

    // Begins the step if it is another.
    void Hear(uint32_t now) {
      if (now != step) Begin(now);
    }
    void Begin(uint32_t now);
    // Reads of blocks that the step has not read before.
    void Add(absl::Span<const BlockId> reads, absl::Span<const uint8_t> in_hbm);
    // Then no block is in a list twice, or both a hit and a miss.
    void RemoveRepeats();
  };
  Events events_;

  // The shortlist. First step that it did not hear of.
  uint32_t listed_until_ = 0;
  std::vector<RankedBlock> short_victims_;
  // How many of the ranking's victims it covers.
  size_t covered_victims_ = 0;
  bool covers_reads_ = false;
  std::vector<int32_t> thresholds_;
  std::vector<BlockId> short_wanted_;
  // By group, what it missed, decayed.
  struct Missed {
    float all = 0;
    float wanted = 0;
  };
  std::vector<Missed> missed_;
  // Scratch.
  std::vector<RankedBlock> sorted_;
  std::vector<RankedBlock> next_wanted_;
  std::vector<size_t> ends_;
};

template <typename Visit>
void BlockRanking::VisitWanted(const BlockTable& blocks,
                               const Residency& residency,
                               const std::vector<BlockId>& queue,
                               Visit visit) const {
  size_t left = MostWanted();
  const auto offer = [&](BlockId block) {
    if (residency.tier(block) != Tier::kDram) return true;
    const GroupId group = blocks.group(block);
    return AdmitsAll(group) || (visit(block, group) && --left > 0);
  };
  for (const BlockId block : short_wanted_) {
    if (!offer(block)) return;
  }
  for (const RankedBlock& ranked : wanted_) {
    // Of the others the shortlist knows more.
    if (!ReadSinceRanking(ranked.block) && !offer(ranked.block)) return;
  }
  if (!Blind()) return;
  for (const BlockId block :
       absl::MakeConstSpan(queue).first(std::min(queue.size(), Covered()))) {
    const GroupId group = blocks.group(block);
    if (AdmitsAll(group) || !WorthIt(block, group)) continue;
    if (!visit(block, group) || --left == 0) return;
  }
}

template <typename Visit>
void BlockRanking::VisitKeys(absl::Span<const BlockId> list,
                             const BlockTable& blocks, Visit visit) const {
  FeatureColumns columns;
  std::array<float, kFeatureBatch> logs;
  for (size_t i = 0; i < list.size(); i += kFeatureBatch) {
    const auto batch = list.subspan(i, kFeatureBatch);
    if (FollowsValues()) history_.ColumnsAt(batch, now_, &columns);
    ForEachRun(blocks, batch, [&](size_t first, size_t count, GroupId group) {
      if (FollowsValues()) {
        model_.LogProbabilities(group, columns, first, count, &logs);
      }
      for (size_t k = first; k < first + count; ++k) {
        visit(
            batch[k], group,
            FollowsValues() ? KeyOfLog(logs[k], group) : Key(batch[k], group));
      }
    });
  }
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_BLOCK_RANKING_H_
