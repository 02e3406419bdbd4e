#include "server/core/value/shadow_directories.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvplace {
namespace {

// Per step; the window over which rules are compared is about 1 / kSmoothing.
constexpr double kSmoothing = 1.0 / 24;
// Steps before the first comparison.
constexpr uint32_t kWarmUp = 16;
// Another rule must be ahead by so much to be followed: where all blocks are in
// the sample, where they are not (a sample of lru errs), and where it holds
// fewer than kFew of them in HBM.
constexpr double kAhead = 1.08;
constexpr double kAheadSampled = 1.1;
constexpr double kAheadFew = 1.3;
constexpr size_t kFew = 1024;
// And by so much more for each further step that plans come late, or that goes
// by unheard.
constexpr double kAheadLate = 0.1;
// Steps for which it is: the first time, and at most.
constexpr uint32_t kFirstPenalty = 64;
constexpr uint32_t kMostPenalty = 1024;
// Steps that a further try of its own is given at least, and after which it has
// been a success.
constexpr uint32_t kTry = 4;
constexpr uint32_t kSuccess = 24;
// A rule that is followed is judged after so many steps: in vain where the
// device takes so much more over the rule's own time than before. By so much
// that fades per step.
constexpr uint32_t kJudged = 16;
constexpr double kWorse = 1.25;
constexpr double kInVainFades = 1 - 1.0 / 8192;
// Ranks of lfu, in 1/1024 octaves: log2(1 / 0.8) per step, and never read. Of
// its queue one is a sixteenth of an octave.
constexpr int64_t kLfuDecay = 330;
constexpr int64_t kUnranked = std::numeric_limits<int64_t>::min() / 2;
constexpr int kQueueShift = 6;

// log2(1 + 2^-below), by steps of 16.
constexpr int64_t kMostBelow = 16 * 1024;
int64_t RankAfterRead(int64_t rank, int64_t now) {
  static const auto kTable = [] {
    std::array<int16_t, kMostBelow / 16 + 1> table;
    for (size_t i = 0; i < table.size(); ++i) {
      const double below = static_cast<double>(i) * 16 / 1024;
      table[i] = static_cast<int16_t>(
          std::lround(1024 * std::log2(1 + std::exp2(-below))));
    }
    return table;
  }();
  if (rank > now) {
    return rank +
           kTable[static_cast<size_t>(std::min(rank - now, kMostBelow)) / 16];
  }
  return now +
         kTable[static_cast<size_t>(std::min(now - rank, kMostBelow)) / 16];
}

uint32_t ShiftFor(uint32_t handles) {
  uint32_t shift = 0;
  while ((handles >> shift) > ShadowDirectories::kMostSampled) ++shift;
  return shift;
}

double SecondsPerByte(BytesPerSecond bandwidth) {
  return std::isinf(bandwidth.value()) ? 0 : 1 / bandwidth.value();
}

// All groups alike: what a device of one block size holds.
size_t CapacityOf(const DeviceConfig& device, uint32_t shift) {
  int64_t bytes = 0;
  for (const GroupConfig& g : device.groups) bytes += g.block_bytes.count();
  const int64_t mean =
      std::max<int64_t>(bytes / static_cast<int64_t>(device.groups.size()), 1);
  return static_cast<size_t>(device.hbm_capacity.count() / mean) >> shift;
}

double AheadOf(uint32_t shift, size_t capacity) {
  if (shift == 0) return kAhead;
  return capacity >= kFew ? kAheadSampled : kAheadFew;
}

uint32_t SampledOf(uint32_t handles, uint32_t shift) {
  return static_cast<uint32_t>(
      (uint64_t{handles} + (uint64_t{1} << shift) - 1) >> shift);
}

}  // namespace

absl::string_view Name(Leader leader) {
  switch (leader) {
    case Leader::kValues:
      return "values";
    case Leader::kLru:
      return "lru";
    case Leader::kLfu:
      return "lfu";
    case Leader::kStatic:
      return "static";
  }
  return "unknown";
}

