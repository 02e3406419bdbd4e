#include "tests/testing/random_window.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// A block written out phase by phase.
struct SlowBlock {
  double bytes = 0;
  uint32_t born = 0, last = 0;
  std::vector<bool> read;
  std::vector<double> written;

  bool AliveIn(uint32_t p) const { return born <= p && p <= last; }
};

std::vector<SlowBlock> WriteOut(const AccessWindow& window) {
  std::vector<SlowBlock> blocks(window.blocks());
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    SlowBlock& block = blocks[i];
    block.bytes = static_cast<double>(window.block_bytes(i).count());
    block.born = window.block(i).born;
    block.last = window.block(i).last;
    block.read.resize(window.phases());
    block.written.resize(window.phases());
    for (size_t j = 0; j < window.uses(i).size(); ++j) {
      const BlockUse use = window.uses(i)[j];
      block.read[use.phase()] = use.read();
      if (window.exclusive()) block.written[use.phase()] = window.writes(i)[j];
    }
  }
  return blocks;
}

// What the block uses in phase p in HBM or not, and then or not.
PhaseUsage UsageOf(const SlowBlock& block, uint32_t p, bool in, bool next_in,
                   bool exclusive) {
  PhaseUsage usage;
  if (block.read[p]) (in ? usage.hits : usage.misses) = block.bytes;
  (in ? usage.new_in_hbm : usage.new_in_dram) = block.written[p];
  if (p == block.last) return usage;
  if (!in && next_in) {
    (block.read[p] ? usage.promoted : usage.prefetched) = block.bytes;
  }
  if (in && !next_in && exclusive) usage.evicted = block.bytes;
  return usage;
}

void Add(const PhaseUsage& part, PhaseUsage* sum) {
  sum->hits += part.hits;
  sum->misses += part.misses;
  sum->promoted += part.promoted;
  sum->prefetched += part.prefetched;
  sum->evicted += part.evicted;
  sum->new_in_hbm += part.new_in_hbm;
  sum->new_in_dram += part.new_in_dram;
}

double CostOf(const UsageCost& cost, const PhaseUsage& usage) {
  return cost.hit * usage.hits + cost.miss * usage.misses +
         cost.promote * usage.promoted + cost.prefetch * usage.prefetched +
         cost.evict * usage.evicted + cost.new_in_hbm * usage.new_in_hbm +
         cost.new_in_dram * usage.new_in_dram;
}

// The block's cheapest path, whose use is added to `demand`.
double SlowPath(const SlowBlock& block, const PhaseLimits& limits,
                const std::vector<PhasePrices>& prices,
                std::vector<PhaseDemand>* demand) {
  // cost[p][in]: of phases p .. last, by where it is in p.
  std::vector<std::array<double, 2>> cost(prices.size() + 1);
  std::vector<std::array<bool, 2>> next(prices.size() + 1);
  for (uint32_t p = block.last + 1; p-- > block.born;) {
    const UsageCost price = limits.CostOf(prices[p]);
    for (const bool in : {false, true}) {
      cost[p][in] = kInfinite;
      for (const bool then : {false, true}) {
        const double total =
            CostOf(price, UsageOf(block, p, in, then, limits.exclusive())) +
            (in ? block.bytes * prices[p].rent : 0) +
            (p < block.last ? cost[p + 1][then] : 0);
        if (total >= cost[p][in]) continue;
        cost[p][in] = total;
        next[p][in] = then;
      }
    }
  }
  bool in = cost[block.born][true] < cost[block.born][false];
  const double least = cost[block.born][in];
  for (uint32_t p = block.born; p <= block.last; in = next[p++][in]) {
    Add(UsageOf(block, p, in, next[p][in], limits.exclusive()),
        &(*demand)[p].usage);
    if (in) (*demand)[p].resident += block.bytes;
  }
  return least;
}

}  // namespace

RandomWindowOptions RandomOptions(std::mt19937_64& random) {
  RandomWindowOptions options;
  options.mode =
      random() % 2 == 0 ? ResidencyMode::kInclusive : ResidencyMode::kExclusive;
  options.read_share = 0.1 + 0.1 * static_cast<double>(random() % 8);
  options.write_share = 0.15 * static_cast<double>(random() % 3);
  options.mixed_sizes = random() % 2 == 0;
  options.capacity_blocks = static_cast<int64_t>(random() % 5);
  return options;
}

