#include "server/core/value/block_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvplace {
namespace {

// Samples to learn from: per group and step at most, per step at most; beyond
// kFewSamples one for so many reads.
constexpr uint32_t kSamplesPerGroup = 16;
constexpr uint32_t kMostSamples = 4096;
constexpr size_t kFewSamples = 64;
constexpr size_t kReadsPerSample = 4;
// Handles that are looked at for each, where few are alive.
constexpr uint32_t kTriesPerSample = 32;
// Spare victims in a ranking, for those that are read before they are used, as
// a share of the longest queue.
constexpr size_t kSpareShare = 4;
// A group that would promote so large a share of what it misses will go on to
// promote all, so that none of its blocks needs to be listed.
constexpr float kSurelyAll = 0.98f;
// The longest queue that is listed for, or one in 64 handles of a large device:
// bounds the memory of devices that would evict more in a step than they ought
// to.
constexpr size_t kLongestRanking = 4096;
// So many blocks are scored in turn for each that a step reads, for values
// change as fast as steps read; but at least one live block in kMostSlices, and
// at most one in kFewestSlices of a device of more than kLongestSlice. Handles
// that are not in use cost kDeadPerLive times less.
constexpr uint64_t kSlicePerRead = 4;
constexpr uint64_t kMostSlices = 256;
constexpr uint64_t kFewestSlices = 8;
constexpr uint64_t kLongestSlice = 131072;
constexpr int64_t kDeadPerLive = 64;
// Keys of lru per step, so that a scan tells steps apart, and of lfu's keys to
// one of block histories.
constexpr int kLruKey = 15;
constexpr int kLfuKey = 32;
// The key of lru and lfu that stands for the step in which one of them began to
// be followed: halfway.
constexpr int kEpochKey = -16384;

// A block's tier to the index of keys; kNone: it is not to be listed.
Tier ListedTier(Tier tier, bool lists_dram) {
  return tier == Tier::kDram && !lists_dram ? Tier::kNone : tier;
}

}  // namespace

BlockRanking::BlockRanking(const DeviceConfig& device,
                           const RankingOptions& options, uint32_t lead)
    : device_(device),
      lead_(lead),
      options_(options),
      history_(device.handles()),
      model_(device.group_count().value()),
      prices_(device),
      shadows_(device, lead),
      price_keys_(device.groups.size()),
      samples_(lead),
      keys_(device.handles()),
      unscored_(device.handles()),
      lists_wanted_(device.groups.size()),
      list_thresholds_(device.groups.size()),
      thresholds_(device.groups.size(), kLeastKey),
      missed_(device.groups.size()) {
  events_.groups_read.resize(device.groups.size());
  SetPriceKeys();
}

void BlockRanking::Clear() {
  history_.Clear();
  model_.Clear();
  prices_.Clear();
  shadows_.Clear();
  leader_ = Leader::kValues;
  now_ = until_ = 0;
  heard_ = false;
  elapsed_ = 1;
  evictions_ = 0;
  reads_ = 0;
  births_ = 0;
  births_now_ = 0;
  new_key_ = KeyIndex::kMostKey;
  samples_.assign(lead_, {});
  keys_.Clear();
  cursor_ = 0;
  unscored_ = history_.handles();
  epoch_ = 0;
  victims_.clear();
  wanted_.clear();
  events_.Begin(0);
  short_victims_.clear();
  covered_victims_ = 0;
  covers_reads_ = false;
  short_wanted_.clear();
  listed_until_ = 0;
  thresholds_.assign(thresholds_.size(), kLeastKey);
  missed_.assign(missed_.size(), Missed());
  ranked_until_ = 0;
  SetPriceKeys();
}

void BlockRanking::Start(const BlockTable& blocks, const Residency& residency) {
  for (uint32_t h = 0; h < blocks.handles(); ++h) {
    const BlockId block(h);
    if (residency.tier(block) == Tier::kHbm && shadows_.sampled(block)) {
      shadows_.Start(block);
    }
  }
}