ShadowDirectories::ShadowDirectories(const DeviceConfig& device, uint32_t lead)
    : device_(device),
      sample_{ShiftFor(device.handles())},
      capacity_(CapacityOf(device, sample_.shift)),
      hbm_(SecondsPerByte(device.profile.hbm)),
      dram_(SecondsPerByte(EffectiveDramRead(device))),
      ahead_(AheadOf(sample_.shift, capacity_)),
      lead_(lead),
      lru_(SampledOf(device.handles(), sample_.shift)),
      lfu_(SampledOf(device.handles(), sample_.shift)),
      lfu_rank_(SampledOf(device.handles(), sample_.shift), kUnranked),
      static_(SampledOf(device.handles(), sample_.shift)),
      promotions_(device.groups.size()),
      rates_(device.groups.size()),
      reads_now_(device.groups.size()),
      misses_now_(device.groups.size()) {}

void ShadowDirectories::Clear() {
  lru_.Clear();
  lru_size_ = 0;
  lfu_.Clear();
  std::fill(lfu_rank_.begin(), lfu_rank_.end(), kUnranked);
  std::fill(static_.begin(), static_.end(), false);
  reads_.clear();
  runs_.clear();
  std::fill(promotions_.begin(), promotions_.end(), 0);
  std::fill(rates_.begin(), rates_.end(), Rates());
  weight_ = 0;
  seconds_ = {};
  leader_ = Leader::kValues;
  steps_ = until_ = success_at_ = penalty_ = 0;
  elapsed_ = 1;
  last_step_ = followed_from_ = 0;
  was_ahead_ = 0;
  in_vain_ = {};
}

void ShadowDirectories::Start(BlockId block) {
  const uint32_t i = sample_.Index(block);
  static_[i] = true;
  if (lru_size_ >= capacity_) return;
  lru_.Touch(BlockId(i));
  ++lru_size_;
  // Below whatever is read.
  lfu_.Put(i, 0);
}

// Without a branch on who is sampled: nobody could foretell it.
void ShadowDirectories::OnReads(absl::Span<const BlockId> blocks, GroupId group,
                                absl::Span<const uint8_t> in_hbm) {
  const size_t before = reads_.size();
  reads_.resize(before + blocks.size());
  PackedRead* to = reads_.data() + before;
  // A copy: what is stored might be the original, for all the compiler knows.
  const BlockSample sample = sample_;
  for (size_t i = 0; i < blocks.size(); ++i) {
    *to = Read(sample.Index(blocks[i]), in_hbm[i] != 0);
    to += sample.Holds(blocks[i]);
  }
  reads_.resize(static_cast<size_t>(to - reads_.data()));
  EndRun(group);
}

void ShadowDirectories::OnEnd(BlockId block) {
  const uint32_t i = sample_.Index(block);
  static_[i] = false;
  lfu_rank_[i] = kUnranked;
  if (lru_.contains(BlockId(i))) {
    lru_.Remove(BlockId(i));
    --lru_size_;
  }
  lfu_.Remove(i);
}

void ShadowDirectories::Play(PackedRead read, uint32_t step,
                             std::array<uint32_t, kLeaders>* misses) {
  const uint32_t index = read >> 1;
  const BlockId block(index);
  const auto miss = [misses](Leader leader) {
    ++(*misses)[static_cast<size_t>(leader)];
  };
  if ((read & 1) == 0) miss(Leader::kValues);
  if (!static_[index]) miss(Leader::kStatic);
  if (!lru_.contains(block)) {
    miss(Leader::kLru);
    if (capacity_ > 0) {
      if (lru_size_ >= capacity_) {
        lru_.Remove(lru_.oldest());
      } else {
        ++lru_size_;
      }
      lru_.Touch(block);
    }
  } else {
    lru_.Touch(block);
  }
  int64_t& rank = lfu_rank_[index];
  rank = RankAfterRead(rank, kLfuDecay * step);
  const bool held = lfu_.contains(index);
  if (!held) miss(Leader::kLfu);
  // Of a block that is held the queue need not hear: see DropLowest.
  if (held || capacity_ == 0) return;
  lfu_.Put(index, rank >> kQueueShift);
  if (lfu_.size() > capacity_) DropLowest();
}

// Ranks only rise, so those in the queue are at most the true ones: the lowest
// whose rank is true is the lowest of all.
void ShadowDirectories::DropLowest() {
  uint32_t item = lfu_.Lowest();
  while ((lfu_rank_[item] >> kQueueShift) > lfu_.lowest_rank()) {
    lfu_.Put(item, lfu_rank_[item] >> kQueueShift);
    item = lfu_.Lowest();
  }
  lfu_.Remove(item);
}

