// The order for one phase, written move by move: what the clairvoyant policies
// share. Counts the room left, and sees to it that an order holds exactly the
// evictions that its blocks coming in need.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_CORE_POLICY_PHASE_MOVES_H_
#define KVPLACE_SERVER_CORE_POLICY_PHASE_MOVES_H_

#include <cstdint>
#include <vector>

#include "server/core/policy/policy.h"

namespace kvplace {

// Why a block wants to be in HBM after the phase.
enum class WishKind : uint8_t {
  kBirth,     // it begins in the next phase
  kMiss,      // it is read from DRAM in this phase
  kPrefetch,  // it is in DRAM and not read in this phase
};

class PhaseMoves {
 public:
  // Writes into `order`, which comes Reset. REQUIRES: request.phase_known; all
  // outlive this object.
  PhaseMoves(const DeviceModel& model, const PlanRequest& request,
             StandingOrder* order);

  // Blocks that still fit.
  int64_t room() const { return room_; }
  // The block goes and makes room for one; it may be read in the phase.
  void Evict(BlockId block);
  // REQUIRES: room() > 0.
  void BringIn(BlockId block, WishKind kind);
  // New blocks that were not brought in begin in DRAM. Last of all.
  void Finish();

  // The order outside of phases, which only the blocks that begin in the first
  // phase ever see: they begin in HBM unless the start says otherwise.
  static void OrderForStart(StandingOrder* order);

 private:
  const PlanRequest& request_;
  StandingOrder& order_;
  int64_t room_;
  std::vector<BlockId> births_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_PHASE_MOVES_H_
