#include "server/core/value/block_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvplace {
namespace {

constexpr int32_t kKeysPerOctave = 1024;
constexpr int32_t kLeastKey = std::numeric_limits<int16_t>::min();
// Buckets of keys, to find how many blocks lie below one.
constexpr int32_t kKeysPerBucket = 32;
constexpr size_t kBuckets = 65536 / kKeysPerBucket;
// What a block may be worth that is promoted in place of the n-th worst: n is
// the evictions of a step, with a margin.
constexpr double kDisplaced = 1.5;
constexpr double kEvictionSmoothing = 0.1;
// A group of whose outsiders so many are wanted promotes whatever it reads.
constexpr double kNearlyAll = 0.9;
// Victims that a plan looks at again, for each that a step evicts.
constexpr double kLookedAt = 2;
constexpr size_t kSpare = 256;
// Samples to learn from, per group and step, and per step.
constexpr uint32_t kSamplesPerGroup = 16;
constexpr uint32_t kMostSamples = 4096;
// Spare victims in a ranking, for those that are read before they are used.
constexpr size_t kSpareFactor = 2;
// And half the most of them, or one in 64 handles of a large device: bounds the
// memory of devices that would evict more in a step than they ought to.
constexpr size_t kLongestRanking = 4096;

size_t BucketOf(int32_t key) {
  return static_cast<size_t>(key - kLeastKey) / kKeysPerBucket;
}

int32_t KeyOfLog2(double log2) {
  return static_cast<int32_t>(
      std::clamp(std::lround(log2 * kKeysPerOctave), -32768l, 32767l));
}

}  // namespace

