#include "server/core/bound/dual_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvplace {
namespace {

// Parts of the blocks: enough for a few threads, few enough that their arrays
// by phase are small beside the uses.
constexpr size_t kShards = 4;

// How a block comes to be in HBM at a use; two bits of a choice.
enum Arrival : uint8_t {
  kStayed,    // was there since the use before, or its birth
  kPromoted,  // at the use before, which read it from DRAM
  kFetched,   // in between
  kReturned,  // evicted and fetched again in between (exclusive mode)
};
constexpr uint8_t kArrivalBits = 3;
// The path that is not in HBM at this use was in it at the use before.
constexpr uint8_t kLeft = 4;

// Rounding of one operation, and a share of the sums' magnitude for those that
// do not run along a block's uses.
constexpr double kUlp = std::numeric_limits<double>::epsilon();
constexpr double kRounding = 1e-12;
// Operations along a path per use, and more than there are.
constexpr double kOperations = 16;

// First phase after a use in which a fetch is one: while it is being read a
// block is promoted instead.
uint32_t FetchFrom(const BlockUse& use) {
  return use.phase() + (use.read() ? 1 : 0);
}

}  // namespace

void RunInOrder(size_t n, const std::function<void(size_t)>& task) {
  for (size_t i = 0; i < n; ++i) task(i);
}

DualBound::DualBound(const AccessWindow& window)
    : window_(window), limits_(window.device()) {
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const auto uses = static_cast<double>(window.uses(i).size());
    most_uses_ = std::max(most_uses_, uses);
    use_bytes_ += uses * static_cast<double>(window.block_bytes(i).count());
  }
  // About as many uses in each.
  uint32_t block = 0;
  for (size_t s = 0; s < kShards; ++s) {
    Shard shard;
    shard.first_block = block;
    const uint64_t end_use = window.total_uses() * (s + 1) / kShards;
    while (block < window.blocks() && window.block(block).first_use < end_use) {
      ++block;
    }
    shard.end_block = s + 1 == kShards ? window.blocks() : block;
    if (shard.end_block > shard.first_block) {
      shards_.push_back(std::move(shard));
    }
  }
}

void DualBound::Price(const std::vector<PhasePrices>& prices) {
  const size_t n = prices.size();
  const bool exclusive = limits_.exclusive();
  phases_.resize(n);
  fetch_less_rent_.resize(n);
  if (exclusive) {
    evict_and_rent_.resize(n);
    new_in_hbm_.resize(n);
    new_in_dram_.resize(n);
  }
  double rents = 0;
  double least_fetch = std::numeric_limits<double>::infinity();
  uint32_t least_fetch_at = 0;
  for (size_t p = 0; p < n; ++p) {
    const UsageCost cost = limits_.CostOf(prices[p]);
    rents += prices[p].rent;
    phases_[p] = {cost.hit, cost.miss,   cost.promote - rents,
                  rents,    least_fetch, least_fetch_at};
    fetch_less_rent_[p] = cost.prefetch - rents;
    if (fetch_less_rent_[p] < least_fetch) {
      least_fetch = fetch_less_rent_[p];
      least_fetch_at = static_cast<uint32_t>(p);
    }
    if (exclusive) {
      evict_and_rent_[p] = cost.evict + rents;
      new_in_hbm_[p] = cost.new_in_hbm;
      new_in_dram_[p] = cost.new_in_dram;
    }
  }
  fetch_.Build(fetch_less_rent_);
  if (exclusive) {
    later_evict_.resize(n);
    LeastEvict least = {std::numeric_limits<double>::infinity(), 0};
    for (size_t p = n; p-- > 0;) {
      if (evict_and_rent_[p] <= least.cost) {
        least = {evict_and_rent_[p], static_cast<uint32_t>(p)};
      }
      later_evict_[p] = least;
    }
    evict_.Build(evict_and_rent_);
    evict_then_fetch_.Build(evict_and_rent_, fetch_less_rent_);
  }
}