void ShadowDirectories::EndStep(uint32_t step) {
  if (reads_.empty()) {
    runs_.clear();
    return;
  }
  std::fill(misses_now_.begin(), misses_now_.end(),
            std::array<uint32_t, kLeaders>{});
  std::fill(reads_now_.begin(), reads_now_.end(), 0);
  size_t first = 0;
  for (const Run& run : runs_) {
    const uint32_t group = run.group.value();
    reads_now_[group] += static_cast<uint32_t>(run.end - first);
    for (; first < run.end; ++first) {
      Play(reads_[first], step, &misses_now_[group]);
    }
  }
  reads_.clear();
  runs_.clear();
  weight_ += kSmoothing * (1 - weight_);
  for (size_t g = 0; g < rates_.size(); ++g) {
    Rates& rates = rates_[g];
    const auto smooth = [](double* rate, double now) {
      *rate += kSmoothing * (now - *rate);
    };
    smooth(&rates.reads, reads_now_[g]);
    smooth(&rates.promotions, promotions_[g]);
    for (size_t k = 0; k < kLeaders; ++k) {
      smooth(&rates.misses[k], misses_now_[g][k]);
    }
    promotions_[g] = 0;
  }
  if (steps_ > 0) {
    elapsed_ += (steps_ == 1 ? 1 : kSmoothing) *
                (static_cast<double>(step - last_step_) - elapsed_);
  }
  last_step_ = step;
  ++steps_;
  Weigh();
  Choose();
}

void ShadowDirectories::Weigh() {
  const double scale = sample_.scale() / weight_;
  const auto fixed =
      hbm_ * static_cast<double>(device_.fixed_bytes_per_phase.count());
  seconds_ = {};
  for (size_t g = 0; g < rates_.size(); ++g) {
    const Rates& rates = rates_[g];
    const double bytes =
        scale * static_cast<double>(device_.groups[g].block_bytes.count());
    for (size_t k = 0; k < kLeaders; ++k) {
      const double misses = rates.misses[k];
      double promoted = misses;
      if (k == static_cast<size_t>(Leader::kStatic)) promoted = 0;
      if (k == static_cast<size_t>(Leader::kValues)) {
        promoted = rates.promotions;
      }
      const double hbm =
          fixed + hbm_ * bytes * (rates.reads - misses + promoted);
      seconds_[k] += std::max(hbm, dram_ * bytes * misses);
    }
  }
}

double ShadowDirectories::Ahead(Leader leader) const {
  const double late = (lead_ - 1) + (elapsed_ - 1);
  return std::max(ahead_ + kAheadLate * late,
                  in_vain_[static_cast<size_t>(leader)]);
}

void ShadowDirectories::Follow(Leader leader) {
  penalty_ =
      penalty_ == 0 ? kFirstPenalty : std::min(2 * penalty_, kMostPenalty);
  leader_ = leader;
  until_ = steps_ + penalty_;
  followed_from_ = steps_;
  was_ahead_ = seconds(Leader::kValues) / seconds(leader);
}

bool ShadowDirectories::Disappointed() const {
  return steps_ - followed_from_ >= kJudged &&
         seconds(Leader::kValues) > kWorse * was_ahead_ * seconds(leader_);
}

void ShadowDirectories::GiveUp() {
  in_vain_[static_cast<size_t>(leader_)] =
      seconds(Leader::kValues) / seconds(leader_);
  leader_ = Leader::kValues;
  // Until what the device did under the other is forgotten.
  until_ = success_at_ = steps_ + 2 * kSuccess;
}

void ShadowDirectories::Choose() {
  for (double& ratio : in_vain_) ratio *= kInVainFades;
  if (leader_ != Leader::kValues && Disappointed()) return GiveUp();
  if (steps_ < kWarmUp || steps_ < until_) return;
  if (leader_ != Leader::kValues) {
    // Another try of its own.
    leader_ = Leader::kValues;
    until_ = steps_ + kTry;
    success_at_ = steps_ + kSuccess;
    return;
  }
  const auto needed = [this](Leader leader) {
    return Ahead(leader) * seconds(leader);
  };
  Leader best = Leader::kLru;
  for (const Leader leader : {Leader::kLfu, Leader::kStatic}) {
    if (needed(leader) < needed(best)) best = leader;
  }
  // kValues measures what the device did, under whomever it followed.
  if (seconds(Leader::kValues) > needed(best)) {
    Follow(best);
  } else if (steps_ >= success_at_) {
    penalty_ = 0;
  }
}

}  // namespace kvplace
