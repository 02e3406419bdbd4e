// The rolling hindsight bound: from a session's steps over the desk and the
// solver back to its status and metrics, with fake clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/replay/closed_loop.h"
#include "server/service/hindsight_desk.h"
#include "server/service/hindsight_solver.h"
#include "server/service/hindsight_thread.h"
#include "tests/service/lockstep_worker.h"
#include "tests/service/session_test_util.h"
#include "tests/testing/random_workload.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Property;
using ::testing::SizeIs;

// Every look at it costs as much.
class FakeCpuClock final : public CpuClock {
 public:
  explicit FakeCpuClock(absl::Duration per_task) : per_task_(per_task) {}
  absl::Duration Used() const override { return used_ += per_task_; }

 private:
  const absl::Duration per_task_;
  mutable absl::Duration used_;
};

class HindsightTest : public SessionTest {
 protected:
  HindsightTest() { options_.hindsight_window_steps = 8; }

  void SetUp() override { Restart(); }
  // As the server's two threads do, one after the other.
  void Serve() {
    registry_->SweepOnce();
    registry_->ServeHindsight(&desk_);
    solver_.RunOnce();
    registry_->ServeHindsight(&desk_);
  }
  void Steps(TestWorker* worker, int64_t first, int64_t end) {
    for (int64_t step = first; step < end; ++step) {
      ASSERT_EQ(worker->Send(StepReading(step, {0, 2, 3})), Outcome::kApplied);
    }
  }
  static WorkerHello Worker(const std::string& node) {
    WorkerHello hello = SmallWorker();
    hello.node_id = node;
    return hello;
  }

  FakeCpuClock cpu_{absl::Milliseconds(100)};
  HindsightDesk desk_{0.05};
  HindsightSolver solver_{&desk_, &cpu_};
};

TEST_F(HindsightTest, AbsentUntilItIsComputedThenWithGapAndAge) {
  const auto worker = ConnectReady();
  Serve();
  EXPECT_FALSE(status().has_hindsight_ratio());
  EXPECT_FALSE(status().has_hindsight_gap_ratio());
  EXPECT_FALSE(status().has_hindsight_age_seconds());
  Steps(worker.get(), 0, 3);
  Serve();
  EXPECT_GT(status().hindsight_ratio(), 0);
  // Two of the three blocks stay in DRAM; all would fit.
  EXPECT_LT(status().hindsight_ratio(), 0.5);
  EXPECT_TRUE(status().has_hindsight_gap_ratio());
  EXPECT_EQ(status().hindsight_window_steps(), 3u);
  EXPECT_EQ(status().hindsight_age_seconds(), 0);
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(status().hindsight_age_seconds(), 5);
  registry_->SweepOnce();
  EXPECT_EQ(device().hindsight_age, Seconds(5));
  ASSERT_THAT(device().bounds, SizeIs(1));
  EXPECT_EQ(device().bounds[0].ratio(), status().hindsight_ratio());
  EXPECT_EQ(device().hindsight_cpu, Seconds(0.1));
  // The window is of as many steps as were asked for.
  Steps(worker.get(), 3, 20);
  Serve();
  EXPECT_EQ(status().hindsight_window_steps(), 8u);
  EXPECT_EQ(status().hindsight_age_seconds(), 0);
}

TEST_F(HindsightTest, TheCpuBudgetHolds) {
  const auto worker = ConnectReady();
  int64_t step = 0;
  for (int ms = 0; ms < 20'000; ms += 100) {
    Steps(worker.get(), step, step + 2);
    step += 2;
    Serve();
    clock_.Advance(absl::Milliseconds(100));
    worker->Take();
    // 0.1 s each, so one in two seconds.
    EXPECT_LE(device().hindsight_cpu.value(), 0.05 * ms / 1000 + 0.1 + 1e-9);
  }
  EXPECT_THAT(device().bounds, SizeIs(10));
  // Another share counts from the next bound on.
  desk_.SetCpuShare(1);
  for (int i = 0; i < 30; ++i) {
    Steps(worker.get(), step, step + 1);
    ++step;
    Serve();
    clock_.Advance(absl::Milliseconds(100));
  }
  EXPECT_GT(device().bounds.size(), 35u);
}

TEST_F(HindsightTest, DevicesTakeTurns) {
  std::vector<std::shared_ptr<TestWorker>> workers;
  for (const char* node : {"node-a", "node-b", "node-c"}) {
    workers.push_back(ConnectReady(Worker(node)));
  }
  for (int64_t step = 0; step < 18; ++step) {
    // The first one runs twice as often.
    Steps(workers[0].get(), 2 * step, 2 * step + 2);
    for (int w : {1, 2}) Steps(workers[w].get(), step, step + 1);
    Serve();
    clock_.Advance(absl::Seconds(2));
  }
  for (const char* key : {"node-a/0", "node-b/0", "node-c/0"}) {
    EXPECT_THAT(device(key).bounds, SizeIs(6)) << key;
  }
}

TEST_F(HindsightTest, NothingNewNothingToDo) {
  const auto worker = ConnectReady();
  Steps(worker.get(), 0, 8);
  for (int i = 0; i < 10; ++i) {
    Serve();
    clock_.Advance(absl::Seconds(3));
    ASSERT_EQ(worker->SendHeartbeat(), Outcome::kApplied);
  }
  EXPECT_THAT(device().bounds, SizeIs(1));
  EXPECT_EQ(status().hindsight_age_seconds(), 30);
}

