#include "server/core/bound/dual_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "server/core/bound/exclusive_paths.h"
#include "server/core/bound/inclusive_paths.h"

namespace kvplace {
namespace {

// Parts of the blocks: enough for a few threads, few enough that their arrays
// by phase are small beside the uses.
constexpr size_t kShards = 4;

// Rounding of one operation, and a share of the sums' magnitude for those that
// do not run along a block's uses.
constexpr double kUlp = std::numeric_limits<double>::epsilon();
constexpr double kRounding = 1e-12;
// Operations along a path per use, and more than there are.
constexpr double kOperations = 16;

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

double DualBound::Evaluate(const std::vector<PhasePrices>& prices,
                           const ParallelFor& parallel,
                           std::vector<PhaseDemand>* demand) {
  costs_.Set(limits_, prices);
  parallel(shards_.size(), [this](size_t s) { Run(&shards_[s]); });

  demand->assign(prices.size(), PhaseDemand());
  double paths = 0;
  for (const Shard& shard : shards_) {
    paths += shard.totals.cost;
    for (size_t p = 0; p < prices.size(); ++p) {
      const PhaseDemand& part = shard.totals.demand[p];
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
  const double rents = costs_.RentBefore(costs_.phases());
  const double rent = static_cast<double>(window_.capacity().count()) * rents;
  // Every operation along a path rounds what is at most the path's cost so far
  // plus all rents.
  const double rounding =
      kRounding * (fixed + std::abs(paths) + rent) +
      kOperations * kUlp * (most_uses_ * std::abs(paths) + use_bytes_ * rents);
  return fixed + paths - rent - rounding;
}

void DualBound::Run(Shard* shard) const {
  PathTotals& totals = shard->totals;
  totals.cost = 0;
  totals.demand.assign(costs_.phases(), PhaseDemand());
  const auto add = limits_.exclusive() ? AddExclusivePaths : AddInclusivePaths;
  add(window_, costs_, shard->first_block, shard->end_block, &totals);
}

}  // namespace kvplace
