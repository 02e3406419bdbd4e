// The small parts: options, window, overload guard, plan ledger, sweeper.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <cmath>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/service/clock.h"
#include "server/service/cpu_pressure.h"
#include "server/service/overload_guard.h"
#include "server/service/plan_ledger.h"
#include "server/service/recent_latencies.h"
#include "server/service/service_options.h"
#include "server/service/status_bridge.h"
#include "server/service/step_window.h"
#include "server/service/sweeper_thread.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ServiceOptionsTest, DefaultsAreValid) {
  EXPECT_THAT(Validate(ServiceOptions()), IsOk());
}

TEST(ServiceOptionsTest, EachBadFieldIsNamed) {
  struct Case {
    const char* field;
    std::function<void(ServiceOptions*)> change;
  };
  const std::vector<Case> cases = {
      {"max_message_bytes", [](auto* o) { o->max_message_bytes = 1023; }},
      {"max_message_bytes", [](auto* o) { o->max_message_bytes = UINT32_MAX; }},
      {"max_sessions", [](auto* o) { o->max_sessions = 0; }},
      {"max_blocks_per_session",
       [](auto* o) { o->max_blocks_per_session = 0; }},
      {"max_blocks_per_session",
       [](auto* o) { o->max_blocks_per_session = UINT32_MAX; }},
      {"max_blocks_total",
       [](auto* o) { o->max_blocks_total = o->max_blocks_per_session - 1; }},
      {"plan_lifetime_steps", [](auto* o) { o->plan_lifetime_steps = 0; }},
      {"heartbeat_timeout",
       [](auto* o) { o->heartbeat_timeout = absl::Milliseconds(9); }},
      {"heartbeat_timeout",
       [](auto* o) { o->heartbeat_timeout = absl::InfiniteDuration(); }},
      {"hindsight_window_steps",
       [](auto* o) { o->hindsight_window_steps = 1025; }},
      {"hindsight_cpu_share", [](auto* o) { o->hindsight_cpu_share = 0; }},
      {"hindsight_cpu_share", [](auto* o) { o->hindsight_cpu_share = 1.1; }},
      {"hindsight_cpu_share",
       [](auto* o) { o->hindsight_cpu_share = std::nan(""); }},
      {"drain_deadline",
       [](auto* o) { o->drain_deadline = -absl::Seconds(1); }},
      {"sample_every", [](auto* o) { o->sample_every = 0; }},
      {"sample_every", [](auto* o) { o->sample_every = 65; }},
      {"max_sample_every", [](auto* o) { o->max_sample_every = 2000; }},
      {"max_consecutive_resyncs",
       [](auto* o) { o->max_consecutive_resyncs = 0; }},
      {"overload_lag", [](auto* o) { o->overload_lag = absl::Hours(1); }},
      {"overload_recovery_steps",
       [](auto* o) { o->overload_recovery_steps = 0; }},
      {"policy", [](auto* o) { o->defaults.policy = "nope"; }},
      {"decay", [](auto* o) { o->defaults.parameters["decay"] = 7; }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.field);
    ServiceOptions options;
    c.change(&options);
    EXPECT_THAT(Validate(options),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(c.field), HasSubstr("expected"))));
  }
}

TEST(ServiceOptionsTest, ModesHaveNames) {
  for (const Mode mode : {Mode::kAct, Mode::kAdvise, Mode::kObserve}) {
    auto parsed = ParseMode(Name(mode));
    ASSERT_THAT(parsed, IsOk());
    EXPECT_EQ(*parsed, mode);
  }
  EXPECT_THAT(ParseMode("watch"), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("act, advise, observe")));
}

StepAccount Step(double seconds, double roofline, int64_t hbm, int64_t dram,
                 int64_t promoted) {
  StepAccount step;
  step.seconds = Seconds(seconds);
  step.roofline = Seconds(roofline);
  step.traffic.hbm_reads = Bytes(hbm);
  step.traffic.dram_reads = Bytes(dram);
  step.traffic.promoted = Bytes(promoted);
  return step;
}