double DualBound::Evaluate(const std::vector<PhasePrices>& prices,
                           const ParallelFor& parallel,
                           std::vector<PhaseDemand>* demand) {
  Price(prices);
  parallel(shards_.size(), [this](size_t s) { Run(&shards_[s]); });

  demand->assign(prices.size(), PhaseDemand());
  double paths = 0;
  for (const Shard& shard : shards_) {
    paths += shard.cost;
    for (size_t p = 0; p < prices.size(); ++p) {
      const PhaseDemand& part = shard.demand[p];
      PhaseDemand& sum = (*demand)[p];
      sum.usage.hits += part.usage.hits;
      sum.usage.promoted += part.usage.promoted;
      sum.usage.prefetched += part.usage.prefetched;
      sum.usage.evicted += part.usage.evicted;
      sum.usage.new_in_hbm += part.usage.new_in_hbm;
      sum.usage.new_in_dram += part.usage.new_in_dram;
      sum.resident += part.resident;
    }
  }
  double fixed = 0;
  double resident = 0;
  for (size_t p = 0; p < prices.size(); ++p) {
    fixed += limits_.Fixed(prices[p],
                           static_cast<double>(window_.new_kv()[p].count()));
    PhaseUsage& usage = (*demand)[p].usage;
    usage.misses =
        static_cast<double>(window_.read_bytes()[p].count()) - usage.hits;
    // So far only where stays begin and end.
    resident += (*demand)[p].resident;
    (*demand)[p].resident = resident;
  }
  const double rents = phases_.empty() ? 0 : phases_.back().rent_sum;
  const double rent = static_cast<double>(window_.capacity().count()) * rents;
  // Every operation along a path rounds what is at most the path's cost so far
  // plus all rents.
  const double rounding =
      kRounding * (fixed + std::abs(paths) + rent) +
      kOperations * kUlp * (most_uses_ * std::abs(paths) + use_bytes_ * rents);
  return fixed + paths - rent - rounding;
}

void DualBound::Run(Shard* shard) const {
  shard->cost = 0;
  shard->demand.assign(phases_.size(), PhaseDemand());
  for (uint32_t i = shard->first_block; i < shard->end_block; ++i) {
    if (limits_.exclusive()) {
      ExclusivePath(i, shard);
    } else {
      InclusivePath(i, shard);
    }
  }
}

void DualBound::Occupy(Shard* shard, uint32_t from, uint32_t until,
                       double bytes) {
  shard->demand[from].resident += bytes;
  if (until + 1 < shard->demand.size()) {
    shard->demand[until + 1].resident -= bytes;
  }
}

// Two costs run along the uses: the cheapest way to be in HBM at this use, and
// not to be. Demotion is free, so out of HBM one comes from either. `in` leaves
// out the rents of all phases up to here: staying costs nothing then, and the
// loop has no more than a few additions and choices without branches.
void DualBound::InclusivePath(uint32_t i, Shard* shard) const {
  const std::span<const BlockUse> uses = window_.uses(i);
  const uint32_t born = window_.block(i).born;
  std::vector<uint8_t>& choices = shard->choices;
  if (choices.size() < uses.size()) choices.resize(uses.size());

  uint32_t p = uses[0].phase();
  const PhaseCost* c = &phases_[p];
  double in = -RentBefore(born);
  choices[0] = kStayed;
  if (c->least_fetch < in && p > born) {
    const double fetched = LeastFetch(born, p);
    if (fetched < in) {
      in = fetched;
      choices[0] = kFetched;
    }
  }
  in += c->hit;
  double out = c->miss;
  for (size_t j = 1; j < uses.size(); ++j) {
    const uint32_t q = uses[j].phase();
    const PhaseCost& d = phases_[q];
    const double leave = in + c->rent_sum;
    const double promoted = out + c->promote_less_rent;
    auto choice = static_cast<uint8_t>((leave <= out ? kLeft : 0) |
                                       (promoted < in ? kPromoted : kStayed));
    const double least = std::min(leave, out);
    double arrive = std::min(in, promoted);
    // Most fetches are ruled out by the least that one can cost.
    if (least + d.least_fetch < arrive && q > p + 1) {
      const double fetched = least + LeastFetch(p + 1, q);
      if (fetched < arrive) {
        arrive = fetched;
        choice = (choice & kLeft) | kFetched;
      }
    }
    choices[j] = choice;
    in = arrive + d.hit;
    out = least + d.miss;
    p = q;
    c = &d;
  }
  in += c->rent_sum;
  const auto bytes = static_cast<double>(window_.block_bytes(i).count());
  shard->cost += bytes * std::min(in, out);
  TraceInclusive(i, in <= out, shard);
}

