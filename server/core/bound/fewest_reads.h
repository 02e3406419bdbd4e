// The schedule with the fewest reads from DRAM: MIN with bypass, all reads of a
// phase at once.
//
// Keeping a block over the gap before a use saves one DRAM read, and a gap not
// kept costs one, by a miss or by a fetch. So the fewest reads are the largest
// set of gaps of which no phase has more than fit; for gaps of one size,
// dropping the one that ends last whenever there are too many is optimal
// (Belady 1966; Carlisle and Lloyd 1995 for interval graphs).
//
// Thread-safety: a function. Time: O(uses log uses).
#ifndef KVPLACE_SERVER_CORE_BOUND_FEWEST_READS_H_
#define KVPLACE_SERVER_CORE_BOUND_FEWEST_READS_H_

#include <cstdint>

#include "server/core/bound/access_window.h"
#include "server/core/bound/clairvoyant_schedule.h"
#include "server/core/units.h"

namespace kvplace {

struct FewestReads {
  ClairvoyantSchedule schedule;
  // Read from DRAM. Least possible where all blocks have one size.
  Bytes dram_reads;
  // With one size, no schedule takes less than `dram_reads` need at
  // min(B_r, B_int); otherwise 0.
  Seconds certificate;
};

FewestReads FindFewestReads(const AccessWindow& window);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_FEWEST_READS_H_