TEST(StepWindowTest, IsEmptyAtFirst) {
  const StepWindow window;
  EXPECT_EQ(window.roofline_ratio(), 0);
  EXPECT_EQ(window.miss_share(), 0);
  EXPECT_EQ(window.read_bytes_per_second(), 0);
}

TEST(StepWindowTest, MeansAreOfRecentSteps) {
  StepWindow window;
  for (int i = 0; i < 1000; ++i) {
    window.Add(Step(2, 1, 300, 100, 50), 1, std::nullopt);
  }
  EXPECT_NEAR(window.roofline_ratio(), 0.5, 1e-12);
  EXPECT_NEAR(window.miss_share(), 0.25, 1e-12);
  EXPECT_NEAR(window.read_bytes_per_second(), 200, 1e-9);
  EXPECT_NEAR(window.moved_bytes_per_second(), 25, 1e-9);
  EXPECT_NEAR(window.read_bytes_per_step(), 400, 1e-9);
  EXPECT_EQ(window.totals().steps, 1000u);
  EXPECT_EQ(window.totals().seconds, 2000);
  EXPECT_EQ(window.totals().dram_read_bytes, 100'000u);
  // 64 steps later the past counts 1/e.
  for (int i = 0; i < 64; ++i) {
    window.Add(Step(2, 2, 400, 0, 0), 1, std::nullopt);
  }
  EXPECT_NEAR(window.miss_share(), 0.25 * 0.365, 0.001);
}

TEST(StepWindowTest, ASampledStepWeighsWhatItStandsFor) {
  StepWindow one;
  StepWindow many;
  one.Add(Step(1, 1, 100, 0, 0), 1, std::nullopt);
  many.Add(Step(1, 1, 100, 0, 0), 1, std::nullopt);
  one.Add(Step(2, 1, 0, 100, 0), 8, std::nullopt);
  for (int i = 0; i < 8; ++i) many.Add(Step(2, 1, 0, 100, 0), 1, std::nullopt);
  EXPECT_NEAR(one.miss_share(), many.miss_share(), 1e-12);
  EXPECT_NEAR(one.roofline_ratio(), many.roofline_ratio(), 1e-12);
  EXPECT_EQ(one.totals().steps, 2u);
}

TEST(StepWindowTest, TheWorkersClockIsBelievedForBandwidth) {
  StepWindow window;
  window.Add(Step(1, 1, 100, 0, 0), 1, StepMeasurement{Seconds(4)});
  EXPECT_DOUBLE_EQ(window.read_bytes_per_second(), 25);
  EXPECT_DOUBLE_EQ(window.roofline_ratio(), 1);
}

TEST(OverloadGuardTest, DoublesUpToItsLimitAndComesBack) {
  ServiceOptions options;
  options.max_sample_every = 6;
  options.overload_recovery_steps = 2;
  OverloadGuard guard(options, 0);
  const absl::Duration slow = options.overload_lag * 2;
  const absl::Duration quick = absl::ZeroDuration();
  const auto settle = [&] {
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(guard.OnStep(slow));
  };
  EXPECT_FALSE(guard.OnStep(options.overload_lag));
  EXPECT_EQ(guard.LeftOut(5), 0u);
  std::vector<uint32_t> seen;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(guard.OnStep(slow));
    seen.push_back(guard.sample_every());
    settle();
  }
  EXPECT_THAT(seen, ::testing::ElementsAre(2, 4, 6));
  EXPECT_FALSE(guard.OnStep(slow));
  EXPECT_EQ(guard.LeftOut(6), 5u);
  EXPECT_EQ(guard.LeftOut(1), 0u);
  EXPECT_FALSE(guard.OnStep(quick));
  EXPECT_FALSE(guard.OnStep(options.overload_lag / 2));  // neither
  EXPECT_FALSE(guard.OnStep(quick));
  EXPECT_TRUE(guard.OnStep(quick));
  EXPECT_EQ(guard.sample_every(), 3u);
}