// Back along the choices. Misses are counted as what is read and no hit.
void DualBound::TraceInclusive(uint32_t i, bool resident, Shard* shard) const {
  const std::span<const BlockUse> uses = window_.uses(i);
  const uint32_t born = window_.block(i).born;
  const std::vector<uint8_t>& choices = shard->choices;
  const auto bytes = static_cast<double>(window_.block_bytes(i).count());
  uint32_t until = uses.back().phase();
  for (size_t j = uses.size(); j-- > 0;) {
    const uint8_t choice = choices[j];
    const uint32_t previous = j > 0 ? uses[j - 1].phase() : 0;
    if (!resident) {
      resident = (choice & kLeft) != 0;
      until = previous;
      continue;
    }
    const uint32_t at = uses[j].phase();
    shard->demand[at].usage.hits += bytes;
    switch (choice & kArrivalBits) {
      case kStayed:
        if (j == 0) Occupy(shard, born, until, bytes);
        break;
      case kPromoted:
        Occupy(shard, previous + 1, until, bytes);
        shard->demand[previous].usage.promoted += bytes;
        resident = false;
        break;
      default: {
        const uint32_t fetched_in = FetchAt(j > 0 ? previous + 1 : born, at);
        Occupy(shard, fetched_in + 1, until, bytes);
        shard->demand[fetched_in].usage.prefetched += bytes;
        resident = (choice & kLeft) != 0;
        until = previous;
        break;
      }
    }
  }
}

// From a use to the next one, in phase q: the cheapest ways to be in HBM then,
// and not to be; returns the choice.
uint8_t DualBound::ExclusiveGap(const BlockUse& before, uint32_t q,
                                double* in_cost, double* out_cost) const {
  const uint32_t p = before.phase();
  const double in = *in_cost;
  const double out = *out_cost;
  const double promoted = out + phases_[p].promote_less_rent;
  const bool promote = before.read() && promoted < in;
  uint8_t choice = promote ? kPromoted : kStayed;
  double arrive = promote ? promoted : in;
  // Each of the following is ruled out for most uses by the least that it can
  // cost.
  const double fetch_at_least = phases_[q].least_fetch;
  const uint32_t fetch_from = FetchFrom(before);
  if (out + fetch_at_least < arrive && fetch_from < q) {
    const double fetched = out + LeastFetch(fetch_from, q);
    if (fetched < arrive) {
      arrive = fetched;
      choice = kFetched;
    }
  }
  const double evict_at_least = in + later_evict_[p].cost;
  if (evict_at_least + fetch_at_least < arrive) {
    const double returned = in + EvictThenFetch(p, q).sum;
    if (returned < arrive) {
      arrive = returned;
      choice = kReturned;
    }
  }
  double leave = out;
  if (evict_at_least < out) {
    const double evicted = in + LeastEvictOf(p, q);
    if (evicted < leave) {
      leave = evicted;
      choice |= kLeft;
    }
  }
  *in_cost = arrive;
  *out_cost = leave;
  return choice;
}

