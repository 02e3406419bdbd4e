// Runs a policy on a device's picture and applies what it says, all or nothing.
//
// The same planner serves a live session and a simulation. A plan that names a
// block that is not where the plan needs it is refused as a whole: policies are
// code, and a broken one must not move anything.
//
// Thread-safety: one thread at a time, the same as the model's.
#ifndef KVPLACE_SERVER_CORE_PLANNER_H_
#define KVPLACE_SERVER_CORE_PLANNER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/core/device_model.h"
#include "server/core/plan.h"
#include "server/core/policy/policy.h"

namespace kvplace {

// Whether an order still stands that was made some steps ago, `evicted`
// evictions before: it asks for nothing that is done only once, and most of its
// queue is left. What it names may have moved, but not ended.
bool MayRepeat(const StandingOrder& order, uint64_t evicted);

class Planner {
 public:
  // `lifetime_steps` >= 1: how long a plan stays valid after its basis.
  explicit Planner(uint32_t lifetime_steps = 1)
      : lifetime_steps_(lifetime_steps) {}

  // The standing order for the steps after the model's last one, with HBM room
  // reserved for what it may bring in. Fills *plan, reusing its memory; its id
  // is the next one. INTERNAL: the policy's order does not fit the model;
  // nothing is reserved and *plan must not be used.
  absl::Status MakePlan(const Policy& policy, DeviceModel& model, Plan* plan);

  // The plan's order for the steps after the model's last one, with a number,
  // time and room of its own: the end of MakePlan, and all that it takes to
  // repeat a plan. REQUIRES: MakePlan has filled *plan, and MayRepeat(*plan).
  void Issue(DeviceModel& model, Plan* plan);

  // Delay 0: the order for one phase whose reads are known.
  absl::Status MakePhaseOrder(const Policy& policy, const DeviceModel& model,
                              PlanRequest request, StandingOrder* order);

 private:
  absl::Status Check(const DeviceModel& model, const StandingOrder& order);
  // Distinct live blocks, all in tier `expected` unless that is kNone.
  absl::Status CheckOnce(const DeviceModel& model,
                         const std::vector<BlockId>& list, Tier expected,
                         const char* what);
  Bytes RoomWanted(const DeviceModel& model, const StandingOrder& order) const;

  const uint32_t lifetime_steps_;
  PlanId last_id_{0};
  // One bit per handle, all clear between calls.
  std::vector<uint64_t> seen_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_PLANNER_H_
