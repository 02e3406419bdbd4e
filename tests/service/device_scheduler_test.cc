// What a broken policy can do, and what a step costs in memory.
#include "server/service/device_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "tests/testing/counting_allocator.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_metrics_sink.h"
#include "tests/testing/session_messages.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Evicts block 2, which is in DRAM.
class BrokenPolicy final : public Policy {
 public:
  const PolicyTraits& traits() const override {
    static constexpr PolicyTraits kTraits{.name = "broken"};
    return kTraits;
  }
  void Plan(const DeviceModel&, const PlanRequest&,
            StandingOrder* order) const override {
    order->evict_queue = Ids({2});
  }
};

std::shared_ptr<const PolicyInForce> InForce(std::unique_ptr<const Policy> made,
                                             Mode mode) {
  auto policy = std::make_shared<PolicyInForce>();
  policy->settings.mode = mode;
  policy->policy = std::move(made);
  return policy;
}

std::shared_ptr<const PolicyInForce> InForce(const char* name, Mode mode) {
  auto made = MakeOnlinePolicy(name);
  EXPECT_THAT(made, IsOk());
  return InForce(*std::move(made), mode);
}

TEST(DeviceSchedulerTest, ABrokenPolicyMovesNothing) {
  FakeClock clock;
  DeviceScheduler scheduler(
      SmallDevice(2, 8, 6),
      InForce(std::make_unique<BrokenPolicy>(), Mode::kAct), 8, &clock);
  ASSERT_THAT(scheduler.AddInventory(SmallInventory()), IsOk());
  scheduler.FinishInventory(StepIndex(0));
  v1::Plan plan;
  EXPECT_THAT(scheduler.MakePlan(&plan),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("handle 2")));
  EXPECT_EQ(scheduler.model().residency().reserved(), Bytes(0));
  // Steps are still taken, and another policy plans.
  EXPECT_THAT(scheduler.ApplyStep(StepReading(0, {0, 2})), IsOk());
  scheduler.SetPolicy(InForce("lru", Mode::kAct));
  EXPECT_THAT(scheduler.MakePlan(&plan), IsOk());
}

TEST(DeviceSchedulerTest, ABrokenPolicyEndsTheComparisonOnly) {
  FakeClock clock;
  FakeMetricsSink sink;
  const auto metrics = sink.AddDevice("n", 0, {BytesPerSecond(1)});
  DeviceScheduler scheduler(
      SmallDevice(2, 8, 6),
      InForce(std::make_unique<BrokenPolicy>(), Mode::kObserve), 8, &clock);
  scheduler.SetMetrics(metrics.get());
  ASSERT_THAT(scheduler.AddInventory(SmallInventory()), IsOk());
  scheduler.FinishInventory(StepIndex(0));
  EXPECT_THAT(scheduler.counterfactual_error(), IsOk());
  for (int64_t step = 0; step < 3; ++step) {
    EXPECT_THAT(scheduler.ApplyStep(StepReading(step, {0, 2})), IsOk());
  }
  EXPECT_THAT(scheduler.counterfactual_error(),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(sink.device("n/0").steps, SizeIs(3));
  EXPECT_THAT(sink.device("n/0").observed, SizeIs(0));
}

// A device of two groups under lru, of which a sink hears. Handles 0 and 1 are
// in HBM, 2 and 3 in DRAM, and so are those of the other group, from 8 on.
class SmallSchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    scheduler_.SetMetrics(metrics_.get());
    ASSERT_THAT(scheduler_.AddInventory(SmallInventory()), IsOk());
    scheduler_.FinishInventory(StepIndex(0));
  }

  FakeMetricsSink::Device device() { return sink_.device("n/0"); }

  FakeClock clock_;
  FakeMetricsSink sink_;
  const std::unique_ptr<DeviceMetrics> metrics_ =
      sink_.AddDevice("n", 0, {BytesPerSecond(1), 2});
  DeviceScheduler scheduler_{SmallDevice(2, 8, 6), InForce("lru", Mode::kAct),
                             8, &clock_};
};