void BlockRanking::OnReads(const BlockTable& blocks, GroupId group,
                           uint32_t step, const PhaseAttention& phase,
                           absl::Span<const uint8_t> in_hbm) {
  margins_.Compute(blocks, phase);
  for (size_t i = 0; i < margins_.near_misses().size(); ++i) {
    history_.OnMargin(phase.near_misses[i], step, margins_.near_misses()[i]);
  }
  events_.Hear(step);
  if (events_.groups_read[group.value()]) {
    // One of these may have been read in the step already.
    for (size_t i = 0; i < phase.reads.size(); ++i) {
      OnRead(phase.reads[i], group, step, in_hbm[i] != 0);
      history_.OnMargin(phase.reads[i], step,
                        margins_.reads().empty()
                            ? BlockHistory::kUnscoredReadMargin
                            : margins_.reads()[i]);
    }
    return;
  }
  events_.groups_read[group.value()] = true;
  events_.Add(phase.reads, in_hbm);
  history_.OnReads(phase.reads, step, margins_.reads());
  shadows_.OnReads(phase.reads, group, in_hbm);
}

void BlockRanking::OnBirth(const BlockRange& range) {
  births_now_ += range.count;
  // What is not read has nothing to be wanted for.
  if (range.tier != Tier::kHbm) return;
  const int32_t key = Key(range.first, range.group);
  for (uint32_t i = 0; i < range.count; ++i) {
    keys_.Set(BlockId(range.first.value() + i), Tier::kHbm, key);
  }
}

void BlockRanking::OnPhase(GroupId group, Seconds hbm, Seconds dram) {
  prices_.OnPhase(group, hbm, dram, options_.price_smoothing);
}

int32_t BlockRanking::KeyOfLog2(double log2) {
  return static_cast<int32_t>(
      std::clamp(std::lround(log2 * kKeysPerOctave), -32768l, 32767l));
}

void BlockRanking::SetPriceKeys() {
  for (size_t g = 0; g < price_keys_.size(); ++g) {
    price_keys_[g] =
        KeyOfLog2(std::log2(prices_.price(GroupId(static_cast<uint32_t>(g)))));
  }
}

void BlockRanking::LearnAndSample(const BlockTable& blocks) {
  // What was taken `lead_` steps ago is decided now.
  std::vector<Sample>& samples = samples_.front();
  if (options_.learn) {
    for (const Sample& sample : samples) {
      if (!blocks.alive_in(sample.block, sample.group)) continue;
      model_.Learn(sample.group, sample.features,
                   history_.last_read(sample.block) == now_);
    }
    model_.EndStep(1 - 1 / options_.memory_steps);
  }
  samples.clear();
  const uint32_t handles = blocks.handles();
  if (!options_.learn || handles == 0) return;
  const size_t reads = events_.hits.size() + events_.misses.size();
  const auto count = static_cast<uint32_t>(
      std::min<size_t>({kMostSamples, kSamplesPerGroup * price_keys_.size(),
                        std::max(kFewSamples, reads / kReadsPerSample)}));
  for (uint32_t i = 0; i < kTriesPerSample * count && samples.size() < count;
       ++i) {
    const BlockId block(static_cast<uint32_t>((uint64_t{random_()} * handles) /
                                              (uint64_t{random_.max()} + 1)));
    if (!blocks.alive(block)) continue;
    samples.push_back({block, blocks.group(block), history_.At(block, now_)});
  }
  std::rotate(samples_.begin(), samples_.begin() + 1, samples_.end());
}

int32_t BlockRanking::KeyOf(const ValueFeatures& features,
                            GroupId group) const {
  return KeyOfLog(model_.LogProbability(model_.LogOdds(group, features)),
                  group);
}

int32_t BlockRanking::Key(BlockId block, GroupId group) const {
  if (FollowsValues()) {
    return KeyOf(history_.At(block, now_), group);
  }
  const uint32_t last = history_.last_read(block);
  if (last == BlockHistory::kNever) return kLeastKey;
  return leader_ == Leader::kLru
             ? LruKey(last)
             : LfuKey(history_.ShortCount(block, last), last);
}

