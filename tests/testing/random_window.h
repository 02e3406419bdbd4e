// Small random windows and prices for tests of the bounds, and slow solvers of
// what the fast ones solve: every phase of a block's life, every set of blocks
// in HBM. They share PhaseLimits and nothing else with the bounds.
#ifndef KVPLACE_TESTS_TESTING_RANDOM_WINDOW_H_
#define KVPLACE_TESTS_TESTING_RANDOM_WINDOW_H_

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "server/core/bound/access_window.h"
#include "server/core/bound/dual_bound.h"
#include "server/core/bound/phase_limits.h"
#include "server/core/bound/prices.h"
#include "server/core/topology.h"

namespace kvplace {

struct RandomWindowOptions {
  ResidencyMode mode = ResidencyMode::kInclusive;
  uint32_t blocks = 5;
  uint32_t phases = 8;
  double read_share = 0.4;
  // Chance that a live block gets new KV in a phase.
  double write_share = 0.2;
  // Chance that a block is there from the start, and that it ends early.
  double initial_share = 0.6;
  double end_share = 0.4;
  bool mixed_sizes = false;
  bool read_routing = false;
  // In blocks of 64 bytes, the largest size.
  int64_t capacity_blocks = 2;
};

// HBM of 1000 B/s, links and DRAM at random from a tenth of that to about it.
AccessWindow RandomWindow(const RandomWindowOptions& options,
                          std::mt19937_64& random);

// Options with all but the size of the window drawn.
RandomWindowOptions RandomOptions(std::mt19937_64& random);

// Of one phase each; every limit's price and, if `rented`, every rent is more
// than 0. Otherwise many are 0.
std::vector<PhasePrices> RandomPrices(const AccessWindow& window, bool rented,
                                      std::mt19937_64& random);

// L and, per phase, what the cheapest paths use: a dynamic program over all
// phases of each block's life.
double SlowDual(const AccessWindow& window,
                const std::vector<PhasePrices>& prices,
                std::vector<PhaseDemand>* demand);

// The least sum over the phases of `cost`, over all schedules of whole blocks.
// REQUIRES: few blocks; time is phases * 4^blocks.
using PhaseCostFunction =
    std::function<double(uint32_t phase, const PhaseUsage& usage)>;
double LeastOverSchedules(const AccessWindow& window,
                          const PhaseCostFunction& cost);

// The same of a phase's time, with real-valued routing in inclusive mode.
double LeastSeconds(const AccessWindow& window);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_RANDOM_WINDOW_H_