TEST_F(HindsightTest, AResyncForgetsTheSteps) {
  const auto worker = ConnectReady();
  Steps(worker.get(), 0, 8);
  worker->Skip();
  ASSERT_EQ(worker->Send(StepReading(8, {0})), Outcome::kDropped);
  ASSERT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  Serve();
  EXPECT_THAT(device().bounds, IsEmpty());
  Steps(worker.get(), 9, 11);
  Serve();
  EXPECT_EQ(status().hindsight_window_steps(), 2u);
}

TEST_F(HindsightTest, AResyncWhileItIsWorkedOnDoesNoHarm) {
  const auto worker = ConnectReady();
  Steps(worker.get(), 0, 8);
  registry_->ServeHindsight(&desk_);
  worker->Skip();
  ASSERT_EQ(worker->Send(StepReading(8, {0})), Outcome::kDropped);
  ASSERT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  Steps(worker.get(), 9, 12);
  Serve();
  EXPECT_EQ(status().hindsight_window_steps(), 8u);
  clock_.Advance(absl::Seconds(3));
  Serve();
  EXPECT_EQ(status().hindsight_window_steps(), 3u);
}

TEST_F(HindsightTest, ASessionMayEndWhileItIsWorkedOn) {
  auto worker = ConnectReady();
  Steps(worker.get(), 0, 8);
  registry_->ServeHindsight(&desk_);
  worker.reset();
  Serve();
  EXPECT_THAT(device().bounds, IsEmpty());
  // The desk is free for others.
  clock_.Advance(absl::Seconds(3));
  worker = ConnectReady(Worker("node-b"));
  Steps(worker.get(), 0, 8);
  Serve();
  EXPECT_THAT(device("node-b/0").bounds, SizeIs(1));
}

TEST_F(HindsightTest, AWindowOfNothingIsOff) {
  options_.hindsight_window_steps = 0;
  Restart();
  const auto worker = ConnectReady();
  Steps(worker.get(), 0, 20);
  Serve();
  EXPECT_THAT(device().bounds, IsEmpty());
  EXPECT_FALSE(device().hindsight_age.has_value());
  EXPECT_FALSE(status().has_hindsight_ratio());
}

TEST_F(HindsightTest, AStepForSeveralDecodeStepsCountsAsOne) {
  const auto worker = ConnectReady();
  for (int64_t step = 0; step < 32; step += 8) {
    v1::Step message = StepReading(step, {0, 2});
    message.set_decode_steps(8);
    ASSERT_EQ(worker->Send(message), Outcome::kApplied);
  }
  Serve();
  EXPECT_EQ(status().hindsight_window_steps(), 4u);
  ASSERT_THAT(device().bounds, SizeIs(1));
  Seconds sum;
  for (const StepAccount& step : device().steps) sum += step.seconds;
  EXPECT_EQ(device().bounds[0].achieved, sum);
}

// Real runs: what was achieved is never better than what is certified.
TEST_F(HindsightTest, NoRunBeatsItsBound) {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE(seed);
    ForgetMetrics();
    Restart();
    std::mt19937_64 random(seed);
    RandomWorkloadOptions shape;
    shape.steps = 24;
    shape.groups = 1 + seed % 3;
    shape.free_share = 0;  // the worker here frees whole sequences
    const Workload workload = RandomWorkload(shape, random);
    const auto mode =
        seed % 2 == 0 ? ResidencyMode::kExclusive : ResidencyMode::kInclusive;
    const DeviceConfig config = DeviceFor(workload, *FindProfile("paper-gh200"),
                                          mode, 2 + seed % 9, Bytes(0), false);
    const auto stream = Connect();
    LockstepWorker worker(workload, config, stream.get(), true);
    ASSERT_NO_FATAL_FAILURE(worker.Start());
    std::vector<PhaseOutcome> outcomes;
    for (uint32_t step = 0; step < workload.steps; ++step) {
      ASSERT_NO_FATAL_FAILURE(worker.RunStep(step, &outcomes));
      Serve();
      clock_.Advance(absl::Seconds(3));
    }
    EXPECT_THAT(
        device().bounds,
        Each(AllOf(Property("ratio", &RollingBound::ratio, AllOf(Gt(0), Le(1))),
                   Property("gap", &RollingBound::gap, testing::Ge(0)))));
    for (const RollingBound& bound : device().bounds) {
      EXPECT_LE(bound.lower.value(), bound.achieved.value() * (1 + 1e-9));
    }
  }
}

// The real thread: it takes what is posted, and ends when it is told to.
TEST_F(HindsightTest, TheThreadAnswers) {
  const auto worker = ConnectReady();
  Steps(worker.get(), 0, 8);
  HindsightDesk desk(1);
  HindsightThread thread(&desk);
  // It runs only where nothing else wants a processor.
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (device().bounds.empty() && absl::Now() < end) {
    registry_->ServeHindsight(&desk);
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_THAT(device().bounds, SizeIs(1));
  EXPECT_GT(device().hindsight_cpu.value(), 0);
}

}  // namespace
}  // namespace kvplace
