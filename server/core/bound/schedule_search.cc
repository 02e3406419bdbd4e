#include "server/core/bound/schedule_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace kvplace {
namespace {

// A fetch near the use, where rent is least: in phases.
constexpr uint32_t kNear = 60;
constexpr uint8_t kMostQuiet = 255;
// The lower half of a random number.
constexpr uint64_t kLow = 0xffffffff;

// Bits first .. last, of 64 phases.
uint64_t MaskOf(uint32_t first, uint32_t last) {
  return (~uint64_t{0} << (first % 64)) & (~uint64_t{0} >> (63 - last % 64));
}

}  // namespace

ScheduleSearch::ScheduleSearch(const AccessWindow& window,
                               ClairvoyantSchedule start, uint64_t seed)
    : window_(window),
      random_(seed),
      order_(window.blocks()),
      limits_(window.device()),
      routing_(window.device().read_routing) {
  std::iota(order_.begin(), order_.end(), 0u);
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const int64_t bytes = window.block_bytes(i).count();
    if (bytes <= window.capacity().count()) room_ = std::max(room_, bytes);
  }
  block_time_ = static_cast<double>(window.largest_block().count()) *
                std::max(limits_.link_read(), limits_.internal());
  Restart(std::move(start));
}

void ScheduleSearch::Restart(ClairvoyantSchedule start) {
  schedule_ = std::move(start);
  const uint32_t phases = window_.phases();
  phases_.assign(phases, Phase());
  resident_.assign(phases, 0);
  full_.assign((size_t{phases} + 63) / 64, 0);
  quiet_.assign(window_.blocks(), 0);
  const double fixed =
      static_cast<double>(window_.device().fixed_bytes_per_phase.count());
  for (uint32_t p = 0; p < phases; ++p) {
    PhaseLoad& load = phases_[p].load;
    load.hbm = load.fixed = fixed;
    if (!limits_.exclusive()) {
      const auto n = static_cast<double>(window_.new_kv()[p].count());
      load.hbm += n;
      load.fixed += n;
      load.dram_write += n;
    }
  }
  for (uint32_t i = 0; i < window_.blocks(); ++i) {
    TakeInHand(i);
    Count(i, 1);
    for (const Stay& stay : stays_)
      Occupy(stay, window_.block_bytes(i).count());
  }
  // Phases without room for the largest block although nothing was added.
  for (uint32_t p = 0; p < phases; ++p) {
    if (resident_[p] > window_.capacity().count() - room_) {
      full_[p / 64] |= uint64_t{1} << (p % 64);
    }
  }
}

inline double ScheduleSearch::Time(const PhaseLoad& load) const {
  const double r = load.dram_read;
  const double w = load.dram_write;
  const double dram = std::max(
      r * limits_.link_read(),
      std::max(w * limits_.link_write(), (r + w) * limits_.internal()));
  const double hbm =
      routing_ ? std::max((load.hbm + r) * limits_.both(),
                          std::max((load.hbm + r + w) * limits_.both_internal(),
                                   load.fixed * limits_.hbm()))
               : load.hbm * limits_.hbm();
  const double most = std::max(hbm, dram);
  const double inside = std::max(0.0, width_ - std::abs(hbm - dram));
  return most + inside * inside * corner_;
}

inline double ScheduleSearch::PricedTime(uint32_t phase,
                                         const PhaseLoad& load) const {
  const double share = options_->linear_share;
  if (share == 0) return Time(load);
  const PhaseLoad& price = phases_[phase].price;
  const double linear =
      load.hbm * price.hbm + load.dram_read * price.dram_read +
      load.dram_write * price.dram_write + load.fixed * price.fixed;
  return (1 - share) * Time(load) + share * linear;
}

