// Looks for a good feasible schedule: starts from one and improves it block by
// block.
//
// A sweep takes each block out of the schedule and puts it back along the path
// that is cheapest given where all others are: each phase's real time, which
// depends on the others' loads, plus the dual's rents for HBM, and phases that
// are full are closed. So every schedule on the way is feasible. Two things let
// it leave local optima: rents make blocks give up room that others can use
// better, and the corner between "HBM binds" and "DRAM binds" is rounded off at
// first (`smoothing`), so that within a phase the block that pays most rent is
// the one that stays out.
//
// Thread-safety: one thread at a time. Memory: 16 bytes per use, 5 per block.
#ifndef KVPLACE_SERVER_CORE_BOUND_SCHEDULE_SEARCH_H_
#define KVPLACE_SERVER_CORE_BOUND_SCHEDULE_SEARCH_H_

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "absl/base/attributes.h"
#include "server/core/bound/access_window.h"
#include "server/core/bound/clairvoyant_schedule.h"
#include "server/core/bound/phase_limits.h"
#include "server/core/bound/prices.h"
#include "server/core/units.h"

namespace kvplace {

struct SweepOptions {
  // The dual's, one per phase.
  std::span<const PhasePrices> prices;
  // How much the rents count, >= 0.
  double rent_share = 1;
  // How much of a phase's time is what the prices on its limits say rather than
  // what the others' loads make it, 0..1.
  double linear_share = 0;
  // Width of the rounded corner in block times b / B_D; 0: none.
  double smoothing = 0;
  // Most of a schedule that cools down stays as it is: a block that did not
  // move in its last n visits is visited with chance 1 / (1 + min(n,
  // most_rest)). 0: each is visited.
  uint32_t most_rest = 0;
};

class ScheduleSearch {
 public:
  // REQUIRES: Evaluate(window, start) is OK. `window` must outlive it.
  ScheduleSearch(const AccessWindow& window, ClairvoyantSchedule start,
                 uint64_t seed);

  // One pass over the blocks, in random order. Returns how many moved.
  uint64_t Sweep(const SweepOptions& options);

  // Time of the current schedule; read routing real-valued, so at most a little
  // less than what Evaluate says.
  double Total() const;
  const ClairvoyantSchedule& schedule() const { return schedule_; }
  void Restart(ClairvoyantSchedule schedule);

 private:
  // In one cache line, for it is looked up at every use.
  struct alignas(64) Phase {
    PhaseLoad load;
    // By the sweep's prices.
    PhaseLoad price;
  };
  // Costs of the cheapest path up to and with one use of the block in hand.
  struct Step {
    // In HBM; in HBM and evicted with the phase; read from DRAM; read from DRAM
    // and promoted.
    double in, evicted, out, promoted;
    // First phase of the stay that `in` has, and whether the path was in HBM at
    // the use before.
    uint32_t from;
    bool in_from_in, out_from_in;
  };
  static constexpr double kNever = 1e300;

  ABSL_ATTRIBUTE_ALWAYS_INLINE double Time(const PhaseLoad& load) const;
  // The same, with the sweep's share of what the prices say.
  ABSL_ATTRIBUTE_ALWAYS_INLINE double PricedTime(uint32_t phase,
                                                 const PhaseLoad& load) const;
  void SetPrices();
  // Adds (sign 1) or takes away (-1) what a block's stays load the phases with.
  void Count(uint32_t block, double sign);
  void Occupy(const Stay& stay, int64_t bytes);
  bool Open(uint32_t first, uint32_t end) const;
  // No phase of [first, end) is full, but for the block's own stays around its
  // use j.
  bool OpenFor(size_t j, uint32_t first, uint32_t end) const;
  double Rent(uint32_t first, uint32_t end) const;

  void TakeInHand(uint32_t block);
  void FindPath(uint32_t block);
  // The cheapest way to be in HBM at use j, of the ways that are open.
  void Arrive(uint32_t block, size_t j);
  // Of two phases of [first, end), drawn at random, the one whose DRAM is less
  // busy.
  uint32_t PhaseWithSlack(uint32_t first, uint32_t end);
  void TryFetch(size_t j, uint32_t phase, double before, bool from_in,
                double* best);
  // The load of use j's phase without the block in hand, which reads `read` and
  // writes `written` bytes there.
  ABSL_ATTRIBUTE_ALWAYS_INLINE PhaseLoad LoadOfOthers(size_t j, double read,
                                                      double written) const;
  void Serve(size_t j);
  void TracePath(uint32_t block);
  bool Replace(uint32_t block);

  const AccessWindow& window_;
  ClairvoyantSchedule schedule_;
  std::mt19937_64 random_;
  std::vector<uint32_t> order_;
  // By block: visits since it moved.
  std::vector<uint8_t> quiet_;

  // The machine.
  const PhaseLimits limits_;
  const bool routing_;
  // Bytes of the largest block that fits into HBM: the room to leave a phase
  // open.
  int64_t room_ = 0;
  // Seconds of a block read from DRAM.
  double block_time_;

  std::vector<Phase> phases_;
  std::vector<int64_t> resident_;
  // Bit p: phase p has no room for another block.
  std::vector<uint64_t> full_;

  // Of the sweep.
  const SweepOptions* options_ = nullptr;
  double width_ = 0;
  double corner_ = 0;  // 1 / (4 width), 0 without
  // Rents of phases 0 .. p.
  std::vector<double> rent_sums_;
  // Of the block in hand.
  std::span<const BlockUse> uses_;
  std::span<const uint32_t> writes_;
  std::span<Stay> stays_;
  double bytes_ = 0;
  uint32_t last_ = 0;
  std::vector<Step> steps_;
  std::vector<Stay> path_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_SCHEDULE_SEARCH_H_
