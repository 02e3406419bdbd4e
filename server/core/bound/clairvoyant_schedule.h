// A placement and migration schedule of a window, block by block: for each use
// since when, and until when, the block is in HBM.
//
// Thread-safety: plain data; functions.
#ifndef KVPLACE_SERVER_CORE_BOUND_CLAIRVOYANT_SCHEDULE_H_
#define KVPLACE_SERVER_CORE_BOUND_CLAIRVOYANT_SCHEDULE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "server/core/bound/access_window.h"
#include "server/core/cost_model.h"
#include "server/core/units.h"

namespace kvplace {

// The stay in HBM that serves one use. It is promoted or fetched at the end of
// phase `from - 1`, or begins there (from = the block's birth). At the end of
// phase `until` the block leaves, unless the next use's stay goes on (its
// from = until + 1).
struct Stay {
  static constexpr uint32_t kNone = UINT32_MAX;

  // kNone: the use is served from DRAM. Else birth <= from <= use's phase <=
  // until <= last phase of the block.
  uint32_t from = kNone;
  uint32_t until = 0;

  bool resident() const { return from != kNone; }
  bool operator==(const Stay&) const = default;
};

struct ClairvoyantSchedule {
  // One per use, in the window's order of uses.
  std::vector<Stay> stays;
};

// How the stay of one use begins and ends.
struct StayEdges {
  enum Arrival : uint8_t {
    kNotThere,
    // Since birth, or since the use before.
    kStayed,
    // At the end of phase from - 1: while being read from DRAM, or not.
    kPromoted,
    kFetched,
  };
  Arrival arrival = kNotThere;
  // It is evicted at the end of phase `until`.
  bool evicted = false;
};

// Of use `j` of a block. `stays`: the block's.
inline StayEdges EdgesOf(const WindowBlock& block,
                         std::span<const BlockUse> uses,
                         std::span<const Stay> stays, size_t j) {
  StayEdges edges;
  const Stay& stay = stays[j];
  if (!stay.resident()) return edges;
  if (stay.from == block.born || (j > 0 && stays[j - 1].resident() &&
                                  stays[j - 1].until + 1 == stay.from)) {
    edges.arrival = StayEdges::kStayed;
  } else if (j > 0 && uses[j - 1].phase() + 1 == stay.from &&
             uses[j - 1].read()) {
    edges.arrival = StayEdges::kPromoted;
  } else {
    edges.arrival = StayEdges::kFetched;
  }
  const bool goes_on = j + 1 < stays.size() && stays[j + 1].resident() &&
                       stays[j + 1].from == stay.until + 1;
  edges.evicted = !goes_on && stay.until < block.last;
  return edges;
}

// What each phase moves under a schedule, before read routing.
std::vector<PhaseTraffic> TrafficOf(const AccessWindow& window,
                                    const ClairvoyantSchedule& schedule);

// Seconds by phase, with the window's read routing in whole blocks. INTERNAL:
// the schedule is none: a stay out of range, or more in HBM than fits.
absl::StatusOr<std::vector<Seconds>> Evaluate(
    const AccessWindow& window, const ClairvoyantSchedule& schedule);

Seconds Sum(const std::vector<Seconds>& phases);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_CLAIRVOYANT_SCHEDULE_H_
