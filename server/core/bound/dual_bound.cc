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

// Share of the sums' magnitude by which rounding can have raised the bound.
constexpr double kRounding = 1e-12;

}  // namespace

void RunInOrder(size_t n, const std::function<void(size_t)>& task) {
  for (size_t i = 0; i < n; ++i) task(i);
}

DualBound::DualBound(const AccessWindow& window)
    : window_(window), limits_(window.device()) {
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
  least_fetch_ = least_evict_ = std::numeric_limits<double>::infinity();
  for (size_t p = 0; p < n; ++p) {
    const UsageCost cost = limits_.CostOf(prices[p]);
    rents += prices[p].rent;
    phases_[p] = {cost.hit, cost.miss, cost.promote, rents};
    fetch_less_rent_[p] = cost.prefetch - rents;
    least_fetch_ = std::min(least_fetch_, cost.prefetch);
    if (exclusive) {
      evict_and_rent_[p] = cost.evict + rents;
      new_in_hbm_[p] = cost.new_in_hbm;
      new_in_dram_[p] = cost.new_in_dram;
      least_evict_ = std::min(least_evict_, cost.evict);
    }
  }
  fetch_.Build(fetch_less_rent_);
  if (exclusive) {
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
      sum.usage.misses += part.usage.misses;
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
    // So far only where stays begin and end.
    resident += (*demand)[p].resident;
    (*demand)[p].resident = resident;
  }
  const double rent = phases_.empty()
                          ? 0
                          : static_cast<double>(window_.capacity().count()) *
                                phases_.back().rent_sum;
  const double bound = fixed + paths - rent;
  return bound - kRounding * (fixed + std::abs(paths) + rent);
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
// not to be. Demotion is free, so out of HBM one comes from either.
void DualBound::InclusivePath(uint32_t i, Shard* shard) const {
  const std::span<const BlockUse> uses = window_.uses(i);
  const uint32_t born = window_.block(i).born;
  std::vector<uint8_t>& choices = shard->choices;
  if (choices.size() < uses.size()) choices.resize(uses.size());

  uint32_t p = uses[0].phase();
  const PhaseCost* c = &phases_[p];
  double in = c->rent_sum - RentBefore(born);
  uint8_t choice = kStayed;
  // A fetch that costs more than to miss and promote is never needed.
  const auto fetch_may_pay = [this](const PhaseCost& at) {
    return least_fetch_ < at.miss + at.promote - at.hit;
  };
  if (p > born && fetch_may_pay(*c)) {
    const double fetched = c->rent_sum + fetch_.Min(born, p);
    if (fetched < in) {
      in = fetched;
      choice = kFetched;
    }
  }
  choices[0] = choice;
  in += c->hit;
  double out = c->miss;
  for (size_t j = 1; j < uses.size(); ++j) {
    const uint32_t q = uses[j].phase();
    const PhaseCost& d = phases_[q];
    const double least = std::min(in, out);
    choice = in <= out ? kLeft : 0;
    double arrive = in - c->rent_sum;
    const double promoted = out + c->promote - c->rent_sum;
    if (promoted < arrive) {
      arrive = promoted;
      choice |= kPromoted;
    }
    if (q > p + 1 && fetch_may_pay(d)) {
      const double fetched = least + fetch_.Min(p + 1, q);
      if (fetched < arrive) {
        arrive = fetched;
        choice = (choice & kLeft) | kFetched;
      }
    }
    choices[j] = choice;
    in = arrive + d.rent_sum + d.hit;
    out = least + d.miss;
    p = q;
    c = &d;
  }
  const auto bytes = static_cast<double>(window_.block_bytes(i).count());
  shard->cost += bytes * std::min(in, out);

  // Back along the choices.
  bool resident = in <= out;
  uint32_t until = p;
  for (size_t j = uses.size(); j-- > 0;) {
    const uint32_t at = uses[j].phase();
    PhaseUsage& usage = shard->demand[at].usage;
    if (!resident) {
      usage.misses += bytes;
      resident = j > 0 && (choices[j] & kLeft) != 0;
      if (j > 0) until = uses[j - 1].phase();
      continue;
    }
    usage.hits += bytes;
    const uint32_t previous = j > 0 ? uses[j - 1].phase() : 0;
    switch (choices[j] & kArrivalBits) {
      case kStayed:
        if (j == 0) Occupy(shard, born, until, bytes);
        break;
      case kPromoted:
        Occupy(shard, previous + 1, until, bytes);
        shard->demand[previous].usage.promoted += bytes;
        resident = false;
        break;
      default: {
        const uint32_t fetched_in =
            fetch_.ArgMin(j > 0 ? previous + 1 : born, at);
        Occupy(shard, fetched_in + 1, until, bytes);
        shard->demand[fetched_in].usage.prefetched += bytes;
        resident = j > 0 && (choices[j] & kLeft) != 0;
        until = previous;
        break;
      }
    }
  }
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
  const auto in_cost = [&](size_t j) {
    const uint32_t p = uses[j].phase();
    return (uses[j].read() ? phases_[p].hit : 0) +
           writes[j] / bytes * new_in_hbm_[p];
  };
  const auto out_cost = [&](size_t j) {
    const uint32_t p = uses[j].phase();
    return (uses[j].read() ? phases_[p].miss : 0) +
           writes[j] / bytes * new_in_dram_[p];
  };
  // First phase after use j in which a fetch is one: while it is being read a
  // block is promoted instead.
  const auto fetch_from = [&](size_t j) {
    return uses[j].phase() + (uses[j].read() ? 1 : 0);
  };

  uint32_t p = uses[0].phase();
  double in = phases_[p].rent_sum - RentBefore(block.born);
  choices[0] = kStayed;
  if (p > block.born) {
    const double fetched = phases_[p].rent_sum + fetch_.Min(block.born, p);
    if (fetched < in) {
      in = fetched;
      choices[0] = kFetched;
    }
  }
  in += in_cost(0);
  double out = out_cost(0);
  for (size_t j = 1; j < uses.size(); ++j) {
    const uint32_t q = uses[j].phase();
    const double rent_sum = phases_[p].rent_sum;
    uint8_t choice = kStayed;
    double arrive = in - rent_sum;
    if (uses[j - 1].read() && out + phases_[p].promote - rent_sum < arrive) {
      arrive = out + phases_[p].promote - rent_sum;
      choice = kPromoted;
    }
    if (fetch_from(j - 1) < q) {
      const double fetched = out + fetch_.Min(fetch_from(j - 1), q);
      if (fetched < arrive) {
        arrive = fetched;
        choice = kFetched;
      }
    }
    const double stay_rent = phases_[q].rent_sum - rent_sum;
    if (stay_rent > least_fetch_ + least_evict_) {
      const double returned =
          in - rent_sum + evict_then_fetch_.Least(p, q).sum;
      if (returned < arrive) {
        arrive = returned;
        choice = kReturned;
      }
    }
    double leave = out;
    const double evicted = in - rent_sum + evict_.Min(p, q);
    if (evicted < leave) {
      leave = evicted;
      choice |= kLeft;
    }
    choices[j] = choice;
    in = arrive + phases_[q].rent_sum + in_cost(j);
    out = leave + out_cost(j);
    p = q;
  }
  // After the last use: to the end, or out at the best phase before it.
  uint32_t until = block.last;
  double end = in + phases_[until].rent_sum - phases_[p].rent_sum;
  if (p < block.last) {
    const uint32_t left = evict_.ArgMin(p, block.last);
    const double evicted = in - phases_[p].rent_sum + evict_and_rent_[left];
    if (evicted < end) {
      end = evicted;
      until = left;
    }
  }
  shard->cost += bytes * std::min(end, out);

  bool resident = end <= out;
  if (resident && until < block.last) {
    shard->demand[until].usage.evicted += bytes;
  }
  for (size_t j = uses.size(); j-- > 0;) {
    const uint32_t at = uses[j].phase();
    const uint32_t previous = j > 0 ? uses[j - 1].phase() : 0;
    PhaseUsage& usage = shard->demand[at].usage;
    if (uses[j].read()) (resident ? usage.hits : usage.misses) += bytes;
    (resident ? usage.new_in_hbm : usage.new_in_dram) += writes[j];
    if (!resident) {
      if (j > 0 && (choices[j] & kLeft) != 0) {
        until = evict_.ArgMin(previous, at);
        shard->demand[until].usage.evicted += bytes;
        resident = true;
      }
      continue;
    }
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
            fetch_.ArgMin(j > 0 ? fetch_from(j - 1) : block.born, at);
        Occupy(shard, fetched_in + 1, until, bytes);
        shard->demand[fetched_in].usage.prefetched += bytes;
        resident = false;
        break;
      }
      default: {
        const OrderedPairMin::Pair pair = evict_then_fetch_.Least(previous, at);
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
