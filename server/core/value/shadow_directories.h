// What simple rules would miss on the same reads: lru, lfu and static, played
// through on a sample of the blocks with as large a share of HBM (after
// Waldspurger et al., FAST 2015: a sample of blocks under a cache scaled down
// alike has the miss ratio of the whole). Nothing but ids and counts.
//
// Thread-safety: one thread at a time. Memory: about 64 bytes per sampled
// block, of which there are at most kMostSampled; the reads of a step.
#ifndef KVPLACE_SERVER_CORE_VALUE_SHADOW_DIRECTORIES_H_
#define KVPLACE_SERVER_CORE_VALUE_SHADOW_DIRECTORIES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/core/ids.h"
#include "server/core/recency_list.h"
#include "server/core/topology.h"
#include "server/core/value/rank_buckets.h"

namespace kvplace {

// Whom a ranking follows: its own values, or a rule that does better.
enum class Leader : uint8_t { kValues, kLru, kLfu, kStatic };
inline constexpr size_t kLeaders = 4;
// "values", "lru", "lfu", "static".
absl::string_view Name(Leader leader);

// One block in every run of 2^shift handles, at a place that differs by run:
// page 0 of sequences is as likely to be in the sample as any other.
struct BlockSample {
  uint32_t shift;

  bool Holds(BlockId block) const {
    const uint32_t run = block.value() >> shift;
    // A multiplicative hash: the top bits of a product.
    const auto place =
        static_cast<uint32_t>((uint64_t{run * 2654435769u} << shift) >> 32);
    return (block.value() & ((1u << shift) - 1)) == place;
  }
  // Of a block that it holds, its index in the sample.
  uint32_t Index(BlockId block) const { return block.value() >> shift; }
  double scale() const { return static_cast<double>(1u << shift); }
};

class ShadowDirectories {
 public:
  static constexpr uint32_t kMostSampled = 16384;

  // `lead`: of plans, see BlockRanking. The rules see each step at once: what
  // late plans lose to that is no reason to follow one, which would be as late.
  explicit ShadowDirectories(const DeviceConfig& device, uint32_t lead = 1);

  void Clear();

  bool sampled(BlockId block) const { return sample_.Holds(block); }

  // Of sampled blocks: what the real device holds as the run begins, reads in
  // their order with where the device had the block, promotions, and ends.
  void Start(BlockId block);
  void OnRead(BlockId block, GroupId group, bool in_hbm) {
    reads_.push_back(Read(sample_.Index(block), in_hbm));
    EndRun(group);
  }
  // Of any blocks of one group: those that are sampled.
  void OnReads(absl::Span<const BlockId> blocks, GroupId group,
               absl::Span<const uint8_t> in_hbm);
  void OnPromoted(GroupId group) { ++promotions_[group.value()]; }
  void OnEnd(BlockId block);

  // Plays the step's reads; then the leader may change.
  void EndStep(uint32_t step);

  Leader leader() const { return leader_; }
  // Seconds per step, smoothed and scaled up to all blocks, if each group's
  // phases were alike; 0 before the first step.
  double seconds(Leader leader) const {
    return seconds_[static_cast<size_t>(leader)];
  }

 private:
  // A block's index in the sample, and whether it was in HBM.
  using PackedRead = uint32_t;
  static PackedRead Read(uint32_t index, bool in_hbm) {
    return index << 1 | static_cast<uint32_t>(in_hbm);
  }
  // Reads of one group up to reads_[end].
  struct Run {
    GroupId group;
    size_t end;
  };
  // What was added to reads_ is of `group`.
  void EndRun(GroupId group) {
    if (runs_.empty() || runs_.back().group != group) {
      runs_.push_back({group, 0});
    }
    runs_.back().end = reads_.size();
  }
  // Sampled blocks per step, smoothed.
  struct Rates {
    double reads = 0;
    std::array<double, kLeaders> misses = {};
    double promotions = 0;
  };

  void Play(PackedRead read, uint32_t step,
            std::array<uint32_t, kLeaders>* misses);
  void DropLowest();
  void Weigh();
  void Choose();
  // How far a rule must be ahead.
  double Ahead(Leader leader) const;
  void Follow(Leader leader);
  // What the device did under the rule that it follows is worse than what it
  // did before.
  bool Disappointed() const;
  void GiveUp();

  const DeviceConfig device_;
  const BlockSample sample_;
  const size_t capacity_;
  const double hbm_, dram_;  // seconds per byte
  // How far ahead a rule must be to be followed that is so without delay.
  const double ahead_;
  const uint32_t lead_;

  RecencyList lru_;
  size_t lru_size_ = 0;
  // By log2 of the count that fades by 0.8 per step, at any common time: in the
  // queue as of a read at which somebody looked, below as of the last, in
  // 1/1024 octaves.
  RankBuckets lfu_;
  std::vector<int64_t> lfu_rank_;
  std::vector<bool> static_;

  std::vector<PackedRead> reads_;
  std::vector<Run> runs_;
  std::vector<uint32_t> promotions_;
  std::vector<Rates> rates_;
  std::vector<uint32_t> reads_now_;
  std::vector<std::array<uint32_t, kLeaders>> misses_now_;
  double weight_ = 0;
  std::array<double, kLeaders> seconds_ = {};
  Leader leader_ = Leader::kValues;
  uint32_t steps_ = 0;
  // Steps from one that is heard to the next, smoothed, and the last one.
  double elapsed_ = 1;
  uint32_t last_step_ = 0;
  // The leader's: since when it is followed, and by how much it was ahead then.
  uint32_t followed_from_ = 0;
  double was_ahead_ = 0;
  // Time of the device over a rule's own when the rule was followed in vain;
  // fades.
  std::array<double, kLeaders> in_vain_ = {};
  // Steps for which the leader stays, when a try is a success, and how long the
  // next leader will stay.
  uint32_t until_ = 0;
  uint32_t success_at_ = 0;
  uint32_t penalty_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_SHADOW_DIRECTORIES_H_
