// Small random workloads, for the replay against slow twins.
//
// Sequences arrive (with or without prefill) and end, grow by random numbers of
// tokens, may free pages early (a sliding window), and read a skewed random
// selection of their pages in each phase. Everything that a Workload says about
// itself (peaks, counts, who is alive at the start) is worked out from that.
//
// The same options and the same state of `random` give the same workload.
#ifndef KVPLACE_TESTS_TESTING_RANDOM_WORKLOAD_H_
#define KVPLACE_TESTS_TESTING_RANDOM_WORKLOAD_H_

#include <cstdint>
#include <random>

#include "server/core/units.h"
#include "server/replay/workload.h"

namespace kvplace {

struct RandomWorkloadOptions {
  uint32_t sequences = 3;
  uint32_t groups = 2;
  uint32_t steps = 10;
  // Pages that a sequence may have; it stops growing when they are full.
  uint32_t pages_max = 6;
  uint32_t page_tokens = 4;
  Bytes kv_bytes_per_token{16};
  // Chance of a sequence to be there before step 0, and to end before the run
  // does.
  double initial_share = 0.6;
  double end_share = 0.4;
  // Chance per page and phase of being freed early.
  double free_share = 0.02;
  // Mean chance of a live page to be read in its phase; pages differ.
  double read_share = 0.5;
};

Workload RandomWorkload(const RandomWorkloadOptions& options,
                        std::mt19937_64& random);

// The same but for the reads of the phases from `first_phase` on, drawn anew
// (with as many live blocks to draw from).
Workload WithOtherReads(const Workload& workload, size_t first_phase,
                        double read_share, std::mt19937_64& random);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_RANDOM_WORKLOAD_H_