void ScheduleSearch::SetPrices() {
  rent_sums_.resize(options_->prices.size());
  const double least_rent =
      limits_.hbm() / (2 * static_cast<double>(rent_sums_.size()));
  double sum = 0;
  for (size_t p = 0; p < rent_sums_.size(); ++p) {
    const PhasePrices& prices = options_->prices[p];
    // Where room is free, a shorter stay is still the better one.
    sum += std::max(prices.rent, least_rent);
    rent_sums_[p] = sum;
    phases_[p].price = limits_.PriceOf(prices);
  }
}

double ScheduleSearch::Total() const {
  double total = 0;
  for (const Phase& phase : phases_) total += Time(phase.load);
  return total;
}

void ScheduleSearch::TakeInHand(uint32_t block) {
  uses_ = window_.uses(block);
  writes_ = window_.writes(block);
  stays_ = std::span(schedule_.stays)
               .subspan(window_.block(block).first_use, uses_.size());
  bytes_ = static_cast<double>(window_.block_bytes(block).count());
  last_ = window_.block(block).last;
}

void ScheduleSearch::Count(uint32_t block, double sign) {
  const double bytes = sign * bytes_;
  for (size_t j = 0; j < uses_.size(); ++j) {
    PhaseLoad& load = phases_[uses_[j].phase()].load;
    const Stay& stay = stays_[j];
    if (uses_[j].read()) {
      (stay.resident() ? load.hbm : load.dram_read) += bytes;
    }
    if (limits_.exclusive()) {
      (stay.resident() ? load.hbm : load.dram_write) += sign * writes_[j];
    }
    if (!stay.resident()) continue;
    const StayEdges edges = EdgesOf(window_.block(block), uses_, stays_, j);
    if (edges.arrival == StayEdges::kPromoted ||
        edges.arrival == StayEdges::kFetched) {
      PhaseLoad& before = phases_[stay.from - 1].load;
      before.hbm += bytes;
      before.fixed += bytes;
      if (edges.arrival == StayEdges::kFetched) before.dram_read += bytes;
    }
    if (limits_.exclusive() && edges.evicted) {
      phases_[stay.until].load.hbm += bytes;
      phases_[stay.until].load.dram_write += bytes;
    }
  }
}

void ScheduleSearch::Occupy(const Stay& stay, int64_t bytes) {
  if (!stay.resident()) return;
  const int64_t most = window_.capacity().count() - room_;
  for (uint32_t p = stay.from; p <= stay.until;) {
    const uint32_t word = p / 64;
    const uint32_t end = std::min(stay.until + 1, 64 * (word + 1));
    const uint64_t these = MaskOf(p, end - 1);
    uint64_t full = 0;
    for (; p < end; ++p) {
      resident_[p] += bytes;
      full |= uint64_t{resident_[p] > most} << (p % 64);
    }
    full_[word] = (full_[word] & ~these) | full;
  }
}

bool ScheduleSearch::Open(uint32_t first, uint32_t end) const {
  if (first >= end) return true;
  const uint32_t last = end - 1;
  uint32_t word = first / 64;
  if (word == last / 64) return (full_[word] & MaskOf(first, last)) == 0;
  if ((full_[word] & MaskOf(first, first | 63)) != 0) return false;
  for (++word; word < last / 64; ++word) {
    if (full_[word] != 0) return false;
  }
  return (full_[word] & MaskOf(0, last)) == 0;
}

bool ScheduleSearch::OpenFor(size_t j, uint32_t first, uint32_t end) const {
  if (j > 0 && stays_[j - 1].resident()) {
    first = std::max(first, stays_[j - 1].until + 1);
  }
  if (j < stays_.size() && stays_[j].resident()) {
    end = std::min(end, stays_[j].from);
  }
  return Open(first, end);
}

double ScheduleSearch::Rent(uint32_t first, uint32_t end) const {
  const double before = first == 0 ? 0 : rent_sums_[first - 1];
  return options_->rent_share * bytes_ * (rent_sums_[end - 1] - before);
}