int32_t BlockRanking::KeyIfRead(BlockId block, GroupId group) const {
  if (leader_ == Leader::kLru) return LruKey(now_);
  if (leader_ == Leader::kLfu) {
    return LfuKey(history_.ShortCountIfRead(block, now_), now_);
  }
  return KeyOf(history_.IfRead(block, now_), group);
}

int32_t BlockRanking::LruKey(uint32_t read) const {
  return static_cast<int32_t>(
      std::clamp<int64_t>((int64_t{read} - epoch_) * kLruKey + kEpochKey,
                          kLeastKey + 1, KeyIndex::kMostKey));
}

int32_t BlockRanking::LfuKey(int count, uint32_t read) const {
  const int64_t at_epoch =
      count + (int64_t{read} - epoch_) * history_.short_decay();
  return static_cast<int32_t>(std::clamp<int64_t>(
      at_epoch / kLfuKey + kEpochKey, kLeastKey + 1, KeyIndex::kMostKey));
}

double BlockRanking::ReadProbability(BlockId block, GroupId group) const {
  return 1 / (1 + std::exp(-model_.LogOdds(group, history_.At(block, now_))));
}

void BlockRanking::FollowLeader() {
  const Leader leader = options_.guard ? shadows_.leader() : Leader::kValues;
  if (leader == leader_) return;
  leader_ = leader;
  epoch_ = now_;
  unscored_ = history_.handles();
}

void BlockRanking::ScoreBlock(BlockId block, const BlockTable& blocks,
                              const Residency& residency) {
  const Tier tier = residency.tier(block);
  if (tier == Tier::kNone) return;
  const GroupId group = blocks.group(block);
  keys_.Set(block, ListedTier(tier, lists_wanted_[group.value()] != 0),
            Key(block, group));
}

void BlockRanking::ScoreBlocks(absl::Span<const BlockId> list,
                               const BlockTable& blocks,
                               const Residency& residency) {
  VisitKeys(list, blocks, [&](BlockId block, GroupId group, int32_t key) {
    const bool lists_dram = lists_wanted_[group.value()] != 0;
    keys_.Set(block, ListedTier(residency.tier(block), lists_dram), key);
  });
}

void BlockRanking::ScoreRun(uint32_t first, uint32_t count, GroupId group,
                            const FeatureColumns& columns,
                            const Residency& residency) {
  std::array<float, kFeatureBatch> logs;
  const uint32_t begin = first % kFeatureBatch;
  model_.LogProbabilities(group, columns, begin, count, &logs);
  const bool lists_dram = lists_wanted_[group.value()] != 0;
  const Tier* const tiers = residency.tiers(BlockId(first));
  std::array<int32_t, kFeatureBatch> keys;
  std::array<Tier, kFeatureBatch> listed;
  for (size_t i = 0; i < count; ++i) {
    keys[i] = KeyOfLog(logs[begin + i], group);
  }
  for (size_t i = 0; i < count; ++i) {
    listed[i] = ListedTier(tiers[i], lists_dram);
  }
  keys_.SetRun(BlockId(first), count, listed.data(), keys.data());
}

void BlockRanking::ScoreBatch(uint32_t first, uint32_t count,
                              const BlockTable& blocks,
                              const Residency& residency) {
  if (!FollowsValues()) {
    for (uint32_t i = 0; i < count; ++i) {
      ScoreBlock(BlockId(first + i), blocks, residency);
    }
    return;
  }
  FeatureColumns columns;
  history_.ColumnsAt(BlockId(first - first % kFeatureBatch), now_, &columns);
  const uint32_t end = first + count;
  while (first < end) {
    if (!blocks.alive(BlockId(first))) {
      ++first;
      continue;
    }
    const uint32_t run = RunOfGroup(blocks, BlockId(first), end - first);
    ScoreRun(first, run, blocks.group(BlockId(first)), columns, residency);
    first += run;
  }
}