AccessWindow RandomWindow(const RandomWindowOptions& options,
                          std::mt19937_64& random) {
  const auto chance = [&](double p) {
    return std::bernoulli_distribution(p)(random);
  };
  const auto bandwidth = [&] {
    return BytesPerSecond(
        1000 * std::exp2(std::uniform_real_distribution<>(-3.3, 0.3)(random)));
  };
  DeviceConfig device = SmallDevice(1, 8, options.capacity_blocks);
  device.mode = options.mode;
  device.read_routing = options.read_routing;
  device.profile = {"random", BytesPerSecond(1000), bandwidth(), bandwidth(),
                    bandwidth()};
  device.fixed_bytes_per_phase = Bytes(chance(0.5) ? 100 : 0);
  AccessWindowBuilder builder(device);
  struct Live {
    uint32_t begins, ends, number;
    Bytes bytes;
  };
  std::vector<Live> blocks(options.blocks);
  for (Live& block : blocks) {
    block.begins = chance(options.initial_share)
                       ? 0
                       : static_cast<uint32_t>(random() % options.phases);
    block.ends =
        chance(options.end_share)
            ? static_cast<uint32_t>(block.begins +
                                    random() % (options.phases - block.begins))
            : UINT32_MAX;
    block.bytes =
        Bytes(options.mixed_sizes ? 16 * (1 + int64_t(random() % 4)) : 64);
  }
  for (uint32_t p = 0; p < options.phases; ++p) {
    builder.BeginPhase();
    for (Live& block : blocks) {
      if (block.begins == p) block.number = builder.AddBlock(block.bytes);
      if (p < block.begins || p > block.ends) continue;
      if (chance(options.read_share)) builder.Read(block.number);
      if (chance(options.write_share)) builder.Write(block.number, Bytes(16));
      if (block.ends == p) builder.End(block.number);
    }
  }
  return builder.Build();
}

std::vector<PhasePrices> RandomPrices(const AccessWindow& window, bool rented,
                                      std::mt19937_64& random) {
  const PhaseLimits limits(window.device());
  std::uniform_real_distribution<> uniform(0.01, 1);
  std::vector<PhasePrices> prices(window.phases());
  for (PhasePrices& price : prices) {
    double sum = 0;
    for (int k = 0; k < kPhaseLimits; ++k) {
      if (!limits.has(k) || (!rented && random() % 2 == 0)) continue;
      price.limit[k] = uniform(random);
      sum += price.limit[k];
    }
    if (sum == 0) sum = price.limit[PhaseLimits::kHbm] = 1;
    for (double& limit : price.limit) limit /= sum;
    // Up to what a read from DRAM costs, most of them far less.
    const double rent = uniform(random) * uniform(random) * uniform(random);
    if (rented || random() % 2 == 0) price.rent = 0.01 * rent;
  }
  return prices;
}

double SlowDual(const AccessWindow& window,
                const std::vector<PhasePrices>& prices,
                std::vector<PhaseDemand>* demand) {
  const PhaseLimits limits(window.device());
  demand->assign(window.phases(), PhaseDemand());
  double bound = 0;
  for (const SlowBlock& block : WriteOut(window)) {
    bound += SlowPath(block, limits, prices, demand);
  }
  for (uint32_t p = 0; p < window.phases(); ++p) {
    bound += limits.Fixed(prices[p],
                          static_cast<double>(window.new_kv()[p].count()));
    bound -= static_cast<double>(window.capacity().count()) * prices[p].rent;
  }
  return bound;
}

double LeastOverSchedules(const AccessWindow& window,
                          const PhaseCostFunction& cost) {
  const std::vector<SlowBlock> blocks = WriteOut(window);
  const auto capacity = static_cast<double>(window.capacity().count());
  const size_t sets = size_t{1} << blocks.size();
  const auto has = [](size_t set, size_t i) { return (set >> i & 1) != 0; };
  const auto fits = [&](size_t set, uint32_t p) {
    double bytes = 0;
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (!has(set, i)) continue;
      if (!blocks[i].AliveIn(p)) return false;
      bytes += blocks[i].bytes;
    }
    return bytes <= capacity;
  };
  // Of phases p .. end by what is in HBM in p.
  std::vector<double> least(sets, kInfinite);
  least[0] = 0;
  for (uint32_t p = window.phases(); p-- > 0;) {
    std::vector<double> now(sets, kInfinite);
    for (size_t from = 0; from < sets; ++from) {
      if (!fits(from, p)) continue;
      for (size_t to = 0; to < sets; ++to) {
        if (std::isinf(least[to])) continue;
        PhaseUsage usage;
        for (size_t i = 0; i < blocks.size(); ++i) {
          if (!blocks[i].AliveIn(p)) continue;
          Add(UsageOf(blocks[i], p, has(from, i), has(to, i),
                      window.exclusive()),
              &usage);
        }
        now[from] = std::min(now[from], cost(p, usage) + least[to]);
      }
    }
    least = std::move(now);
  }
  return *std::min_element(least.begin(), least.end());
}

double LeastSeconds(const AccessWindow& window) {
  const PhaseLimits limits(window.device());
  return LeastOverSchedules(window, [&](uint32_t p, const PhaseUsage& usage) {
    const auto of =
        limits.Of(usage, static_cast<double>(window.new_kv()[p].count()));
    return *std::max_element(of.begin(), of.end());
  });
}

}  // namespace kvplace