TEST_F(SmallSchedulerTest, TellsMissesByGroupAndWhatStaysInDram) {
  const auto left = [this](OrderSource order) {
    return device().left_in_dram[static_cast<size_t>(order)];
  };
  // Nobody moved anything.
  ASSERT_THAT(scheduler_.ApplyStep(StepReading(0, {0, 2, 3})), IsOk());
  EXPECT_EQ(left(OrderSource::kLocal), 2u);
  v1::Plan plan;
  ASSERT_THAT(scheduler_.MakePlan(&plan), IsOk());
  scheduler_.OnPlanDeparted();
  // 2 is promoted; 3 is left.
  ASSERT_THAT(scheduler_.HoldReport(Report(1, plan.id(), {2}, {})), IsOk());
  ASSERT_THAT(scheduler_.ApplyStep(StepReading(1, {0, 2, 3})), IsOk());
  EXPECT_EQ(left(OrderSource::kPlan), 1u);
  // The promotion of 3 fails: that is no decision.
  v1::MoveReport failed = Report(2, plan.id(), {}, {});
  failed.mutable_phases(0)->set_failed(Ordered({3}));
  ASSERT_THAT(scheduler_.HoldReport(failed), IsOk());
  ASSERT_THAT(scheduler_.ApplyStep(StepReading(2, {0, 2, 3})), IsOk());
  EXPECT_EQ(left(OrderSource::kPlan), 1u);
  EXPECT_EQ(left(OrderSource::kLocal), 2u);

  ASSERT_THAT(device().groups, SizeIs(2));
  EXPECT_EQ(device().groups[0].reads, 9u);
  EXPECT_EQ(device().groups[0].misses, 5u);
  EXPECT_EQ(device().groups[1].reads, 0u);
  EXPECT_EQ(device().leader, std::nullopt);
}

