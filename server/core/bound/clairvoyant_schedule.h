// A placement and migration schedule of a window, block by block: for each use
// since when, and until when, the block is in HBM.
//
// Thread-safety: plain data.
#ifndef KVPLACE_SERVER_CORE_BOUND_CLAIRVOYANT_SCHEDULE_H_
#define KVPLACE_SERVER_CORE_BOUND_CLAIRVOYANT_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/core/bound/access_window.h"
#include "server/core/cost_model.h"
#include "server/core/units.h"

namespace kvplace {

// The stay in HBM that serves one use. It is promoted or fetched at the end of
// phase `from - 1`, or begins there (from = the block's birth); after `until`
// it leaves, or the next use's stay goes on (its from = until + 1).
struct Stay {
  static constexpr uint32_t kNone = UINT32_MAX;

  // kNone: the use is served from DRAM. Else first <= use's phase <= until.
  uint32_t from = kNone;
  uint32_t until = 0;

  bool resident() const { return from != kNone; }
};

struct ClairvoyantSchedule {
  // One per use, in the window's order of uses.
  std::vector<Stay> stays;
};

// What each phase moves under a schedule (before read routing), and its HBM.
struct PhaseLoad {
  PhaseTraffic traffic;
  // In HBM during the phase.
  Bytes resident;
};
std::vector<PhaseLoad> LoadsOf(const AccessWindow& window,
                               const ClairvoyantSchedule& schedule);

// Time of a phase's load, with the window's read routing in whole blocks.
Seconds TimeOf(const AccessWindow& window, const CostModel& cost,
               const PhaseLoad& load);

// Sum over the phases. INTERNAL: the schedule is none: a stay out of range, or
// more in HBM than fits.
absl::StatusOr<Seconds> Evaluate(const AccessWindow& window,
                                 const ClairvoyantSchedule& schedule);

// Calls, for every phase in order, with lists of blocks (numbers of the
// window's `added_as`), each ascending.
struct PhaseMoves {
  std::vector<uint32_t> read_hbm, read_dram, promoted, prefetched, evicted,
      born_in_hbm;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_CLAIRVOYANT_SCHEDULE_H_