// What the guard is told of a process that has had no pause for `windows`, or
// has had some and used `mean` of its time.
CpuPressure::Shares Full(uint32_t windows, uint32_t catching_up = 0) {
  return {windows, catching_up, 1};
}
CpuPressure::Shares Used(double mean) { return {0, 0, mean}; }

TEST(OverloadGuardTest, WorkWithoutAPauseQuartersAndComesBack) {
  OverloadGuard guard(ServiceOptions(), 0);
  const auto at = [&guard](int ms, CpuPressure::Shares busy) {
    return guard.OnPressure(absl::Milliseconds(ms), busy);
  };
  EXPECT_FALSE(at(0, Used(0.9)));
  EXPECT_FALSE(at(10, Full(1))) << "less is heard first";
  EXPECT_FALSE(at(20, Full(2, 1))) << "or it may be what came meanwhile";
  EXPECT_TRUE(at(30, Full(3, 1)));
  EXPECT_EQ(guard.sample_every(), 4u);
  // What was sent before comes through first.
  EXPECT_FALSE(at(120, Full(12)));
  EXPECT_TRUE(at(130, Full(13)));
  EXPECT_EQ(guard.sample_every(), 16u);
  // Twice the work would not fit: no change however long.
  EXPECT_FALSE(at(1000, Used(0.4)));
  EXPECT_FALSE(at(5000, Used(0.4)));
  EXPECT_FALSE(at(5100, Used(0.3)));
  EXPECT_FALSE(at(5300, Used(0.3)));
  EXPECT_TRUE(at(5350, Used(0.3)));
  EXPECT_EQ(guard.sample_every(), 8u);
  // From 8 to 1 by 2 and 1.
  int changes = 0;
  for (int ms = 5360; ms < 6000; ms += 10) {
    changes += at(ms, Used(0.05)) ? 1 : 0;
  }
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(guard.sample_every(), 1u);
}

TEST(OverloadGuardTest, WithoutAPauseOneStepInEightIsHeard) {
  for (uint64_t phase = 0; phase < 9; ++phase) {
    OverloadGuard guard(ServiceOptions(), phase);
    int heard = 0;
    int first = -1;
    for (int i = 0; i < 80; ++i) {
      if (!guard.Hears(Full(1))) continue;
      ++heard;
      if (first < 0) first = i;
    }
    EXPECT_EQ(heard, 10);
    EXPECT_EQ(first, (8 - static_cast<int>(phase % 8)) % 8)
        << "not all at once";
    for (int i = 0; i < 80; ++i) EXPECT_TRUE(guard.Hears(Used(1)));
  }
}

TEST(OverloadGuardTest, WhereAllStepsAreToComeAllAreHeard) {
  ServiceOptions options;
  options.sample_every = options.max_sample_every = 2;
  OverloadGuard guard(options, 0);
  for (uint32_t i = 0; i < 80; ++i) {
    EXPECT_FALSE(guard.OnPressure(absl::Milliseconds(25 * i), Full(i + 1)));
    EXPECT_TRUE(guard.Hears(Full(i + 1)));
  }
}

TEST(OverloadGuardTest, HearsLessUntilThereIsRoomForAll) {
  OverloadGuard guard(ServiceOptions(), 0);
  const auto at = [&guard](int ms, CpuPressure::Shares busy) {
    return guard.OnPressure(absl::Milliseconds(ms), busy);
  };
  const auto heard_of_64 = [&guard] {
    int heard = 0;
    for (int i = 0; i < 64; ++i) heard += guard.Hears(Used(0.5)) ? 1 : 0;
    return heard;
  };
  EXPECT_EQ(heard_of_64(), 64);
  at(0, Full(1));
  at(5, Full(1));
  EXPECT_EQ(heard_of_64(), 32) << "one window, however often it is looked at";
  uint32_t windows = 1;
  for (int ms = 10; ms <= 100; ms += 10) at(ms, Full(++windows));
  EXPECT_EQ(heard_of_64(), 1) << "one in 64 at the least";
  // The workers send all again before more is heard.
  ASSERT_GT(guard.sample_every(), 1u);
  for (int ms = 200; guard.sample_every() > 1; ms += 10) {
    ASSERT_LT(ms, 2000);
    at(ms, Used(0.2));
  }
  EXPECT_EQ(heard_of_64(), 1);
  // No room for twice the work.
  for (int ms = 2000; ms < 4000; ms += 10) EXPECT_FALSE(at(ms, Used(0.4)));
  EXPECT_EQ(heard_of_64(), 1);
  for (int ms = 4000; ms <= 4250; ms += 10) EXPECT_FALSE(at(ms, Used(0.3)));
  EXPECT_EQ(heard_of_64(), 2);
  for (int ms = 4260; ms < 5200; ms += 10) EXPECT_FALSE(at(ms, Used(0.1)));
  EXPECT_EQ(heard_of_64(), 64);
}

