// The part of BlockRanking that a step waits for: its shortlist, and what plans
// take from that and the ranking.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "server/core/value/block_ranking.h"

namespace kvplace {
namespace {

constexpr double kEvictionSmoothing = 0.1;
constexpr double kReadSmoothing = 0.1;
// Of the chance of a block that begins to be read in a step, to that of others.
constexpr double kNewToOthers = 0.15;
// What is left of a burst of births a step later.
constexpr double kBirthMemory = 1 - 1.0 / 1024;
// In evictions between two plans: after how many a promotion's victim comes, if
// the last step was scored, or if the ranking lists it; and how many blocks of
// the ranking the shortlist covers, and a few.
struct Depths {
  double displaced, displaced_by_listed, covered;
};
constexpr Depths kDepths = {1.5, 2, 2};
constexpr Depths kDepthsWhenBlind = {2, 4, 2.5};
// In evictions between two plans, and kSpare: how many blocks are named to be
// promoted.
constexpr double kMostWanted = 4;
constexpr size_t kSpare = 256;

size_t Depth(double steps, double evictions) {
  return static_cast<size_t>(steps * evictions);
}
// What was read in the step is scored too where it is so much of HBM.
constexpr double kMostlyRead = 0.75;
// Of a group's misses, per step.
constexpr float kMissedDecay = 0.8f;
// A group is surprised by so many misses, and so many times as usual.
constexpr size_t kFewMissed = 4;
constexpr float kSurprise = 4;
// There is no usual before so many steps.
constexpr uint32_t kFirstSteps = 16;
// Keys are sorted by this many equal steps.
constexpr int kSortBits = 12;

// A counting sort of `in` into out[0 .. in.size()), by place(item) < places;
// equals keep their order. `ends` is scratch.
template <typename Item, typename Place>
void SortByPlace(const std::vector<Item>& in, size_t places, Place place,
                 std::vector<size_t>* ends, Item* out) {
  ends->assign(places + 1, 0);
  for (const Item& item : in) ++(*ends)[place(item) + 1];
  std::partial_sum(ends->begin(), ends->end(), ends->begin());
  for (const Item& item : in) out[(*ends)[place(item)]++] = item;
}

}  // namespace

void BlockRanking::Events::Begin(uint32_t now) {
  step = now;
  hits.clear();
  misses.clear();
  evicted.clear();
  groups_read.assign(groups_read.size(), false);
  may_repeat = false;
}

void BlockRanking::Events::Add(absl::Span<const BlockId> reads,
                               absl::Span<const uint8_t> in_hbm) {
  const size_t hits_before = hits.size();
  const size_t misses_before = misses.size();
  hits.resize(hits_before + reads.size());
  misses.resize(misses_before + reads.size());
  BlockId* hit = hits.data() + hits_before;
  BlockId* miss = misses.data() + misses_before;
  for (size_t i = 0; i < reads.size(); ++i) {
    *hit = *miss = reads[i];
    hit += in_hbm[i];
    miss += 1 - in_hbm[i];
  }
  hits.resize(static_cast<size_t>(hit - hits.data()));
  misses.resize(static_cast<size_t>(miss - misses.data()));
}

void BlockRanking::Events::RemoveRepeats() {
  if (!may_repeat) return;
  may_repeat = false;
  for (std::vector<BlockId>* list : {&hits, &misses, &evicted}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  misses.erase(std::remove_if(misses.begin(), misses.end(),
                              [this](BlockId block) {
                                return std::binary_search(hits.begin(),
                                                          hits.end(), block);
                              }),
               misses.end());
}

size_t BlockRanking::Displaced() const {
  return Depth((Blind() ? kDepthsWhenBlind : kDepths).displaced, evictions_);
}

size_t BlockRanking::DisplacedByListed() const {
  return Depth((Blind() ? kDepthsWhenBlind : kDepths).displaced_by_listed,
               evictions_);
}

size_t BlockRanking::Covered() const {
  return Depth((Blind() ? kDepthsWhenBlind : kDepths).covered, evictions_) +
         kSpare;
}

size_t BlockRanking::MostWanted() const {
  return Depth(kMostWanted, evictions_) + kSpare;
}

void BlockRanking::EndStep(uint32_t step, const BlockTable& blocks,
                           const Residency& residency) {
  elapsed_ = until_ == 0 ? 1 : std::max(1u, step - now_);
  now_ = step;
  until_ = step + 1;
  heard_ = true;
  events_.Hear(step);
  evictions_ += kEvictionSmoothing *
                (static_cast<double>(events_.evicted.size()) - evictions_);
  events_.RemoveRepeats();
  listed_until_ = until_;
  WorthOfNew(blocks);
  ShortlistVictims(blocks, residency);
  ShortlistWanted(blocks, residency);
}

void BlockRanking::WorthOfNew(const BlockTable& blocks) {
  reads_ += kReadSmoothing *
            (static_cast<double>(events_.hits.size() + events_.misses.size()) -
             reads_);
  const double others =
      std::max(reads_, 1.0) /
      static_cast<double>(std::max<uint64_t>(blocks.live(), 1));
  births_ = std::max(static_cast<double>(births_now_), births_ * kBirthMemory);
  births_now_ = 0;
  // A few are always read.
  new_key_ = births_ < kSpare ? KeyIndex::kMostKey
                              : KeyOfLog2(std::log2(kNewToOthers * others));
}

void BlockRanking::ShortlistVictims(const BlockTable& blocks,
                                    const Residency& residency) {
  sorted_.clear();
  const auto add = [&](BlockId block) {
    sorted_.push_back({Key(block, blocks.group(block)), block});
  };
  const auto in_hbm = [&](BlockId block) {
    return residency.tier(block) == Tier::kHbm;
  };
  covered_victims_ = 0;
  for (; covered_victims_ < victims_.size() && sorted_.size() < Covered();
       ++covered_victims_) {
    const BlockId block = victims_[covered_victims_].block;
    if (in_hbm(block) && !ReadSinceRanking(block)) add(block);
  }
  covers_reads_ =
      static_cast<double>(events_.hits.size() + events_.misses.size()) >
      kMostlyRead * static_cast<double>(residency.resident_blocks());
  if (covers_reads_) {
    for (const auto* list : {&events_.hits, &events_.misses}) {
      ShortlistReads(*list, blocks, residency);
    }
  }
  SortByKey(sorted_, &short_victims_);
  int32_t displaced_key = kLeastKey;
  if (!short_victims_.empty()) {
    displaced_key =
        short_victims_[std::min(Displaced(), short_victims_.size() - 1)].key;
  }
  SetThresholds(displaced_key, &thresholds_);
  OrderByGroup(blocks);
}

void BlockRanking::ShortlistReads(absl::Span<const BlockId> reads,
                                  const BlockTable& blocks,
                                  const Residency& residency) {
  std::array<BlockId, kFeatureBatch> batch;
  for (size_t next = 0; next < reads.size();) {
    size_t count = 0;
    for (; next < reads.size() && count < kFeatureBatch; ++next) {
      batch[count] = reads[next];
      count += residency.tier(reads[next]) == Tier::kHbm &&
               ReadSinceRanking(reads[next]);
    }
    VisitKeys(absl::MakeConstSpan(batch).first(count), blocks,
              [this](BlockId block, GroupId, int32_t key) {
                sorted_.push_back({key, block});
              });
  }
}

void BlockRanking::SortByKey(const std::vector<RankedBlock>& in,
                             std::vector<RankedBlock>* out) {
  out->resize(in.size());
  if (in.empty()) return;
  int32_t least = std::numeric_limits<int32_t>::max();
  int32_t most = std::numeric_limits<int32_t>::min();
  for (const RankedBlock& r : in) {
    least = std::min(least, r.key);
    most = std::max(most, r.key);
  }
  int shift = 0;
  while (((most - least) >> shift) >= (1 << kSortBits)) ++shift;
  const auto place = [&](const RankedBlock& r) {
    return static_cast<size_t>((r.key - least) >> shift);
  };
  SortByPlace(in, place({most, BlockId(0)}) + 1, place, &ends_, out->data());
  // Ties must not depend on the order in which a step was heard.
  for (auto first = out->begin(); first != out->end();) {
    const auto end = std::find_if(first, out->end(), [&](const RankedBlock& r) {
      return place(r) != place(*first);
    });
    const auto by_block = [](const RankedBlock& a, const RankedBlock& b) {
      return a.block < b.block;
    };
    if (!std::is_sorted(first, end, by_block)) std::sort(first, end, by_block);
    first = end;
  }
}

// What each of the steps evicts that the order is for or that come before it.
void BlockRanking::OrderByGroup(const BlockTable& blocks) {
  const auto each = static_cast<size_t>(evictions_ / elapsed_);
  if (each == 0) return;
  const size_t end =
      std::min((lead_ + elapsed_ - 1) * each, short_victims_.size());
  for (size_t first = 0; first < end; first += each) {
    const auto step = short_victims_.begin() + static_cast<ptrdiff_t>(first);
    sorted_.assign(step, std::min(step + static_cast<ptrdiff_t>(each),
                                  short_victims_.end()));
    SortByPlace(
        sorted_, device_.groups.size(),
        [&](const RankedBlock& r) { return blocks.group(r.block).value(); },
        &ends_, &short_victims_[first]);
  }
}

void BlockRanking::ShortlistMissed(absl::Span<const BlockId> missed,
                                   const BlockTable& blocks,
                                   const Residency& residency,
                                   std::vector<size_t>* missed_now) {
  FeatureColumns columns;
  std::array<float, kFeatureBatch> logs;
  const bool follows_values = FollowsValues();
  if (follows_values) history_.ColumnsAfterRead(missed, now_, &columns);
  ForEachRun(blocks, missed, [&](size_t first, size_t count, GroupId group) {
    if (follows_values) {
      model_.LogProbabilities(group, columns, first, count, &logs);
    }
    const int32_t threshold = Threshold(group, false);
    size_t wanted = 0;
    for (size_t i = first; i < first + count; ++i) {
      const BlockId block = missed[i];
      // The handle of a block that was read may be another's by now.
      const int32_t key = follows_values && history_.last_read(block) == now_
                              ? KeyOfLog(logs[i], group)
                              : KeyIfRead(block, group);
      if (key < threshold) continue;
      ++wanted;
      if (residency.tier(block) == Tier::kDram) short_wanted_.push_back(block);
    }
    missed_[group.value()].all += static_cast<float>(count);
    missed_[group.value()].wanted += static_cast<float>(wanted);
    (*missed_now)[group.value()] += count;
  });
}

void BlockRanking::ShortlistWanted(const BlockTable& blocks,
                                   const Residency& residency) {
  for (Missed& missed : missed_) {
    missed.all *= kMissedDecay;
    missed.wanted *= kMissedDecay;
  }
  short_wanted_.clear();
  std::vector<size_t>& now = ends_;
  now.assign(missed_.size(), 0);
  const absl::Span<const BlockId> misses(events_.misses);
  for (size_t i = 0; i < misses.size(); i += kFeatureBatch) {
    ShortlistMissed(misses.subspan(i, kFeatureBatch), blocks, residency, &now);
  }
  AdmitSurprises(now);
  const auto add_evicted = [&](BlockId block) {
    if (residency.tier(block) == Tier::kDram &&
        WorthIt(block, blocks.group(block))) {
      short_wanted_.push_back(block);
    }
  };
  for (const BlockId block : events_.hits) add_evicted(block);
  // Those that the step read are in the other lists; one that was never read
  // may be in the ranking's, by an earlier life of its handle.
  for (const BlockId block : events_.evicted) {
    const uint32_t last = history_.last_read(block);
    if (last != now_ && last != BlockHistory::kNever) add_evicted(block);
  }
}

// What is wanted has changed. Prices and probabilities follow in some twenty
// steps; until then the group promotes all that surprised it.
void BlockRanking::AdmitSurprises(const std::vector<size_t>& missed_now) {
  if (now_ < kFirstSteps) return;
  for (size_t g = 0; g < missed_.size(); ++g) {
    const auto just = static_cast<float>(missed_now[g]);
    const float usual =
        (missed_[g].all - just) * (1 - kMissedDecay) / kMissedDecay;
    if (missed_now[g] >= kFewMissed && just > kSurprise * usual) {
      missed_[g].wanted = missed_[g].all;
    }
  }
}

void BlockRanking::AppendVictims(const Residency& residency, size_t count,
                                 std::vector<BlockId>* queue) const {
  const size_t most = queue->size() + count;
  const size_t covered = queue->size() + Covered();
  const auto append = [&](BlockId block) {
    if (residency.tier(block) == Tier::kHbm) queue->push_back(block);
    return queue->size() < most;
  };
  if (count == 0) return;
  for (const RankedBlock& r : short_victims_) {
    if (queue->size() >= covered && WorthMoreThanNew(r)) return;
    if (!ReadSince(r.block, listed_until_) && !append(r.block)) return;
  }
  size_t next = covered_victims_;
  for (; next < victims_.size() && queue->size() < covered; ++next) {
    const BlockId block = victims_[next].block;
    if (!ReadSinceRanking(block) && !append(block)) return;
  }
  if (queue->size() >= covered) {
    return AppendTail(residency, absl::MakeConstSpan(victims_).subspan(next),
                      most, queue);
  }
  // Where little else is left, better one of those just read than none.
  if (covers_reads_) return;
  for (const RankedBlock& r : victims_) {
    if (ReadSinceRanking(r.block) && !append(r.block)) return;
  }
}

// Without branches: it is long.
void BlockRanking::AppendTail(const Residency& residency,
                              absl::Span<const RankedBlock> victims,
                              size_t most, std::vector<BlockId>* queue) const {
  const bool births = new_key_ < KeyIndex::kMostKey;
  if (births) {
    const auto end =
        std::find_if(victims.begin(), victims.end(),
                     [this](const auto& r) { return WorthMoreThanNew(r); });
    victims = victims.first(static_cast<size_t>(end - victims.begin()));
  }
  // What was read since is in the shortlist or passed over. It is not looked
  // for where only a change of topic gets that far.
  const bool looks = covers_reads_ || births;
  size_t size = queue->size();
  queue->resize(std::min(most, size + victims.size()));
  BlockId* const out = queue->data();
  for (auto r = victims.begin(); r != victims.end() && size < most; ++r) {
    out[size] = r->block;
    size += residency.tier(r->block) == Tier::kHbm &&
            !(looks && ReadSinceRanking(r->block));
  }
  queue->resize(size);
}

}  // namespace kvplace
