// What there is to place, written out block by block and phase by phase from a
// workload and a device: what the exact solvers of exact_placement.h start
// from. Quantities are doubles, in bytes and bytes per second.
#ifndef KVPLACE_TESTS_TESTING_PLACEMENT_PROBLEM_H_
#define KVPLACE_TESTS_TESTING_PLACEMENT_PROBLEM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/core/topology.h"
#include "server/replay/workload.h"

namespace kvplace {

struct PlacementProblem {
  struct Block {
    // First and last phase in which it exists; last = phases if it does not
    // end.
    size_t born = 0;
    size_t last = 0;
    // By phase of the window.
    std::vector<bool> read;
    std::vector<double> new_kv;

    bool AliveIn(size_t phase) const { return born <= phase && phase <= last; }
  };

  PlacementProblem(const Workload& workload, const DeviceConfig& device);

  size_t phases = 0;
  // In the order in which they begin: initial ones, then births by phase.
  std::vector<Block> blocks;
  bool inclusive = true;
  double block_bytes = 0;
  double capacity = 0;
  double fixed = 0;
  // B_H, B_r, B_w, B_int / devices; may be infinite.
  double hbm = 0, link_read = 0, link_write = 0, dram = 0;
};

// A small workload and a machine to serve it.
struct PlacementCase {
  Workload workload;
  DeviceConfig device;
  // Seed and machine, for failures.
  std::string name;
};

// Random in all that matters to a bound: mode, read routing, capacity from
// nothing to more than there is (not always in whole blocks), fixed bytes, new
// KV, births and ends, bandwidths that let one or the other bind, and infinite
// ones. At most `most_alive` blocks exist at once. The same arguments give the
// same case.
PlacementCase RandomPlacementCase(uint64_t seed, size_t most_alive);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_PLACEMENT_PROBLEM_H_
