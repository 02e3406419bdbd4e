#include "tests/replay/planned_device.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/core/policy/registry.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {

PlannedDevice::PlannedDevice(const DeviceConfig& config,
                             const std::string& policy,
                             const std::vector<BlockId>& hbm, int64_t first)
    : config_(config),
      policy_(*MakeOnlinePolicy(policy)),
      model_(config_, policy_.get()),
      device_(config_) {
  uint32_t handle = 0;
  for (uint32_t g = 0; g < config_.groups.size(); ++g) {
    for (uint32_t page = 0; page < config_.groups[g].handles; ++page) {
      const BlockId block(handle++);
      const Tier tier =
          std::ranges::binary_search(hbm, block) ? Tier::kHbm : Tier::kDram;
      EXPECT_THAT(model_.AddInventory(
                      {SequenceId(0), GroupId(g), page, block, 1, tier}),
                  IsOk());
      device_.Place(block, tier);
    }
  }
  model_.FinishInventory(StepIndex(first));
}

double PlannedDevice::Step(int64_t step,
                           const std::vector<PhaseReads>& phases) {
  EXPECT_THAT(planner_.MakePlan(*policy_, model_, &plan_), IsOk());
  device_.SetOrder(&plan_.order);
  model_.Refresh();
  EXPECT_THAT(model_.BeginStep(StepIndex(step)), IsOk());
  StepAccount account;
  for (uint32_t g = 0; g < phases.size(); ++g) {
    const PhaseReads& reads = phases[g];
    PhaseInput input;
    input.group = GroupId(g);
    input.reads = reads.reads;
    input.next_group = GroupId((g + 1) % static_cast<uint32_t>(phases.size()));
    device_.BeginPhase(input, &outcome_);
    device_.EndPhase(input, &outcome_);
    PhaseUpdate update;
    update.group = input.group;
    update.reads = reads.reads;
    update.read_masses = reads.masses;
    update.near_misses = reads.near_misses;
    update.near_miss_masses = reads.near_miss_masses;
    update.evicted = outcome_.evicted;
    update.promoted = outcome_.promoted;
    EXPECT_THAT(model_.ApplyPhase(update, &account), IsOk());
  }
  model_.EndStep(account);
  return account.seconds.value();
}

}  // namespace kvplace
