// What became of one block in a run of the closed loop, and why: its births,
// reads, moves and end, each with what the policy made of it when it decided.
//
// Listens to a run (LoopOptions) and changes nothing about it.
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_REPLAY_BLOCK_STORY_H_
#define KVPLACE_SERVER_REPLAY_BLOCK_STORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/core/explain.h"
#include "server/core/ids.h"
#include "server/core/plan.h"
#include "server/core/topology.h"
#include "server/replay/closed_loop.h"
#include "server/replay/emulated_device.h"
#include "server/replay/workload.h"

namespace kvplace {

// Why a block was moved, or stayed where a move was possible.
enum class Why : uint8_t {
  kNothing,  // nothing was to be decided
  // Read from DRAM. Promoted:
  kWorthIt,         // its value reached what was needed
  kWasWorthIt,      // it did when the blocks were ranked, and no longer does
  kGroupAdmitsAll,  // nearly all of its group would be, so all of it is
  kRoom,            // HBM had room
  // Promoted or not:
  kRule,  // the policy, or the rule that the guard follows, goes by no value
  // Not promoted:
  kNotWorthIt,  // its value fell short of what was needed
  kHbmBinds,    // so, for HBM binds in its group: the write costs too much
  kNotListed,   // worth it by now, but the order was made without it
  kWasInHbm,    // in HBM when the order was made, which so does not list it
  kUnheard,     // the planner had not heard of it when it made the order
  kNoRoom,      // to be promoted, but not enough could be evicted
  kEnds,        // it ended with the phase
  // Anything else:
  kPrefetch,    // promoted without having been read
  kMakesRoom,   // evicted for what was brought in
  kRebalance,   // evicted to hand reads back to DRAM's bandwidth
  kSpared,      // its turn to be evicted had come, but the phase read it
  kBornNoRoom,  // was to begin in HBM, which had no room
  kBornInDram,  // the order puts new blocks in DRAM
};
// "worth_it": the same word in code and reports.
absl::string_view Name(Why why);

// A phase in which something happened to the block.
struct BlockMoment {
  size_t phase = 0;
  // kNone: not alive.
  Tier before = Tier::kNone;
  Tier after = Tier::kNone;
  // kNone: it did not begin.
  Tier born_in = Tier::kNone;
  // kNone: not read.
  Tier read_from = Tier::kNone;
  // Read from its DRAM copy, although in HBM.
  bool routed = false;
  bool promoted = false;
  bool prefetched = false;
  bool evicted = false;
  bool ended = false;
  Why why = Why::kNothing;
  // As the order in force was made; nothing where there are no values, or where
  // the planner had not heard of the block.
  std::optional<BlockWorth> worth;
  PlaceInOrder place;

  // Anything but a look at a block that nobody touched.
  bool eventful() const {
    return before != after || read_from != Tier::kNone ||
           born_in != Tier::kNone;
  }
};

class BlockStory {
 public:
  // Moments are also kept of every `every`-th step, from step 0 on, in the
  // phase of the block's group; 0: only of what happens. REQUIRES: `workload`
  // outlives the story and has the id.
  BlockStory(const Workload& workload, BlockId block, uint32_t every);

  // Of LoopOptions.
  void OnStart(const std::vector<BlockId>& initial_hbm);
  void OnOrder(const OrderInForce& order);
  void OnPhase(size_t phase, const PhaseOutcome& outcome);

  BlockId block() const { return block_; }
  // Where it was before the first phase; kNone: it began later.
  Tier start() const { return start_; }
  const std::vector<BlockMoment>& moments() const { return moments_; }

  struct Counts {
    uint64_t hbm_reads = 0;
    uint64_t dram_reads = 0;
    uint64_t promotions = 0;
    uint64_t prefetches = 0;
    uint64_t evictions = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  BlockMoment See(size_t phase, const PhaseOutcome& outcome) const;
  void Count(const BlockMoment& moment);
  Why WhyOf(const BlockMoment& moment, const PhaseOutcome& outcome) const;
  Why WhyPromoted(const BlockMoment& moment) const;
  Why WhyStayed(const BlockMoment& moment) const;
  // The queue was used beyond the block's place.
  bool TurnHadCome(const BlockMoment& moment,
                   const PhaseOutcome& outcome) const;
  // Whether the order in force wants the block's birth in HBM.
  bool WantedInHbm() const;

  const Workload& workload_;
  const BlockId block_;
  const GroupId group_;
  const uint32_t every_;
  Tier start_ = Tier::kNone;
  Tier tier_ = Tier::kNone;
  std::vector<BlockMoment> moments_;
  Counts counts_;

  // The order in force.
  const StandingOrder* order_ = nullptr;
  bool phase_known_ = false;
  std::optional<BlockWorth> worth_;
  // Where the planner had the block.
  Tier planned_tier_ = Tier::kNone;
  // What it said of births at the end of the phase before.
  bool birth_wanted_in_hbm_ = false;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_BLOCK_STORY_H_