TEST(OverloadGuardTest, CountsWhatIsStillSentByTheOldInterval) {
  OverloadGuard guard(ServiceOptions(), 0);
  guard.OnPressure(absl::Seconds(1), Full(2));
  ASSERT_EQ(guard.sample_every(), 4u);
  EXPECT_EQ(guard.LeftOut(1), 0u);
  EXPECT_EQ(guard.LeftOut(4), 3u);
  guard.OnPressure(absl::Seconds(2), Used(0.3));
  ASSERT_TRUE(guard.OnPressure(absl::Seconds(3), Used(0.3)));
  ASSERT_EQ(guard.sample_every(), 2u);
  // Sent before the worker knew.
  EXPECT_EQ(guard.LeftOut(4), 3u);
  EXPECT_EQ(guard.LeftOut(1), 0u);
  EXPECT_EQ(guard.LeftOut(4), 3u);
  // By a worker that samples of its own accord.
  EXPECT_EQ(guard.LeftOut(9), 3u);
}

TEST(CpuPressureTest, CountsWindowsWithoutAPause) {
  FakeClock clock;
  clock.Advance(absl::Seconds(5));
  clock.Use(absl::Seconds(1));
  CpuPressure pressure(&clock, 2);
  const auto after = [&](int ms, int cpu_ms) {
    clock.Advance(absl::Milliseconds(ms));
    clock.Use(absl::Milliseconds(cpu_ms));
    return pressure.Busy(clock.Monotonic());
  };
  EXPECT_EQ(after(5, 10).mean, 0) << "no window has ended";
  EXPECT_NEAR(after(5, 5).mean, 0.75 * 0.04, 1e-9);
  EXPECT_EQ(after(10, 18).full_windows, 0u);
  EXPECT_EQ(after(10, 20).full_windows, 1u);
  EXPECT_EQ(after(5, 10).full_windows, 1u);
  EXPECT_EQ(after(5, 10).full_windows, 2u);
  EXPECT_EQ(after(10, 20).catching_up, 0u);
  EXPECT_EQ(after(10, 0).full_windows, 0u);
  EXPECT_GT(UsableCores(), 0);
}

