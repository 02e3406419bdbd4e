#include "server/core/value/block_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvplace {
namespace {

constexpr int32_t kKeysPerOctave = 1024;
// Buckets of keys, to find how many blocks lie below one.
constexpr int32_t kKeysPerBucket = 32;
constexpr size_t kBuckets = 65536 / kKeysPerBucket;
// Samples to learn from, per group and step, and per step.
constexpr uint32_t kSamplesPerGroup = 16;
constexpr uint32_t kMostSamples = 4096;
// Handles that are looked at for each, where few are alive.
constexpr uint32_t kTriesPerSample = 32;
// Spare victims in a ranking, for those that are read before they are used.
constexpr size_t kSpareFactor = 2;
// A group that would promote so large a share of what it misses will go on to
// promote all, so that none of its blocks needs to be listed.
constexpr float kSurelyAll = 0.98f;
// And half the most of them, or one in 64 handles of a large device: bounds the
// memory of devices that would evict more in a step than they ought to.
constexpr size_t kLongestRanking = 4096;

size_t BucketOf(int16_t key) {
  return static_cast<size_t>(key - std::numeric_limits<int16_t>::min()) /
         kKeysPerBucket;
}

int32_t KeyOfLog2(double log2) {
  return static_cast<int32_t>(
      std::clamp(std::lround(log2 * kKeysPerOctave), -32768l, 32767l));
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
      histogram_(kBuckets),
      next_thresholds_(device.groups.size()),
      lists_wanted_(device.groups.size()),
      hbm_batches_(device.groups.size()),
      dram_batches_(device.groups.size()),
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
  samples_.assign(lead_, {});
  cursor_ = 0;
  next_victims_.clear();
  next_wanted_.clear();
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

void BlockRanking::OnPhase(GroupId group, Seconds hbm, Seconds dram) {
  prices_.OnPhase(group, hbm, dram, options_.price_smoothing);
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
  const uint32_t count =
      std::min(kMostSamples,
               kSamplesPerGroup * static_cast<uint32_t>(price_keys_.size()));
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
  return static_cast<int32_t>(
             model_.LogProbability(model_.LogOdds(group, features)) *
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
  if (tier != Tier::kHbm && !lists_wanted_[group.value()]) return;
  Batch& batch =
      (tier == Tier::kHbm ? hbm_batches_ : dram_batches_)[group.value()];
  batch.blocks[batch.count++] = block;
  if (batch.count == kFeatureBatch) ScoreBatch(tier, group, &batch);
}

void BlockRanking::ScoreBatch(Tier tier, GroupId group, Batch* batch) {
  const absl::Span<const BlockId> blocks(batch->blocks.data(), batch->count);
  std::array<int32_t, kFeatureBatch> keys;
  const bool in_hbm = tier == Tier::kHbm;
  if (leader_ == Leader::kValues || leader_ == Leader::kStatic) {
    FeatureColumns columns;
    in_hbm ? history_.ColumnsAt(blocks, now_, &columns)
           : history_.ColumnsIfRead(blocks, now_, &columns);
    std::array<float, kFeatureBatch> logs;
    model_.LogProbabilities(group, columns, blocks.size(), &logs);
    const int32_t price = price_keys_[group.value()];
    for (size_t i = 0; i < blocks.size(); ++i) {
      keys[i] = static_cast<int32_t>(logs[i] * kKeysPerOctave) + price;
    }
  } else {
    for (size_t i = 0; i < blocks.size(); ++i) {
      keys[i] = in_hbm ? Key(blocks[i], group) : KeyIfRead(blocks[i], group);
    }
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto key = static_cast<int16_t>(std::max(keys[i], kLeastKey));
    keys_[blocks[i].value()] = key;
    if (in_hbm) ++histogram_[BucketOf(key)];
  }
  batch->count = 0;
}

void BlockRanking::ScoreBatches() {
  for (uint32_t g = 0; g < hbm_batches_.size(); ++g) {
    ScoreBatch(Tier::kHbm, GroupId(g), &hbm_batches_[g]);
    ScoreBatch(Tier::kDram, GroupId(g), &dram_batches_[g]);
  }
}

void BlockRanking::FindCuts() {
  const auto key_above = [&](size_t blocks) {
    size_t count = 0;
    size_t bucket = 0;
    while (bucket < kBuckets && count < blocks) count += histogram_[bucket++];
    return kLeastKey + static_cast<int32_t>(bucket) * kKeysPerBucket;
  };
  cut_ = key_above(wanted_victims_);
  SetThresholds(key_above(DisplacedByListed() + 1), &next_thresholds_);
}

void BlockRanking::ListBlock(uint32_t handle, const BlockTable& blocks,
                             Tier tier) {
  const BlockId block(handle);
  const int32_t key = keys_[handle];
  std::vector<Ranked>* list = &next_victims_;
  if (tier == Tier::kHbm) {
    if (key >= cut_) return;
    next_victims_.push_back({key, block});
  } else {
    const GroupId group = blocks.group(block);
    if (!lists_wanted_[group.value()]) return;
    if (key < next_thresholds_[group.value()]) return;
    list = &next_wanted_;
    next_wanted_.push_back({-Key(block, group), block});
  }
  if (list->size() >= 2 * wanted_victims_) KeepLowest(wanted_victims_, list);
}

void BlockRanking::KeepLowest(size_t most, std::vector<Ranked>* list) {
  if (list->size() <= most) return;
  std::nth_element(list->begin(), list->begin() + static_cast<ptrdiff_t>(most),
                   list->end());
  list->resize(most);
}

void BlockRanking::FinishRanking() {
  KeepLowest(wanted_victims_, &next_victims_);
  KeepLowest(wanted_victims_, &next_wanted_);
  SortByKey(next_victims_, &victims_);
  SortByKey(next_wanted_, &wanted_);
  next_victims_.clear();
  next_wanted_.clear();
  ranked_until_ = ranking_until_;
}

bool BlockRanking::Refresh(const BlockTable& blocks, const Residency& residency,
                           size_t longest_queue) {
  if (heard_) {
    shadows_.EndStep(now_);
    LearnAndSample(blocks);
  }
  heard_ = false;
  const uint64_t handles = blocks.handles();
  auto left = static_cast<int64_t>(
      std::max<uint64_t>(kSlice, blocks.live() / 4) * kDeadPerLive);
  if (cursor_ == 0) {
    leader_ = options_.guard ? shadows_.leader() : Leader::kValues;
    SetPriceKeys();
    std::fill(histogram_.begin(), histogram_.end(), 0u);
    wanted_victims_ = kSpareFactor * std::clamp(longest_queue, size_t{1},
                                                std::max(kLongestRanking,
                                                         size_t{handles} / 64));
    ranking_until_ = until_;
    for (size_t g = 0; g < missed_.size(); ++g) {
      lists_wanted_[g] = missed_[g].wanted < kSurelyAll * missed_[g].all;
    }
  }
  for (; left > 0 && cursor_ < handles; --left, ++cursor_) {
    const auto handle = static_cast<uint32_t>(cursor_);
    const Tier tier = residency.tier(BlockId(handle));
    if (tier == Tier::kNone) continue;
    ScoreBlock(handle, blocks, tier);
    left -= kDeadPerLive - 1;
  }
  ScoreBatches();
  if (cursor_ == handles) FindCuts();
  for (; left > 0 && cursor_ >= handles && cursor_ < 2 * handles;
       --left, ++cursor_) {
    const auto handle = static_cast<uint32_t>(cursor_ - handles);
    const Tier tier = residency.tier(BlockId(handle));
    if (tier == Tier::kNone) continue;
    ListBlock(handle, blocks, tier);
    left -= kDeadPerLive - 1;
  }
  if (cursor_ < 2 * handles) return false;
  cursor_ = 0;
  FinishRanking();
  ShortlistVictims(blocks, residency);
  ShortlistWanted(false, blocks, residency);
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
