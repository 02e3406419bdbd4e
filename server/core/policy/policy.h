// What a placement policy is: a pure function from the picture of one device to
// a standing order.
//
// A policy holds its parameters and nothing else: no clock, lock, log, RPC or
// history. What it must remember between steps lives in the DeviceModel: access
// statistics, and one index of the blocks in HBM that the policy's traits ask
// for and the model keeps up to date. Only the planner acts on what it returns.
//
// Thread-safety: const after construction; one object may serve many devices.
#ifndef KVPLACE_SERVER_CORE_POLICY_POLICY_H_
#define KVPLACE_SERVER_CORE_POLICY_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/plan.h"
#include "server/core/units.h"
#include "server/core/value/block_ranking.h"

namespace kvplace {

// The order of the blocks in HBM that the model keeps for a policy.
enum class VictimIndex : uint8_t {
  kNone,
  // DeviceModel::recency(): by last read.
  kRecency,
  // DeviceModel::ranks(), one partition: by Policy::Rank, evaluated when a
  // block is read or enters HBM.
  kRank,
  // The same, one partition per layer group.
  kRankByGroup,
  // DeviceModel::ranking(): by what they are worth, made in the background.
  kValue,
};

struct PolicyTraits {
  absl::string_view name;
  // Knows the future: for simulations only, never for a live worker.
  bool clairvoyant = false;
  // Steps after which a read can change placement, unless the user says
  // otherwise. 0: it runs in the worker and sees the phase it decides on.
  int default_delay_steps = 1;
  VictimIndex index = VictimIndex::kNone;
  // With kRank: DeviceModel::outsiders() is kept as well.
  bool rank_outsiders = false;
  // And holds blocks that were never read, too.
  bool rank_unread_outsiders = false;
  // With kRank, of a clairvoyant policy: the rank of a block changes when one
  // of its reads comes into the window of so many steps, too, and whoever
  // replays the record tells the model then (PhaseUpdate::reranked). 0: no
  // window.
  uint32_t rank_window_steps = 0;
  // Decay per step of the model's read counts, 0..1 exclusive. 0: it does not
  // look at them, and none are kept.
  double count_decay = 0;
  // With kValue.
  RankingOptions ranking = {};
};

// What the order is for.
struct PlanRequest {
  // Delay 0: the order is for the phase of `group` in the model's current step
  // alone, and its reads are known. Otherwise it is for the whole of the next
  // step, and the fields of the phase are empty.
  bool phase_known = false;
  GroupId group;
  // Read from DRAM in the phase (not in HBM), ascending.
  absl::Span<const BlockId> misses;
  // Begin in the next phase.
  absl::Span<const BlockId> next_births;
  Bytes next_birth_bytes;
  // What HBM can take on while DRAM is busy with the phase's own reads and
  // writes (CostModel::HbmSlack), before routing and any move.
  Bytes hbm_slack;
  // HBM room at the end of the phase, before any move.
  Bytes free;
  // Longest useful eviction queue.
  size_t max_evictions = 0;
};

class Policy {
 public:
  virtual ~Policy() = default;

  virtual const PolicyTraits& traits() const = 0;

  // Rank of a block for VictimIndex::kRank*: lowest goes first. Not NaN.
  virtual double Rank(const DeviceModel& /*model*/, BlockId /*block*/) const {
    return 0;
  }

  // Fills `order`, which comes Reset: promotes nothing, evicts nothing, puts
  // new blocks in DRAM.
  virtual void Plan(const DeviceModel& model, const PlanRequest& request,
                    StandingOrder* order) const = 0;
};

// Rank of a block that was never read, below every block that was: newest pages
// last, page 0 last of all.
double UnreadRank(const DeviceModel& model, BlockId block);

// Appends up to `count` victims, least recently used first (see UseOrder).
// REQUIRES: VictimIndex::kRecency.
void AppendOldest(const DeviceModel& model, size_t count,
                  std::vector<BlockId>* queue);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_POLICY_H_