// The same with evictions that cost, new KV that goes where the block is, and
// a stay that must be paid to the block's end or be ended.
void DualBound::ExclusivePath(uint32_t i, Shard* shard) const {
  const std::span<const BlockUse> uses = window_.uses(i);
  const std::span<const uint32_t> writes = window_.writes(i);
  const WindowBlock& block = window_.block(i);
  const auto bytes = static_cast<double>(window_.block_bytes(i).count());
  std::vector<uint8_t>& choices = shard->choices;
  if (choices.size() < uses.size()) choices.resize(uses.size());
  // By use, per byte of the block.
  const auto serve = [&](size_t j, double* in, double* out) {
    const PhaseCost& c = phases_[uses[j].phase()];
    if (uses[j].read()) {
      *in += c.hit;
      *out += c.miss;
    }
    if (writes[j] == 0) return;
    const double written = writes[j] / bytes;
    *in += written * new_in_hbm_[uses[j].phase()];
    *out += written * new_in_dram_[uses[j].phase()];
  };

  const uint32_t first = uses[0].phase();
  double in = -RentBefore(block.born);
  double out = 0;
  choices[0] = kStayed;
  if (phases_[first].least_fetch < in && first > block.born) {
    const double fetched = LeastFetch(block.born, first);
    if (fetched < in) {
      in = fetched;
      choices[0] = kFetched;
    }
  }
  serve(0, &in, &out);
  for (size_t j = 1; j < uses.size(); ++j) {
    choices[j] = ExclusiveGap(uses[j - 1], uses[j].phase(), &in, &out);
    serve(j, &in, &out);
  }
  // After the last use: to the end, or out at the best phase before it.
  const uint32_t p = uses.back().phase();
  uint32_t until = block.last;
  double end = in + phases_[until].rent_sum;
  if (p < block.last) {
    const uint32_t left = EvictAt(p, block.last);
    const double evicted = in + evict_and_rent_[left];
    if (evicted < end) {
      end = evicted;
      until = left;
    }
  }
  shard->cost += bytes * std::min(end, out);
  TraceExclusive(i, end <= out, until, shard);
}

void DualBound::TraceExclusive(uint32_t i, bool resident, uint32_t until,
                               Shard* shard) const {
  const std::span<const BlockUse> uses = window_.uses(i);
  const std::span<const uint32_t> writes = window_.writes(i);
  const WindowBlock& block = window_.block(i);
  const auto bytes = static_cast<double>(window_.block_bytes(i).count());
  const std::vector<uint8_t>& choices = shard->choices;
  if (resident && until < block.last) {
    shard->demand[until].usage.evicted += bytes;
  }
  for (size_t j = uses.size(); j-- > 0;) {
    const uint32_t at = uses[j].phase();
    const uint32_t previous = j > 0 ? uses[j - 1].phase() : 0;
    PhaseUsage& usage = shard->demand[at].usage;
    if (!resident) {
      usage.new_in_dram += writes[j];
      if (j > 0 && (choices[j] & kLeft) != 0) {
        until = EvictAt(previous, at);
        shard->demand[until].usage.evicted += bytes;
        resident = true;
      }
      continue;
    }
    if (uses[j].read()) usage.hits += bytes;
    usage.new_in_hbm += writes[j];
    switch (choices[j] & kArrivalBits) {
      case kStayed:
        if (j == 0) Occupy(shard, block.born, until, bytes);
        break;
      case kPromoted:
        Occupy(shard, previous + 1, until, bytes);
        shard->demand[previous].usage.promoted += bytes;
        resident = false;
        break;
      case kFetched: {
        const uint32_t fetched_in =
            FetchAt(j > 0 ? FetchFrom(uses[j - 1]) : block.born, at);
        Occupy(shard, fetched_in + 1, until, bytes);
        shard->demand[fetched_in].usage.prefetched += bytes;
        resident = false;
        break;
      }
      default: {
        const OrderedPairMin::Pair pair = EvictThenFetch(previous, at);
        Occupy(shard, pair.second + 1, until, bytes);
        shard->demand[pair.second].usage.prefetched += bytes;
        shard->demand[pair.first].usage.evicted += bytes;
        until = pair.first;
        break;
      }
    }
  }
}

}  // namespace kvplace