// For 40 ms nobody looked, because the process did not run: what follows may be
// the work of that time.
TEST(CpuPressureTest, SaysWhatMayBeCaughtUpWith) {
  for (const int used : {0, 80}) {  // stolen time counts as used, or not
    SCOPED_TRACE(used);
    FakeClock clock;
    CpuPressure pressure(&clock, 2);
    const auto after = [&](int ms, int cpu_ms) {
      clock.Advance(absl::Milliseconds(ms));
      clock.Use(absl::Milliseconds(cpu_ms));
      return pressure.Busy(clock.Monotonic());
    };
    after(10, 5);
    EXPECT_EQ(after(40, used).catching_up, 3u);
    const uint32_t before = used > 0 ? 1 : 0;
    // However long these are.
    for (uint32_t i = 1; i < 20; ++i) {
      const CpuPressure::Shares busy = after(25, 50);
      EXPECT_EQ(busy.full_windows, before + i);
      EXPECT_EQ(busy.catching_up, 3u);
    }
    EXPECT_EQ(after(10, 0).full_windows, 0u);
    EXPECT_EQ(after(10, 0).catching_up, 0u);
    EXPECT_EQ(after(10'000, 0).catching_up, 10u) << "bounded";
  }
}

TEST(ClockTest, TheCpuOfYieldingThreadsDoesNotCount) {
  const auto thread_cpu = [] {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return absl::DurationFromTimespec(used);
  };
  const auto burn = [&thread_cpu](absl::Duration cpu) {
    for (const absl::Duration end = thread_cpu() + cpu; thread_cpu() < end;) {
    }
  };
  constexpr absl::Duration kBurnt = absl::Milliseconds(50);
  const Clock& clock = *RealClock();
  const absl::Duration before = clock.ProcessCpu();
  absl::Duration during;
  std::thread thread([&] {
    burn(kBurnt);
    const YieldingThread yielding;
    burn(10 * kBurnt);
    during = clock.ProcessCpu() - before;
  });
  thread.join();
  for (const absl::Duration counted : {during, clock.ProcessCpu() - before}) {
    EXPECT_GE(counted, kBurnt);
    EXPECT_LT(counted, 5 * kBurnt);
  }
}

TEST(PlanLedgerTest, ForgetsTheOldestOfTooMany) {
  Residency residency(4, Bytes(1000));
  PlanLedger ledger;
  for (uint64_t id = 1; id <= 100; ++id) {
    residency.Reserve(Bytes(10));
    PlannedMoves plan;
    plan.id = PlanId(id);
    plan.valid_until = StepIndex(1000);
    ledger.Depart(plan, &residency);
  }
  EXPECT_EQ(residency.in_flight(), Bytes(640));
  EXPECT_EQ(ledger.Report(PlanId(1), &residency), nullptr);
  EXPECT_EQ(residency.in_flight(), Bytes(640));
  const PlannedMoves* plan = ledger.Report(PlanId(98), &residency);
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(residency.in_flight(), Bytes(20));
  ledger.Expire(StepIndex(999), &residency);
  EXPECT_EQ(residency.in_flight(), Bytes(20));
  ledger.Expire(StepIndex(1000), &residency);
  EXPECT_EQ(residency.in_flight(), Bytes(0));
}

TEST(StatusBridgeTest, CodesAndWordsComeThrough) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  const grpc::Status status =
      ToGrpc(absl::FailedPreconditionError("field is 1"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "field is 1");
  const std::string endless(100'000, 'x');
  EXPECT_EQ(ToGrpc(absl::InternalError(endless)).error_message().size(), 1024u);
}

TEST(SweeperThreadTest, RunsUntilItIsDestroyed) {
  absl::Notification ran_twice;
  int runs = 0;
  {
    SweeperThread sweeper(absl::Milliseconds(1), [&] {
      if (++runs == 2) ran_twice.Notify();
    });
    ran_twice.WaitForNotification();
  }
  const int after = runs;
  EXPECT_GE(after, 2);
  EXPECT_EQ(runs, after);
}

TEST(RecentLatenciesTest, ForgetsAllButTheLast) {
  RecentLatencies latencies;
  EXPECT_EQ(latencies.count(), 0u);
  for (int i = 1; i <= 1000; ++i) latencies.Add(i);
  EXPECT_EQ(latencies.count(), 128u);
  // 873..1000 are left: the 64th, the 127th and the last of them.
  const RecentLatencies::Summary summary = latencies.Summarize();
  EXPECT_EQ(summary.median, 936);
  EXPECT_EQ(summary.p99, 999);
  EXPECT_EQ(summary.longest, 1000);
}

TEST(RecentLatenciesTest, OneIsEveryQuantile) {
  RecentLatencies latencies;
  latencies.Add(0.5);
  const RecentLatencies::Summary summary = latencies.Summarize();
  EXPECT_EQ(summary.median, 0.5);
  EXPECT_EQ(summary.p99, 0.5);
  EXPECT_EQ(summary.longest, 0.5);
}

}  // namespace
}  // namespace kvplace
