// Bytes that a device's picture takes per block, counted by the allocator.
// Every allocation of the model, the planner and its plan is in the count.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "server/core/device_model.h"
#include "server/core/planner.h"
#include "server/core/policy/registry.h"
#include "tests/testing/counting_allocator.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr uint32_t kGroups = 4;
constexpr uint32_t kPerGroup = 250000;
constexpr uint32_t kBlocks = kGroups * kPerGroup;
constexpr double kMostBytesPerBlock = 64;

struct Shape {
  std::string policy;
  // Share of the blocks that fits into HBM.
  double capacity;
  uint32_t pages;  // per sequence and group
};

class DeviceModelMemory : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    policy_ = *MakeOnlinePolicy(GetParam().policy);
    capacity_ = static_cast<uint32_t>(GetParam().capacity * kBlocks);
    const DeviceConfig device = SmallDevice(kGroups, kPerGroup, capacity_);
    before_ = AllocatedBytes();
    model_ = std::make_unique<DeviceModel>(device, policy_.get());
    planner_ = std::make_unique<Planner>();
    plan_ = std::make_unique<Plan>();
  }

  double BytesPerBlock() const {
    return static_cast<double>(AllocatedBytes() - before_) / kBlocks;
  }

  // Every block alive; the last `capacity_` handles are in HBM.
  void FillInventory() {
    const uint32_t pages = GetParam().pages;
    for (uint32_t first = 0; first < kBlocks; first += pages) {
      const Tier tier = first >= kBlocks - capacity_ ? Tier::kHbm : Tier::kDram;
      ASSERT_THAT(model_->AddInventory({SequenceId(first % kPerGroup / pages),
                                        GroupId(first / kPerGroup), 0,
                                        BlockId(first), pages, tier}),
                  IsOk());
    }
    model_->FinishInventory(StepIndex(0));
  }

  // A step that reads every block and exchanges `moves` of them.
  void Step(int64_t step, uint32_t evict_from, uint32_t promote_from,
            uint32_t moves) {
    ASSERT_THAT(model_->BeginStep(StepIndex(step)), IsOk());
    StepAccount account;
    for (uint32_t g = 0; g < kGroups; ++g) {
      const std::vector<BlockId> reads = IdRange(g * kPerGroup, kPerGroup);
      PhaseUpdate phase;
      phase.group = GroupId(g);
      phase.reads = reads;
      ASSERT_THAT(model_->ApplyPhase(phase, &account), IsOk());
    }
    for (uint32_t done = 0; done < moves; done += 1000) {
      const std::vector<BlockId> out = IdRange(evict_from + done, 1000);
      const std::vector<BlockId> in = IdRange(promote_from + done, 1000);
      PhaseUpdate phase;
      phase.evicted = out;
      phase.promoted = in;
      ASSERT_THAT(model_->ApplyPhase(phase, &account), IsOk());
    }
    model_->EndStep(account);
  }

  std::unique_ptr<const Policy> policy_;
  uint32_t capacity_ = 0;
  int64_t before_ = 0;
  std::unique_ptr<DeviceModel> model_;
  std::unique_ptr<Planner> planner_;
  std::unique_ptr<Plan> plan_;
};

INSTANTIATE_TEST_SUITE_P(
    Policies, DeviceModelMemory,
    ::testing::Values(Shape{"lru", 0.25, 1000}, Shape{"lru", 1.0, 1000},
                      Shape{"lfu", 0.25, 1000}, Shape{"lfu", 0.6, 1000},
                      Shape{"lfu", 1.0, 1000}, Shape{"lfu", 0.25, 20},
                      Shape{"reactive-page", 0.6, 1000}),
    [](const auto& param) {
      std::string name = param.param.policy + "_" +
                         std::to_string(int(param.param.capacity * 100)) + "_" +
                         std::to_string(param.param.pages);
      for (char& c : name) c = c == '-' ? '_' : c;
      return name;
    });

TEST_P(DeviceModelMemory, AMillionBlocks) {
  ASSERT_NO_FATAL_FAILURE(FillInventory());
  const double filled = BytesPerBlock();
  ASSERT_THAT(planner_->MakePlan(*policy_, *model_, plan_.get()), IsOk());
  const double planned = BytesPerBlock();
  const uint32_t moves = std::min(capacity_, kBlocks - capacity_) / 1000 * 1000;
  ASSERT_NO_FATAL_FAILURE(Step(0, kBlocks - moves, 0, moves));
  ASSERT_THAT(planner_->MakePlan(*policy_, *model_, plan_.get()), IsOk());
  ASSERT_NO_FATAL_FAILURE(Step(1, 0, kBlocks - moves, moves));
  ASSERT_THAT(planner_->MakePlan(*policy_, *model_, plan_.get()), IsOk());
  const double run = BytesPerBlock();
  std::printf(
      "bytes per block: %.1f with the inventory, %.1f with the first plan, "
      "%.1f after two steps that read and moved all they could\n",
      filled, planned, run);
  RecordProperty("bytes_per_block", std::to_string(run));
  EXPECT_LE(filled, kMostBytesPerBlock);
  EXPECT_LE(planned, kMostBytesPerBlock);
  EXPECT_LE(run, kMostBytesPerBlock);
}

}  // namespace
}  // namespace kvplace
