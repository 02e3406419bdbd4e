// A DeviceModel filled and fed by hand, and the orders that a policy gives it.
//
// Handles are group * handles per group + page, all of one sequence, unless Put
// says otherwise. Errors are test failures.
#ifndef KVPLACE_TESTS_TESTING_SMALL_MODEL_H_
#define KVPLACE_TESTS_TESTING_SMALL_MODEL_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/core/device_model.h"
#include "server/core/planner.h"
#include "server/core/policy/policy.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {

class SmallModel {
 public:
  // `policy` must outlive it; `plan_lead` as of DeviceModel.
  SmallModel(DeviceConfig device, const Policy& policy, uint32_t plan_lead = 1)
      : handles_each_(device.groups[0].handles),
        policy_(policy),
        model_(std::move(device), &policy, plan_lead) {}

  void Put(const std::vector<BlockId>& blocks, Tier tier) {
    for (const BlockId block : blocks) {
      PutPage(block, block.value() % handles_each_, tier);
    }
  }
  void PutPage(BlockId block, uint32_t page, Tier tier) {
    EXPECT_THAT(model_.AddInventory(
                    {SequenceId(1), GroupOf(block), page, block, 1, tier}),
                IsOk());
  }
  // The inventory is complete; step 0 comes next.
  void Start() { model_.FinishInventory(StepIndex(0)); }

  void BeginStep(StepDetail detail = StepDetail::kAll) {
    EXPECT_THAT(model_.BeginStep(StepIndex(++step_), detail), IsOk());
    account_ = StepAccount();
  }
  // A phase that reads and moves; the group is that of the first read.
  void Phase(const std::vector<BlockId>& reads,
             const std::vector<BlockId>& promoted = {},
             const std::vector<BlockId>& evicted = {}) {
    PhaseUpdate phase;
    if (!reads.empty()) phase.group = GroupOf(reads[0]);
    phase.reads = reads;
    phase.promoted = promoted;
    phase.evicted = evicted;
    EXPECT_THAT(model_.ApplyPhase(phase, &account_), IsOk());
  }
  void EndStep() { model_.EndStep(account_); }
  // A step of one phase.
  void Step(const std::vector<BlockId>& reads) {
    BeginStep();
    Phase(reads);
    EndStep();
  }

  // The plan for the steps after the last one.
  StandingOrder Plan() {
    kvplace::Plan plan;
    EXPECT_THAT(planner_.MakePlan(policy_, model_, &plan), IsOk());
    return plan.order;
  }
  // The order for the running phase of `group`, whose hits the model has seen.
  StandingOrder PhaseOrder(uint32_t group, const std::vector<BlockId>& misses,
                           const std::vector<BlockId>& births = {},
                           Bytes hbm_slack = Bytes(0)) {
    PlanRequest request;
    request.group = GroupId(group);
    request.misses = misses;
    request.next_births = births;
    request.hbm_slack = hbm_slack;
    request.next_birth_bytes =
        kSmallBlock * static_cast<int64_t>(births.size());
    request.free =
        model_.residency().capacity() - model_.residency().resident();
    StandingOrder order;
    EXPECT_THAT(planner_.MakePhaseOrder(policy_, model_, request, &order),
                IsOk());
    return order;
  }

  DeviceModel& model() { return model_; }
  GroupId GroupOf(BlockId block) const {
    return GroupId(block.value() / handles_each_);
  }

 private:
  const uint32_t handles_each_;
  const Policy& policy_;
  DeviceModel model_;
  Planner planner_;
  StepAccount account_;
  int64_t step_ = -1;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_SMALL_MODEL_H_
