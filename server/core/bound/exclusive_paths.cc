#include "server/core/bound/exclusive_paths.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace kvplace {
namespace {

// First phase after a use in which a fetch is one: while it is being read a
// block is promoted instead.
uint32_t FetchFrom(const BlockUse& use) {
  return use.phase() + (use.read() ? 1 : 0);
}

class ExclusivePaths {
 public:
  ExclusivePaths(const AccessWindow& window, const PathCosts& costs,
                 PathTotals* totals)
      : window_(window), costs_(costs), totals_(*totals) {}

  void Add(uint32_t block) {
    uses_ = window_.uses(block);
    writes_ = window_.writes(block);
    born_ = window_.block(block).born;
    last_ = window_.block(block).last;
    bytes_ = static_cast<double>(window_.block_bytes(block).count());
    if (totals_.choices.size() < uses_.size()) {
      totals_.choices.resize(uses_.size());
    }
    Find();
  }

 private:
  // Of the cheapest way to be in HBM at a use, less the rents of all phases up
  // to there, and not to be, per byte.
  struct Cost {
    double in, out;
  };

  void Find();
  void Serve(size_t j, Cost* cost) const;
  uint8_t Cross(const BlockUse& before, uint32_t q, Cost* cost) const;
  void End(const Cost& cost);
  void Trace(bool resident, uint32_t until);

  const AccessWindow& window_;
  const PathCosts& costs_;
  PathTotals& totals_;
  // Of the block in hand.
  std::span<const BlockUse> uses_;
  std::span<const uint32_t> writes_;
  uint32_t born_ = 0;
  uint32_t last_ = 0;
  double bytes_ = 0;
};

void ExclusivePaths::Find() {
  std::vector<uint8_t>& choices = totals_.choices;
  const uint32_t first = uses_[0].phase();
  Cost cost = {-costs_.RentBefore(born_), 0};
  choices[0] = kStayed;
  if (costs_.phase(first).least_fetch < cost.in && first > born_) {
    const double fetched = costs_.LeastFetch(born_, first);
    if (fetched < cost.in) {
      cost.in = fetched;
      choices[0] = kFetched;
    }
  }
  Serve(0, &cost);
  for (size_t j = 1; j < uses_.size(); ++j) {
    choices[j] = Cross(uses_[j - 1], uses_[j].phase(), &cost);
    Serve(j, &cost);
  }
  End(cost);
}

// What happens at use j.
inline void ExclusivePaths::Serve(size_t j, Cost* cost) const {
  const uint32_t p = uses_[j].phase();
  if (uses_[j].read()) {
    cost->in += costs_.phase(p).hit;
    cost->out += costs_.phase(p).miss;
  }
  if (writes_[j] == 0) return;
  const double written = writes_[j] / bytes_;
  cost->in += written * costs_.new_in_hbm(p);
  cost->out += written * costs_.new_in_dram(p);
}

// From a use to the next one, in phase q: the cheapest ways to be in HBM then,
// and not to be; returns the choice.
//
// The least fetch of all phases before q and the least eviction of all from p
// on are mostly in the gap, and then they are the gap's own; where they are not
// they still rule most fetches and evictions out. So there are hardly any
// branches (as long as gcc sees no `if` in the choices). Evicted and fetched
// again pays only where the rents up to the fetch are more than those up to the
// eviction, so where it does the eviction is before the fetch, and both are in
// the gap.
inline uint8_t ExclusivePaths::Cross(const BlockUse& before, uint32_t q,
                                     Cost* cost) const {
  const uint32_t p = before.phase();
  const PathCosts::Phase& c = costs_.phase(p);
  const PathCosts::Phase& d = costs_.phase(q);
  const double in = cost->in;
  const double out = cost->out;
  double arrive = in;
  bool promote = false;
  if (before.read()) {
    const double promoted = out + c.promote_less_rent;
    promote = promoted < in;
    arrive = std::min(in, promoted);
  }
  double fetched = out + d.least_fetch;
  const uint32_t from = FetchFrom(before);
  if ((d.least_fetch_at < from) & (fetched < arrive)) [[unlikely]] {
    fetched = from < q ? out + costs_.LeastFetch(from, q) : arrive;
  }
  const bool fetch = fetched < arrive;
  arrive = std::min(arrive, fetched);
  const double returned = in + (c.least_evict + d.least_fetch);
  const bool comes_back = returned < arrive;
  arrive = std::min(arrive, returned);
  double evicted = in + c.least_evict;
  if ((c.least_evict_at >= q) & (evicted < out)) [[unlikely]] {
    evicted = in + costs_.LeastEvict(p, q);
  }
  *cost = {arrive, std::min(out, evicted)};
  promote = promote & !fetch;
  static_assert(kReturned == (kPromoted | kFetched));
  return static_cast<uint8_t>(
      (promote ? kPromoted : 0) | (fetch ? kFetched : 0) |
      (comes_back ? kReturned : 0) | (evicted < out ? kLeft : 0));
}

// After the last use: to the end, or out at the best phase before it.
void ExclusivePaths::End(const Cost& cost) {
  const uint32_t p = uses_.back().phase();
  uint32_t until = last_;
  double end = cost.in + costs_.phase(last_).rent_sum;
  if (p < last_) {
    const double evicted = cost.in + costs_.LeastEvict(p, last_);
    if (evicted < end) {
      end = evicted;
      until = costs_.EvictAt(p, last_);
    }
  }
  totals_.cost += bytes_ * std::min(end, cost.out);
  Trace(end <= cost.out, until);
}

// Back along the choices.
void ExclusivePaths::Trace(bool resident, uint32_t until) {
  if (resident && until < last_) totals_.demand[until].usage.evicted += bytes_;
  for (size_t j = uses_.size(); j-- > 0;) {
    const uint8_t choice = totals_.choices[j];
    const uint32_t at = uses_[j].phase();
    const uint32_t previous = j > 0 ? uses_[j - 1].phase() : 0;
    if (!resident) {
      if (writes_[j] != 0) totals_.demand[at].usage.new_in_dram += writes_[j];
      if (j > 0 && (choice & kLeft) != 0) {
        until = costs_.EvictAt(previous, at);
        totals_.demand[until].usage.evicted += bytes_;
        resident = true;
      }
      continue;
    }
    PhaseUsage& usage = totals_.demand[at].usage;
    if (uses_[j].read()) usage.hits += bytes_;
    if (writes_[j] != 0) usage.new_in_hbm += writes_[j];
    switch (choice & kArrivalBits) {
      case kStayed:
        if (j == 0) totals_.Occupy(born_, until, bytes_);
        break;
      case kPromoted:
        totals_.Promote(previous, until, bytes_);
        resident = false;
        break;
      case kFetched:
        totals_.Fetch(
            costs_.FetchAt(j > 0 ? FetchFrom(uses_[j - 1]) : born_, at), until,
            bytes_);
        resident = false;
        break;
      default:
        totals_.Fetch(costs_.phase(at).least_fetch_at, until, bytes_);
        until = costs_.phase(previous).least_evict_at;
        totals_.demand[until].usage.evicted += bytes_;
        break;
    }
  }
}

}  // namespace

void AddExclusivePaths(const AccessWindow& window, const PathCosts& costs,
                       uint32_t first, uint32_t end, PathTotals* totals) {
  ExclusivePaths paths(window, costs, totals);
  for (uint32_t i = first; i < end; ++i) paths.Add(i);
}

}  // namespace kvplace