void ScheduleSearch::TryFetch(size_t j, uint32_t phase, double before,
                              bool from_in, double* best) {
  const uint32_t end = uses_[j].phase() + 1;
  const double rent = Rent(phase + 1, end);
  if (before + rent >= *best || !OpenFor(j, phase + 1, end)) return;
  PhaseLoad load = phases_[phase].load;
  if (stays_[j].resident() && stays_[j].from == phase + 1) {
    // The block's own fetch, which is in the load already.
    load.hbm -= bytes_;
    load.fixed -= bytes_;
    load.dram_read -= bytes_;
  }
  PhaseLoad more = load;
  more.hbm += bytes_;
  more.fixed += bytes_;
  more.dram_read += bytes_;
  const double cost =
      before + rent + PricedTime(phase, more) - PricedTime(phase, load);
  if (cost >= *best) return;
  *best = cost;
  steps_[j].from = phase + 1;
  steps_[j].in_from_in = from_in;
}

uint32_t ScheduleSearch::PhaseWithSlack(uint32_t first, uint32_t end) {
  const uint64_t draw = random_();
  // Every other time near the use.
  if ((draw & 1) != 0) first = std::max(first, end - std::min(end, kNear));
  const uint64_t length = end - first;
  const auto a = first + static_cast<uint32_t>((draw >> 32) * length >> 32);
  const auto b = first + static_cast<uint32_t>((draw & kLow) * length >> 32);
  const auto busy = [this](uint32_t phase) {
    return phases_[phase].load.dram_read * limits_.link_read() -
           phases_[phase].load.hbm * limits_.hbm();
  };
  return busy(a) <= busy(b) ? a : b;
}

void ScheduleSearch::Arrive(uint32_t block, size_t j) {
  Step& step = steps_[j];
  const uint32_t q = uses_[j].phase();
  double best = kNever;
  double before = 0;  // of not being in HBM since the use before
  uint32_t gap = window_.block(block).born;
  step.from = Stay::kNone;
  step.in_from_in = step.out_from_in = false;
  if (j == 0) {
    if (OpenFor(0, gap, q + 1)) {
      best = Rent(gap, q + 1);
      step.from = gap;
    }
  } else {
    const Step& last = steps_[j - 1];
    gap = uses_[j - 1].phase() + 1;
    step.out_from_in = last.evicted < last.out;
    before = step.out_from_in ? last.evicted : last.out;
    const double arrived =
        uses_[j - 1].read() ? std::min(last.in, last.promoted) : last.in;
    if (arrived < kNever && OpenFor(j, gap, q + 1)) {
      best = arrived + Rent(gap, q + 1);
      step.from = gap;
      step.in_from_in = last.in <= arrived;
    }
  }
  if (gap < q) {
    // A fetch costs at least its write into HBM.
    if (best - before > bytes_ * limits_.hbm()) {
      TryFetch(j, PhaseWithSlack(gap, q), before, step.out_from_in, &best);
    }
    const Stay& now = stays_[j];
    if (now.resident() && now.from > gap) {
      TryFetch(j, now.from - 1, before, step.out_from_in, &best);
    }
  }
  // One that is larger than HBM waits outside.
  if (bytes_ > static_cast<double>(room_)) best = kNever;
  step.in = step.evicted = best;
  step.out = step.promoted = before;
}

inline PhaseLoad ScheduleSearch::LoadOfOthers(size_t j, double read,
                                              double written) const {
  const Stay& stay = stays_[j];
  const uint32_t p = uses_[j].phase();
  const Stay next = j + 1 < stays_.size() ? stays_[j + 1] : Stay();
  PhaseLoad load = phases_[p].load;
  if (!stay.resident()) {
    load.dram_read -= read;
    load.dram_write -= written;
    if (next.from == p + 1) {
      // Promoted, or fetched while it is not being read.
      load.hbm -= bytes_;
      load.fixed -= bytes_;
      if (read == 0) load.dram_read -= bytes_;
    }
    return load;
  }
  load.hbm -= read + written;
  if (limits_.exclusive() && stay.until == p && next.from != p + 1 &&
      p < last_) {
    load.hbm -= bytes_;
    load.dram_write -= bytes_;
  }
  return load;
}