BlockRanking::BlockRanking(const DeviceConfig& device,
                           const RankingOptions& options)
    : device_(device),
      options_(options),
      history_(device.handles()),
      model_(device.group_count().value()),
      prices_(device),
      shadows_(device),
      price_keys_(device.groups.size()),
      keys_(device.handles()),
      histogram_(kBuckets),
      outsiders_(device.groups.size()),
      admits_all_(device.groups.size(), true) {
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
  evictions_ = 0;
  samples_.clear();
  selections_.clear();
  phase_ = 0;
  cursor_ = 0;
  next_victims_.clear();
  next_wanted_.clear();
  victims_.clear();
  wanted_.clear();
  missed_.clear();
  missed_ended_ = false;
  admits_all_.assign(admits_all_.size(), true);
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

void BlockRanking::OnMasses(const BlockTable& blocks, uint32_t step,
                            absl::Span<const BlockId> reads,
                            absl::Span<const uint8_t> read_masses,
                            absl::Span<const BlockId> near_misses,
                            absl::Span<const uint8_t> near_miss_masses) {
  constexpr int kScale = BlockHistory::kOctave / 16;
  ++phase_;
  const auto selection = [&](BlockId block) -> Selection& {
    const uint32_t slot = blocks.slot(block);
    if (slot >= selections_.size()) selections_.resize(slot + 1);
    return selections_[slot];
  };
  for (size_t i = 0; i < near_miss_masses.size(); ++i) {
    Selection& s = selection(near_misses[i]);
    const int mass = near_miss_masses[i];
    if (s.phase != phase_ || mass > s.best) s = {phase_, mass};
  }
  for (size_t i = 0; i < near_miss_masses.size(); ++i) {
    history_.OnMargin(
        near_misses[i], step,
        (near_miss_masses[i] - selection(near_misses[i]).best) * kScale);
  }
  for (size_t i = 0; i < reads.size(); ++i) {
    int margin = BlockHistory::kUnscoredReadMargin;
    if (!read_masses.empty()) {
      const Selection& s = selection(reads[i]);
      // Page 0 and the newest are read whatever their mass.
      if (s.phase == phase_) {
        margin = std::max((read_masses[i] - s.best) * kScale, 0);
      }
    }
    history_.OnMargin(reads[i], step, margin);
  }
}

void BlockRanking::OnPhase(GroupId group, Seconds hbm, Seconds dram) {
  prices_.OnPhase(group, hbm, dram, options_.price_smoothing);
}

void BlockRanking::EndStep(uint32_t step, uint64_t evictions) {
  now_ = step;
  until_ = step + 1;
  heard_ = true;
  if (missed_ended_) {
    std::sort(missed_.begin(), missed_.end());
    missed_.erase(std::unique(missed_.begin(), missed_.end()), missed_.end());
    missed_ended_ = false;
  }
  evictions_ +=
      kEvictionSmoothing * (static_cast<double>(evictions) - evictions_);
}

void BlockRanking::SetPriceKeys() {
  for (size_t g = 0; g < price_keys_.size(); ++g) {
    price_keys_[g] =
        KeyOfLog2(std::log2(prices_.price(GroupId(static_cast<uint32_t>(g)))));
  }
}

void BlockRanking::LearnAndSample(const BlockTable& blocks) {
  if (options_.learn) {
    for (const Sample& sample : samples_) {
      if (!blocks.alive_in(sample.block, sample.group)) continue;
      model_.Learn(sample.group, sample.features,
                   history_.last_read(sample.block) == now_);
    }
    model_.EndStep(1 - 1 / options_.memory_steps);
  }
  samples_.clear();
  const uint32_t handles = blocks.handles();
  if (!options_.learn || handles == 0) return;
  const uint32_t count =
      std::min(kMostSamples,
               kSamplesPerGroup * static_cast<uint32_t>(price_keys_.size()));
  for (uint32_t i = 0; i < count; ++i) {
    const BlockId block(static_cast<uint32_t>((uint64_t{random_()} * handles) /
                                              (uint64_t{random_.max()} + 1)));
    if (!blocks.alive(block)) continue;
    samples_.push_back({block, blocks.group(block), history_.At(block, now_)});
  }
}

int32_t BlockRanking::KeyOf(const ValueFeatures& features,
                            GroupId group) const {
  return static_cast<int32_t>(
             ValueModel::LogProbability(model_.LogOdds(group, features)) *
             kKeysPerOctave) +
         price_keys_[group.value()];
}

int32_t BlockRanking::Key(BlockId block, GroupId group) const {
  if (leader_ == Leader::kValues || leader_ == Leader::kStatic) {
    return KeyOf(history_.At(block, now_), group);
  }
  const uint32_t last = history_.last_read(block);
  if (last == BlockHistory::kNever) return kLeastKey;
  if (leader_ == Leader::kLru) {
    return -static_cast<int32_t>(std::min(now_ - std::min(last, now_), 32000u));
  }
  return history_.ShortCount(block, now_);
}

int32_t BlockRanking::KeyIfRead(BlockId block, GroupId group) const {
  if (leader_ == Leader::kLru) return 0;
  if (leader_ == Leader::kLfu) return history_.ShortCountIfRead(block, now_);
  return KeyOf(history_.IfRead(block, now_), group);
}

double BlockRanking::ReadProbability(BlockId block, GroupId group) const {
  return 1 / (1 + std::exp(-model_.LogOdds(group, history_.At(block, now_))));
}

void BlockRanking::ScoreBlock(uint32_t handle, const BlockTable& blocks,
                              Tier tier) {
  const BlockId block(handle);
  const GroupId group = blocks.group(block);
  const int32_t key =
      tier == Tier::kHbm ? Key(block, group) : KeyIfRead(block, group);
  keys_[handle] = static_cast<int16_t>(std::max(key, kLeastKey));
  if (tier == Tier::kHbm) ++histogram_[BucketOf(keys_[handle])];
}

void BlockRanking::FindCut() {
  size_t count = 0;
  size_t bucket = 0;
  while (bucket < kBuckets && count < wanted_victims_) {
    count += histogram_[bucket++];
  }
  cut_ = kLeastKey + static_cast<int32_t>(bucket) * kKeysPerBucket;
}

void BlockRanking::ListBlock(uint32_t handle, const BlockTable& blocks,
                             Tier tier) {
  const BlockId block(handle);
  const int32_t key = keys_[handle];
  if (tier == Tier::kHbm) {
    if (key >= cut_) return;
    next_victims_.push_back({key, block});
    if (next_victims_.size() >= 2 * wanted_victims_) {
      KeepLowest(wanted_victims_, &next_victims_);
    }
    return;
  }
  const GroupId group = blocks.group(block);
  Outsiders& outsiders = outsiders_[group.value()];
  ++outsiders.all;
  if (key < Threshold(group, false)) return;
  ++outsiders.wanted;
  next_wanted_.push_back({-key, block});
  if (next_wanted_.size() >= 2 * wanted_victims_) {
    KeepLowest(wanted_victims_, &next_wanted_);
  }
}

void BlockRanking::KeepLowest(size_t most, std::vector<Ranked>* list) {
  if (list->size() <= most) return;
  std::nth_element(list->begin(), list->begin() + static_cast<ptrdiff_t>(most),
                   list->end());
  list->resize(most);
}

void BlockRanking::FinishRanking() {
  for (std::vector<Ranked>* list : {&next_victims_, &next_wanted_}) {
    KeepLowest(wanted_victims_, list);
    std::sort(list->begin(), list->end());
  }
  victims_.swap(next_victims_);
  wanted_.swap(next_wanted_);
  next_victims_.clear();
  next_wanted_.clear();
  ranked_until_ = ranking_until_;
  for (size_t g = 0; g < outsiders_.size(); ++g) {
    admits_all_[g] = leader_ != Leader::kStatic &&
                     outsiders_[g].wanted >= kNearlyAll * outsiders_[g].all;
  }
}

bool BlockRanking::Refresh(const BlockTable& blocks, const Residency& residency,
                           size_t longest_queue) {
  if (heard_) {
    shadows_.EndStep(now_);
    LearnAndSample(blocks);
  }
  heard_ = false;
  const uint64_t handles = blocks.handles();
  uint64_t left = std::max<uint64_t>(kSlice, handles / 4);
  if (cursor_ == 0) {
    leader_ = options_.guard ? shadows_.leader() : Leader::kValues;
    SetPriceKeys();
    std::fill(histogram_.begin(), histogram_.end(), 0u);
    std::fill(outsiders_.begin(), outsiders_.end(), Outsiders());
    wanted_victims_ = kSpareFactor * std::clamp(longest_queue, size_t{1},
                                                std::max(kLongestRanking,
                                                         size_t{handles} / 64));
    ranking_until_ = until_;
  }
  for (; left > 0 && cursor_ < handles; --left, ++cursor_) {
    const auto handle = static_cast<uint32_t>(cursor_);
    const Tier tier = residency.tier(BlockId(handle));
    if (tier != Tier::kNone) ScoreBlock(handle, blocks, tier);
  }
  if (cursor_ == handles) FindCut();
  for (; left > 0 && cursor_ >= handles && cursor_ < 2 * handles;
       --left, ++cursor_) {
    const auto handle = static_cast<uint32_t>(cursor_ - handles);
    const Tier tier = residency.tier(BlockId(handle));
    if (tier != Tier::kNone) ListBlock(handle, blocks, tier);
  }
  if (cursor_ < 2 * handles) return false;
  cursor_ = 0;
  FinishRanking();
  return true;
}

void BlockRanking::AppendVictims(const BlockTable& blocks,
                                 const Residency& residency, size_t count,
                                 std::vector<BlockId>* queue) const {
  const auto usable = [&](BlockId block) {
    return residency.tier(block) == Tier::kHbm && !ReadSinceRanking(block);
  };
  // Those that may be due, with what they are worth by now.
  const auto looked_at = static_cast<size_t>(kLookedAt * evictions_) + kSpare;
  fresh_.clear();
  fresh_keys_.clear();
  size_t next = 0;
  for (; next < victims_.size() && fresh_.size() < looked_at; ++next) {
    const BlockId block = victims_[next].block;
    if (!usable(block)) continue;
    const int32_t key = Key(block, blocks.group(block));
    fresh_.push_back({key, block});
    fresh_keys_.push_back(key);
  }
  const size_t due = std::min(static_cast<size_t>(evictions_), fresh_.size());
  int32_t cutoff = std::numeric_limits<int32_t>::max();
  if (due < fresh_.size()) {
    const auto at = fresh_keys_.begin() + static_cast<ptrdiff_t>(due);
    std::nth_element(fresh_keys_.begin(), at, fresh_keys_.end());
    cutoff = *at;
  }
  // Those due, by group: a counting sort.
  group_ends_.assign(device_.groups.size() + 1, 0);
  for (const Ranked& r : fresh_) {
    if (r.key < cutoff) ++group_ends_[blocks.group(r.block).value() + 1];
  }
  std::partial_sum(group_ends_.begin(), group_ends_.end(), group_ends_.begin());
  const size_t start = queue->size();
  const size_t end = start + count;
  queue->resize(start + group_ends_.back());
  for (const Ranked& r : fresh_) {
    if (r.key < cutoff) {
      (*queue)[start + group_ends_[blocks.group(r.block).value()]++] = r.block;
    }
  }
  for (const Ranked& r : fresh_) {
    if (r.key >= cutoff) queue->push_back(r.block);
  }
  for (; next < victims_.size() && queue->size() < end; ++next) {
    if (usable(victims_[next].block)) queue->push_back(victims_[next].block);
  }
  // Where nearly all of HBM was just read, better one of these than none.
  if (queue->size() - start < looked_at) {
    for (const Ranked& r : victims_) {
      if (queue->size() >= end) break;
      if (residency.tier(r.block) == Tier::kHbm && ReadSinceRanking(r.block)) {
        queue->push_back(r.block);
      }
    }
  }
  if (queue->size() > end) queue->resize(end);
}

int32_t BlockRanking::Threshold(GroupId group, bool free) const {
  if (leader_ == Leader::kStatic) return std::numeric_limits<int32_t>::max();
  int32_t key = kLeastKey;
  if (!free && !victims_.empty()) {
    const auto displaced = static_cast<size_t>(kDisplaced * evictions_);
    key = victims_[std::min(displaced, victims_.size() - 1)].key;
  }
  if (leader_ != Leader::kValues) return key;
  if (key > kLeastKey) key += KeyOfLog2(std::log2(1 + options_.hysteresis));
  const double cost = prices_.promotion_cost(group) / options_.expected_reads;
  if (cost > 0) key = std::max(key, KeyOfLog2(std::log2(cost)));
  return key;
}

}  // namespace kvplace