TEST_F(SmallSchedulerTest, AStepThatIsHeardStandsForThoseThatWereNot) {
  v1::Plan plan;
  ASSERT_THAT(scheduler_.MakePlan(&plan), IsOk());
  scheduler_.OnPlanDeparted();
  // Bytes that are no reads are not looked at.
  v1::Step broken = StepReading(0, {0, 2});
  broken.mutable_reads(0)->set_handles("\xff");
  broken.set_decode_steps(3);
  // A block of which it is not known whether it was read.
  v1::MoveReport report = Report(0, plan.id(), {2}, {});
  report.mutable_phases(0)->set_failed(Ordered({3}));
  report.mutable_phases(0)->set_routed_reads(2);
  ASSERT_THAT(scheduler_.HoldReport(report), IsOk());
  ASSERT_THAT(scheduler_.ApplyStep(broken, StepDetail::kLedger), IsOk());
  EXPECT_EQ(scheduler_.decode_steps(), 3u);
  EXPECT_EQ(scheduler_.model().residency().tier(BlockId(2)), Tier::kHbm);
  const auto of = [](const auto& by_reason, auto reason) {
    return by_reason[static_cast<size_t>(reason)];
  };
  EXPECT_EQ(of(device().dropped, DropReason::kNotLearned), 1u);
  EXPECT_THAT(device().steps, SizeIs(0));
  EXPECT_EQ(of(device().left_in_dram, OrderSource::kPlan), 0u);

  ASSERT_THAT(scheduler_.ApplyStep(StepReading(1, {0, 2})), IsOk());
  EXPECT_EQ(device().decode_steps, 4u);
  ASSERT_THAT(device().steps, SizeIs(1));
  EXPECT_EQ(device().steps[0].traffic.promoted, kSmallBlock);
  EXPECT_EQ(device().groups[0].reads, 2u);
  EXPECT_EQ(device().groups[0].misses, 0u);
  ASSERT_THAT(scheduler_.ApplyStep(StepReading(2, {0, 2})), IsOk());
  EXPECT_EQ(device().decode_steps, 5u);
  EXPECT_EQ(device().steps[1].traffic.promoted, Bytes(0));
  EXPECT_EQ(scheduler_.ApplyStep(broken).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SmallSchedulerTest, APlanIsRepeatedWhileItMayStand) {
  ASSERT_THAT(scheduler_.ApplyStep(StepReading(0, {0})), IsOk());
  v1::Plan plan;
  const auto plan_after = [&](const v1::Step& step, StepDetail detail) {
    EXPECT_THAT(scheduler_.ApplyStep(step, detail), IsOk());
    EXPECT_THAT(scheduler_.MakePlan(&plan), IsOk());
    scheduler_.OnPlanDeparted();
    EXPECT_EQ(plan.basis_step(), step.step());
    EXPECT_EQ(plan.valid_until_step(), step.step() + 8);
    return plan.evict_queue();
  };
  ASSERT_THAT(scheduler_.MakePlan(&plan), IsOk());
  // Of blocks 0, 1, 8 and 9 the first was read; the rest goes by page.
  const std::string first = Ordered({1, 9, 8, 0});
  EXPECT_EQ(plan.evict_queue(), first);
  EXPECT_EQ(plan_after(StepReading(1, {1}), StepDetail::kLedger), first);
  EXPECT_EQ(plan.id(), 2u);
  // What is written into another message is whole.
  plan.Clear();
  EXPECT_EQ(plan_after(StepReading(2, {1}), StepDetail::kLedger), first);
  const std::string second = Ordered({9, 8, 0, 1});
  EXPECT_EQ(plan_after(StepReading(3, {1}), StepDetail::kAll), second);
  // Two of four may go, not three.
  for (const auto& [step, block, queue] :
       {std::tuple(4, 9u, second), std::tuple(5, 8u, second),
        std::tuple(6, 0u, Ordered({1}))}) {
    ASSERT_THAT(scheduler_.HoldReport(Report(step, plan.id(), {}, {block})),
                IsOk());
    EXPECT_EQ(plan_after(StepReading(step, {1}), StepDetail::kLedger), queue);
  }
  // A handle that ends may come again as another block.
  v1::Step freeing = StepReading(7, {});
  freeing.add_freed()->set_first(1);
  freeing.mutable_freed(0)->set_count(1);
  EXPECT_EQ(plan_after(freeing, StepDetail::kLedger), "");
}

TEST(DeviceSchedulerTest, TellsThePolicyAndItsPrices) {
  FakeClock clock;
  FakeMetricsSink sink;
  const auto metrics = sink.AddDevice("n", 0, {BytesPerSecond(1), 2});
  DeviceScheduler scheduler(SmallDevice(2, 8, 6), InForce("lru", Mode::kAct), 8,
                            &clock);
  scheduler.SetMetrics(metrics.get());
  scheduler.SetPolicy(InForce("shadow-price", Mode::kAdvise));
  EXPECT_THAT(sink.device("n/0").policies,
              ElementsAre("lru act", "shadow-price advise"));
  ASSERT_THAT(scheduler.AddInventory(SmallInventory()), IsOk());
  scheduler.FinishInventory(StepIndex(0));
  // DRAM is what a phase of misses waits for, and not what one of hits does.
  for (int64_t step = 0; step < 50; ++step) {
    ASSERT_THAT(scheduler.ApplyStep(StepReading(step, {0, 1})), IsOk());
  }
  EXPECT_EQ(sink.device("n/0").leader, Leader::kValues);
  const std::vector<double> theta = sink.device("n/0").theta;
  ASSERT_THAT(theta, SizeIs(2));
  EXPECT_LT(theta[0], 0.5);
  EXPECT_EQ(theta[1], 1);
}

// A device of 16 sequences with 4096 pages in each of two groups.
class LargeDevice {
 public:
  static constexpr uint32_t kPages = 4'096;
  static constexpr uint32_t kSequences = 16;
  static constexpr uint32_t kGroups = 2;
  static constexpr uint32_t kHandles = kPages * kSequences * kGroups;

  LargeDevice(const char* policy, Mode mode,
              uint32_t hindsight_window_steps = 0) {
    const int64_t before = AllocatedBytes();
    DeviceConfig config =
        SmallDevice(kGroups, kPages * kSequences, kHandles / 2);
    scheduler_ = std::make_unique<DeviceScheduler>(
        config, InForce(policy, mode), 8, &clock_, hindsight_window_steps);
    v1::Inventory inventory;
    for (uint32_t s = 0; s < kSequences; ++s) {
      for (uint32_t g = 0; g < kGroups; ++g) {
        // Every other page apart, as a paged allocator would have it.
        const uint32_t first = (s * kGroups + g) * kPages;
        for (uint32_t p = 0; p + 1 < kPages; p += 2) {
          AddRange(s, g, p, first + p + 1, 1,
                   p < kPages / 2 ? Tier::kHbm : Tier::kDram,
                   inventory.mutable_blocks());
          AddRange(s, g, p + 1, first + p, 1, Tier::kDram,
                   inventory.mutable_blocks());
        }
      }
    }
    EXPECT_THAT(scheduler_->AddInventory(inventory), IsOk());
    scheduler_->FinishInventory(StepIndex(0));
    inventory.Clear();
    before_ = before;
  }

  v1::Step NextStep() {
    v1::Step step;
    step.set_step(step_++);
    for (uint32_t g = 0; g < kGroups; ++g) {
      std::vector<BlockId> reads;
      for (uint32_t s = 0; s < kSequences; ++s) {
        const uint32_t first = (s * kGroups + g) * kPages;
        for (uint32_t p = rng_() % 8; p < kPages; p += 1 + rng_() % 16) {
          reads.emplace_back(first + p);
        }
      }
      ReadSet set;
      set.group = GroupId(g);
      set.reads = reads;
      EncodeReads(set, step.add_reads());
    }
    for (uint32_t s = 0; s < kSequences; ++s) {
      step.add_sequences()->set_sequence(s);
      step.mutable_sequences()->rbegin()->set_new_tokens(1);
    }
    return step;
  }
  void Run(const v1::Step& step) {
    ASSERT_THAT(scheduler_->ApplyStep(step), IsOk());
    if (scheduler_->policy().settings.mode == Mode::kObserve) return;
    ASSERT_THAT(scheduler_->MakePlan(&plan_), IsOk());
    scheduler_->OnPlanDeparted();
  }
  HindsightTracker& hindsight() { return *scheduler_->hindsight(); }
  double bytes_per_handle() const {
    return static_cast<double>(AllocatedBytes() - before_) / kHandles;
  }

 private:
  FakeClock clock_;
  std::unique_ptr<DeviceScheduler> scheduler_;
  v1::Plan plan_;
  std::mt19937 rng_{1};
  int64_t step_ = 0;
  int64_t before_ = 0;
};

TEST(DeviceSchedulerTest, NothingIsAllocatedPerBlockOnceWarm) {
  for (const auto policy : OnlinePolicyNames()) {
    SCOPED_TRACE(policy);
    LargeDevice device(std::string(policy).c_str(), Mode::kAct);
    for (int i = 0; i < 8; ++i) device.Run(device.NextStep());
    int64_t most = 0;
    for (int i = 0; i < 8; ++i) {
      const v1::Step step = device.NextStep();
      const int64_t before = AllocationCount();
      device.Run(step);
      most = std::max(most, AllocationCount() - before);
    }
    // About 15,000 blocks are read. What is left: lists that a policy makes
    // for itself, growing.
    EXPECT_LT(most, 64);
  }
}

TEST(DeviceSchedulerTest, ABlockCostsAtMost64Bytes) {
  for (const auto policy : OnlinePolicyNames()) {
    SCOPED_TRACE(policy);
    LargeDevice device(std::string(policy).c_str(), Mode::kAct);
    for (int i = 0; i < 8; ++i) device.Run(device.NextStep());
    EXPECT_LE(device.bytes_per_handle(), 64);
  }
}

// What 16 steps leave behind with a window of so many, per handle, and what
// they allocate once warm.
struct Cost {
  double bytes_per_handle = 0;
  int64_t allocations = 0;
  uint64_t window_reads = 0;
  size_t window_bytes = 0;
};
Cost CostWithWindow(uint32_t steps) {
  LargeDevice device("lfu", Mode::kAct, steps);
  for (int i = 0; i < 32; ++i) device.Run(device.NextStep());
  Cost cost;
  for (int i = 0; i < 16; ++i) {
    const v1::Step step = device.NextStep();
    const int64_t before = AllocationCount();
    device.Run(step);
    cost.allocations += AllocationCount() - before;
  }
  cost.bytes_per_handle = device.bytes_per_handle();
  cost.window_bytes = device.hindsight().bytes();
  if (!device.hindsight().due()) return cost;
  for (const auto& step : device.hindsight().Take({}).steps) {
    cost.window_reads += step->reads();
  }
  return cost;
}

// The steps that are kept for the hindsight bound: by reads, not by blocks.
TEST(DeviceSchedulerTest, AReadOfTheWindowCostsAtMost4Bytes) {
  const Cost with = CostWithWindow(8);
  const Cost without = CostWithWindow(0);
  EXPECT_GT(with.window_reads, 100'000u);
  EXPECT_LE(with.window_bytes, 4 * with.window_reads);
  EXPECT_EQ(without.window_bytes, 0u);
  // And nothing besides, but for the lists of the window.
  EXPECT_NEAR((with.bytes_per_handle - without.bytes_per_handle) *
                  LargeDevice::kHandles,
              static_cast<double>(with.window_bytes), 16'384);
  // A record may have to grow for the largest step so far.
  EXPECT_LE(with.allocations - without.allocations, 4);
}

TEST(DeviceSchedulerTest, ObserveModeCostsAtMostTwiceThat) {
  for (const auto policy : OnlinePolicyNames()) {
    SCOPED_TRACE(policy);
    LargeDevice device(std::string(policy).c_str(), Mode::kObserve);
    for (int i = 0; i < 4; ++i) device.Run(device.NextStep());
    EXPECT_LE(device.bytes_per_handle(), 128);
  }
}

}  // namespace
}  // namespace kvplace