void BlockRanking::ScoreSlice(const BlockTable& blocks,
                              const Residency& residency) {
  const uint32_t handles = history_.handles();
  const uint64_t longest =
      std::max(kLongestSlice, blocks.live() / kFewestSlices);
  const uint64_t slice =
      unscored_ > 0 ? longest
      // What lru and lfu do not see read keeps its key.
      : !FollowsValues()
          ? blocks.live() / kMostSlices
          : std::clamp(
                kSlicePerRead * (events_.hits.size() + events_.misses.size()),
                blocks.live() / kMostSlices, longest);
  auto left = static_cast<int64_t>(slice) * kDeadPerLive;
  uint32_t visited = 0;
  while (left > 0 && visited < handles) {
    const uint32_t count = std::min(uint32_t{kFeatureBatch}, handles - cursor_);
    const uint32_t live = CountLive(residency, BlockId(cursor_), count);
    if (live > 0) ScoreBatch(cursor_, count, blocks, residency);
    left -= int64_t{count} + live * (kDeadPerLive - 1);
    visited += count;
    cursor_ = cursor_ + count < handles ? cursor_ + count : 0;
    unscored_ -= std::min(unscored_, count);
  }
  if (visited >= handles) return;
  for (const auto* list : {&events_.hits, &events_.misses, &events_.evicted}) {
    ScoreBlocks(*list, blocks, residency);
  }
}

void BlockRanking::ListLowest(const BlockTable& blocks, size_t longest_queue) {
  const size_t count =
      std::clamp(longest_queue, size_t{1},
                 std::max(kLongestRanking, size_t{history_.handles()} / 64));
  sorted_.clear();
  next_wanted_.clear();
  keys_.AppendLowest(count + count / kSpareShare, std::min(count, MostWanted()),
                     &sorted_, &next_wanted_);
  SortByKey(sorted_, &victims_);
  std::vector<int32_t>& least = list_thresholds_;
  SetThresholds(
      victims_.empty()
          ? kLeastKey
          : victims_[std::min(DisplacedByListed(), victims_.size() - 1)].key,
      &least);
  next_wanted_.erase(std::remove_if(next_wanted_.begin(), next_wanted_.end(),
                                    [&](const RankedBlock& ranked) {
                                      const GroupId group =
                                          blocks.group(ranked.block);
                                      return KeyIfRead(ranked.block, group) <
                                             least[group.value()];
                                    }),
                     next_wanted_.end());
  SortByKey(next_wanted_, &wanted_);
  ranked_until_ = until_;
}

bool BlockRanking::Refresh(const BlockTable& blocks, const Residency& residency,
                           size_t longest_queue) {
  if (heard_) {
    shadows_.EndStep(now_);
    LearnAndSample(blocks);
  }
  heard_ = false;
  FollowLeader();
  SetPriceKeys();
  for (size_t g = 0; g < missed_.size(); ++g) {
    lists_wanted_[g] = missed_[g].wanted < kSurelyAll * missed_[g].all;
  }
  ScoreSlice(blocks, residency);
  if (unscored_ > 0) return false;
  ListLowest(blocks, longest_queue);
  ShortlistVictims(blocks, residency);
  // The ranking has heard of all.
  short_wanted_.clear();
  return true;
}

void BlockRanking::SetThresholds(int32_t displaced,
                                 std::vector<int32_t>* thresholds) const {
  for (uint32_t g = 0; g < thresholds->size(); ++g) {
    (*thresholds)[g] = ThresholdOver(displaced, GroupId(g));
  }
}

int32_t BlockRanking::ThresholdOver(int32_t displaced, GroupId group) const {
  if (leader_ == Leader::kStatic) return std::numeric_limits<int32_t>::max();
  if (leader_ != Leader::kValues) return displaced;
  int32_t key = displaced;
  if (key > kLeastKey) key += KeyOfLog2(std::log2(1 + options_.hysteresis));
  const double cost = prices_.promotion_cost(group) / options_.expected_reads;
  if (cost > 0) key = std::max(key, KeyOfLog2(std::log2(cost)));
  return key;
}

}  // namespace kvplace