void ScheduleSearch::Serve(size_t j) {
  Step& step = steps_[j];
  const uint32_t p = uses_[j].phase();
  const double read = uses_[j].read() ? bytes_ : 0;
  const double written = limits_.exclusive() ? writes_[j] : 0;
  const PhaseLoad load = LoadOfOthers(j, read, written);
  PhaseLoad out = load;
  out.dram_read += read;
  out.dram_write += written;
  step.out += PricedTime(p, out);
  out.hbm += bytes_;
  out.fixed += bytes_;
  step.promoted += PricedTime(p, out);
  if (step.in >= kNever) return;
  PhaseLoad in = load;
  in.hbm += read + written;
  step.in += PricedTime(p, in);
  if (limits_.exclusive()) {
    in.hbm += bytes_;
    in.dram_write += bytes_;
    step.evicted += PricedTime(p, in);
  } else {
    step.evicted = step.in;
  }
}

void ScheduleSearch::FindPath(uint32_t block) {
  steps_.resize(uses_.size());
  for (size_t j = 0; j < uses_.size(); ++j) {
    Arrive(block, j);
    Serve(j);
  }
}

void ScheduleSearch::TracePath(uint32_t block) {
  const size_t n = uses_.size();
  const uint32_t last_phase = uses_[n - 1].phase();
  const uint32_t end = window_.block(block).last;
  path_.assign(n, Stay());
  const Step& final = steps_[n - 1];
  uint32_t until = last_phase;
  double in = final.evicted;
  if (limits_.exclusive() && OpenFor(n, last_phase + 1, end + 1)) {
    const double stays =
        final.in + (end > last_phase ? Rent(last_phase + 1, end + 1) : 0);
    if (stays < in) {
      in = stays;
      until = end;
    }
  }
  bool resident = in < final.out;
  for (size_t j = n; j-- > 0;) {
    if (!resident) {
      resident = steps_[j].out_from_in;
      if (j > 0) until = uses_[j - 1].phase();
      continue;
    }
    path_[j] = {steps_[j].from, until};
    resident = steps_[j].in_from_in;
    if (j > 0) until = uses_[j - 1].phase();
  }
}

bool ScheduleSearch::Replace(uint32_t block) {
  if (std::equal(path_.begin(), path_.end(), stays_.begin())) return false;
  const int64_t bytes = window_.block_bytes(block).count();
  Count(block, -1);
  for (size_t j = 0; j < path_.size(); ++j) {
    if (path_[j] == stays_[j]) continue;
    Occupy(stays_[j], -bytes);
    stays_[j] = path_[j];
    Occupy(stays_[j], bytes);
  }
  Count(block, 1);
  return true;
}

uint64_t ScheduleSearch::Sweep(const SweepOptions& options) {
  options_ = &options;
  width_ = options.smoothing * block_time_;
  corner_ = width_ > 0 ? 1 / (4 * width_) : 0;
  SetPrices();
  std::shuffle(order_.begin(), order_.end(), random_);
  uint64_t moved = 0;
  for (const uint32_t block : order_) {
    uint8_t& quiet = quiet_[block];
    const uint32_t rest = std::min<uint32_t>(quiet, options.most_rest);
    if (rest > 0 && random_() % (rest + 1) != 0) continue;
    TakeInHand(block);
    FindPath(block);
    TracePath(block);
    if (Replace(block)) {
      ++moved;
      quiet = 0;
    } else if (quiet < kMostQuiet) {
      ++quiet;
    }
  }
  width_ = corner_ = 0;
  return moved;
}

}  // namespace kvplace
