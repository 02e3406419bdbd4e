#include "server/metrics/prometheus_sink.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/metrics/metrics_test_util.h"

namespace kvplace {
namespace {

using ::testing::DoubleNear;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

using LabelMap = std::map<std::string, std::string>;

LabelMap Of(LabelMap extra = {}) {
  extra.insert({{"node", "n0"}, {"device", "3"}});
  return extra;
}

class PrometheusSinkTest : public ::testing::Test {
 protected:
  std::optional<double> Of3(const std::string& name, LabelMap extra = {}) {
    return Value(sink_, name, Of(std::move(extra)));
  }

  PrometheusSink sink_{{}};
  std::unique_ptr<DeviceMetrics> device_ =
      sink_.AddDevice("n0", 3, {BytesPerSecond(3e12)});
};

TEST_F(PrometheusSinkTest, ServerMetricsMove) {
  sink_.SetBuildInfo("1.2.3", "abc", "gcc 12");
  sink_.SetProcessStartTime(1.5e9);
  sink_.SetDraining(true);
  sink_.SetSessions(17);
  sink_.OnRecorded(5, 600);
  sink_.OnRecorderError();
  sink_.SetRecorderDiskBytes(12345);
  sink_.OnLogLinesSuppressed(9);
  sink_.SetTlsCertificateExpiry(2e9);
  EXPECT_THAT(
      Value(sink_, "kvplace_build_info",
            {{"version", "1.2.3"}, {"git", "abc"}, {"compiler", "gcc 12"}}),
      Optional(1.0));
  EXPECT_THAT(Value(sink_, "kvplace_process_start_time_seconds"),
              Optional(1.5e9));
  EXPECT_THAT(Value(sink_, "kvplace_draining"), Optional(1.0));
  EXPECT_THAT(Value(sink_, "kvplace_sessions"), Optional(17.0));
  EXPECT_THAT(Value(sink_, "kvplace_tls_certificate_expiry_timestamp_seconds"),
              Optional(2e9));
  EXPECT_THAT(Value(sink_, "kvplace_recorder_records_total"), Optional(5.0));
  EXPECT_THAT(Value(sink_, "kvplace_recorder_bytes_total"), Optional(600.0));
  EXPECT_THAT(Value(sink_, "kvplace_recorder_errors_total"), Optional(1.0));
  EXPECT_THAT(Value(sink_, "kvplace_recorder_disk_bytes"), Optional(12345.0));
  EXPECT_THAT(Value(sink_, "kvplace_log_lines_suppressed_total"),
              Optional(9.0));
}

TEST_F(PrometheusSinkTest, ReasonsMoveOneByOne) {
  for (int r = 0; r < kRejectReasons; ++r) {
    const auto reason = static_cast<RejectReason>(r);
    for (int n = 0; n <= r; ++n) sink_.OnRejected(reason);
    EXPECT_THAT(Value(sink_, "kvplace_rejected_messages_total",
                      {{"reason", std::string(Name(reason))}}),
                Optional(r + 1.0));
  }
  for (int r = 0; r < kDropReasons; ++r) {
    const auto reason = static_cast<DropReason>(r);
    const std::string name(Name(reason));
    sink_.OnDropped(reason, 10 + r);
    device_->OnDropped(reason, 20 + r);
    EXPECT_THAT(
        Value(sink_, "kvplace_dropped_records_total", {{"reason", name}}),
        Optional(10.0 + r));
    EXPECT_THAT(Of3("kvplace_dropped_messages_total", {{"reason", name}}),
                Optional(20.0 + r));
  }
  for (int c = 0; c < kResyncCauses; ++c) {
    const auto cause = static_cast<ResyncCause>(c);
    for (int n = 0; n <= c; ++n) device_->OnResync(cause);
    EXPECT_THAT(
        Of3("kvplace_resyncs_total", {{"cause", std::string(Name(cause))}}),
        Optional(c + 1.0));
  }
}

// A rate over something that was never there is nothing, not 0.
TEST_F(PrometheusSinkTest, EveryReasonIsThereFromTheStart) {
  const auto expect_zeros = [this](const std::string& name,
                                   const std::string& label, int values,
                                   auto name_of, bool of_device) {
    for (int i = 0; i < values; ++i) {
      LabelMap labels{{label, std::string(name_of(i))}};
      if (of_device) labels = Of(std::move(labels));
      EXPECT_THAT(Value(sink_, name, labels), Optional(0.0)) << name << i;
    }
  };
  const auto drop = [](int i) { return Name(static_cast<DropReason>(i)); };
  expect_zeros(
      "kvplace_rejected_messages_total", "reason", kRejectReasons,
      [](int i) { return Name(static_cast<RejectReason>(i)); }, false);
  expect_zeros("kvplace_dropped_records_total", "reason", kDropReasons, drop,
               false);
  expect_zeros("kvplace_dropped_messages_total", "reason", kDropReasons, drop,
               true);
  expect_zeros(
      "kvplace_resyncs_total", "cause", kResyncCauses,
      [](int i) { return Name(static_cast<ResyncCause>(i)); }, true);
  for (int o = 0; o < kMoveOutcomes; ++o) {
    for (int r = 0; r < kMoveReasons; ++r) {
      EXPECT_THAT(
          Of3("kvplace_moved_blocks_total",
              {{"reason", std::string(Name(static_cast<MoveReason>(r)))},
               {"outcome", std::string(Name(static_cast<MoveOutcome>(o)))}}),
          Optional(0.0));
    }
  }
}

TEST_F(PrometheusSinkTest, ReloadsMove) {
  EXPECT_THAT(Value(sink_, "kvplace_config_last_reload_successful"),
              Optional(1.0));
  sink_.OnConfigReload(false);
  EXPECT_THAT(Value(sink_, "kvplace_config_last_reload_successful"),
              Optional(0.0));
  sink_.OnConfigReload(true);
  sink_.OnConfigReload(true);
  EXPECT_THAT(Value(sink_, "kvplace_config_last_reload_successful"),
              Optional(1.0));
  EXPECT_THAT(
      Value(sink_, "kvplace_config_reloads_total", {{"result", "failed"}}),
      Optional(1.0));
  EXPECT_THAT(Value(sink_, "kvplace_config_reloads_total", {{"result", "ok"}}),
              Optional(2.0));
}

TEST_F(PrometheusSinkTest, StepsMove) {
  device_->OnStep(SomeStep(), 1, std::nullopt);
  device_->OnStep(SomeStep(), 4, std::nullopt);
  EXPECT_THAT(Of3("kvplace_steps_total"), Optional(2.0));
  EXPECT_THAT(Of3("kvplace_decode_steps_total"), Optional(5.0));
  EXPECT_THAT(Of3("kvplace_step_seconds_count"), Optional(2.0));
  EXPECT_THAT(Of3("kvplace_step_seconds_sum"), Optional(0.008));
  EXPECT_THAT(Of3("kvplace_measured_step_seconds_count"), Optional(0.0));
  EXPECT_THAT(Of3("kvplace_roofline_seconds_total"), Optional(0.006));
  EXPECT_THAT(Of3("kvplace_last_step_seconds"), Optional(0.004));
  EXPECT_THAT(Of3("kvplace_last_roofline_seconds"), Optional(0.003));
  EXPECT_THAT(Of3("kvplace_last_measured_step_seconds"), Optional(0.0));
  EXPECT_THAT(Of3("kvplace_read_bytes_total", {{"tier", "hbm"}}),
              Optional(1e10));
  EXPECT_THAT(Of3("kvplace_read_bytes_total", {{"tier", "dram"}}),
              Optional(2e9));
  EXPECT_THAT(Of3("kvplace_moved_bytes_total",
                  {{"move", "promoted"}, {"direction", "to_hbm"}}),
              Optional(60.0));
  EXPECT_THAT(Of3("kvplace_moved_bytes_total",
                  {{"move", "prefetched"}, {"direction", "to_hbm"}}),
              Optional(80.0));
  EXPECT_THAT(Of3("kvplace_moved_bytes_total",
                  {{"move", "demoted"}, {"direction", "to_dram"}}),
              Optional(100.0));
  EXPECT_THAT(Of3("kvplace_new_kv_bytes_total", {{"tier", "hbm"}}),
              Optional(120.0));
  EXPECT_THAT(Of3("kvplace_new_kv_bytes_total", {{"tier", "dram"}}),
              Optional(140.0));
}

// The example of docs/metrics.md.
TEST_F(PrometheusSinkTest, BandwidthOfTheDocumentsExample) {
  for (int i = 0; i < 10; ++i) device_->OnStep(SomeStep(), 1, std::nullopt);
  EXPECT_THAT(Of3("kvplace_roofline_seconds_total"),
              Optional(DoubleNear(0.03, 1e-12)));
  EXPECT_THAT(Of3("kvplace_step_seconds_sum"),
              Optional(DoubleNear(0.04, 1e-12)));
  EXPECT_THAT(Of3("kvplace_roofline_ratio"), Optional(DoubleNear(0.75, 1e-12)));
  EXPECT_THAT(Of3("kvplace_peak_bytes_per_second"), Optional(3e12));
  EXPECT_THAT(Of3("kvplace_achieved_bytes_per_second"), Optional(1.5e12));
  EXPECT_THAT(Of3("kvplace_roofline_bytes_per_second"), Optional(2e12));
  EXPECT_THAT(Of3("kvplace_utilization_ratio"), Optional(0.5));
}

TEST_F(PrometheusSinkTest, AMeasuredStepCountsAsMeasured) {
  StepMeasurement measured{.seconds = Seconds(0.008)};
  device_->OnStep(SomeStep(), 1, measured);
  EXPECT_THAT(Of3("kvplace_measured_step_seconds_count"), Optional(1.0));
  EXPECT_THAT(Of3("kvplace_measured_step_seconds_sum"), Optional(0.008));
  EXPECT_THAT(Of3("kvplace_last_measured_step_seconds"), Optional(0.008));
  EXPECT_THAT(Of3("kvplace_achieved_bytes_per_second"), Optional(0.75e12));
  EXPECT_THAT(Of3("kvplace_utilization_ratio"), Optional(0.25));
  // The model's ratio is the model's alone.
  EXPECT_THAT(Of3("kvplace_roofline_ratio"), Optional(DoubleNear(0.75, 1e-12)));

  measured.hbm_reads = Bytes(7'000'000'000);
  measured.dram_reads = Bytes(1'000'000'000);
  device_->OnStep(SomeStep(), 1, measured);
  EXPECT_THAT(Of3("kvplace_achieved_bytes_per_second"), Optional(1e12));
}

TEST_F(PrometheusSinkTest, AStepWithoutReadsLeavesTheRatios) {
  device_->OnStep(SomeStep(), 1, std::nullopt);
  device_->OnStep(StepAccount{}, 1, std::nullopt);
  EXPECT_THAT(Of3("kvplace_last_step_seconds"), Optional(0.0));
  EXPECT_THAT(Of3("kvplace_utilization_ratio"), Optional(0.5));
}

TEST_F(PrometheusSinkTest, PlansAndMovesMove) {
  device_->OnPlan(Seconds(2e-5), Seconds(3e-4));
  EXPECT_THAT(Of3("kvplace_plans_total"), Optional(1.0));
  EXPECT_THAT(Of3("kvplace_plan_decide_seconds_count"), Optional(1.0));
  EXPECT_THAT(Of3("kvplace_plan_decide_seconds_sum"), Optional(2e-5));
  EXPECT_THAT(Of3("kvplace_plan_latency_seconds_count"), Optional(1.0));
  EXPECT_THAT(Of3("kvplace_plan_latency_seconds_sum"), Optional(3e-4));
  double n = 0;
  for (int r = 0; r < kMoveReasons; ++r) {
    for (int o = 0; o < kMoveOutcomes; ++o) {
      const auto reason = static_cast<MoveReason>(r);
      const auto outcome = static_cast<MoveOutcome>(o);
      device_->OnMoves(reason, outcome, static_cast<uint64_t>(++n));
      EXPECT_THAT(Of3("kvplace_moved_blocks_total",
                      {{"reason", std::string(Name(reason))},
                       {"outcome", std::string(Name(outcome))}}),
                  Optional(n));
    }
  }
}

TEST_F(PrometheusSinkTest, WhatIsLeftInDramMoves) {
  for (int o = 0; o < kOrderSources; ++o) {
    const auto order = static_cast<OrderSource>(o);
    const LabelMap labels{{"order", std::string(Name(order))}};
    EXPECT_THAT(Of3("kvplace_left_in_dram_blocks_total", labels),
                Optional(0.0));
    device_->OnLeftInDram(order, 5 + o);
    EXPECT_THAT(Of3("kvplace_left_in_dram_blocks_total", labels),
                Optional(5.0 + o));
  }
}

TEST_F(PrometheusSinkTest, ThePolicyIsALabel) {
  const LabelMap lru{{"policy", "lru"}, {"mode", "observe"}};
  const LabelMap shadow{{"policy", "shadow-price"}, {"mode", "act"}};
  device_->OnPolicy("lru", "observe");
  EXPECT_THAT(Of3("kvplace_policy_info", lru), Optional(1.0));
  device_->OnPolicy("shadow-price", "act");
  EXPECT_THAT(Of3("kvplace_policy_info", lru), Eq(std::nullopt));
  EXPECT_THAT(Of3("kvplace_policy_info", shadow), Optional(1.0));
  device_.reset();
  EXPECT_THAT(Of3("kvplace_policy_info", shadow), Eq(std::nullopt));
}

TEST_F(PrometheusSinkTest, TheLeaderMoves) {
  const auto leader = [this](Leader l) {
    return Of3("kvplace_policy_leader", {{"leader", std::string(Name(l))}});
  };
  for (size_t l = 0; l < kLeaders; ++l) {
    const auto led = static_cast<Leader>(l);
    EXPECT_THAT(leader(led), Optional(0.0));
    device_->OnPrices(led, SomePrices(1));
    for (size_t m = 0; m < kLeaders; ++m) {
      EXPECT_THAT(leader(static_cast<Leader>(m)), Optional(m == l ? 1.0 : 0.0));
    }
    device_->OnPolicy("lru", "act");
    EXPECT_THAT(leader(led), Optional(0.0));
  }
}

TEST_F(PrometheusSinkTest, LedgerMoves) {
  device_->OnLedger(Bytes(100), Bytes(60), Bytes(20), Bytes(10));
  EXPECT_THAT(Of3("kvplace_hbm_capacity_bytes"), Optional(100.0));
  EXPECT_THAT(Of3("kvplace_hbm_resident_bytes"), Optional(60.0));
  EXPECT_THAT(Of3("kvplace_hbm_reserved_bytes"), Optional(20.0));
  EXPECT_THAT(Of3("kvplace_hbm_in_flight_bytes"), Optional(10.0));
}

TEST_F(PrometheusSinkTest, ObservedMoves) {
  StepAccount with_plans = SomeStep();
  with_plans.seconds = Seconds(0.0032);
  device_->OnStep(SomeStep(), 1, std::nullopt);
  device_->OnObserved(with_plans);
  EXPECT_THAT(Of3("kvplace_observed_base_seconds_total"), Optional(0.004));
  EXPECT_THAT(Of3("kvplace_observed_plan_seconds_total"), Optional(0.0032));
  EXPECT_THAT(Of3("kvplace_observed_last_step_seconds"), Optional(0.0032));
  EXPECT_THAT(Of3("kvplace_observed_gain_ratio"),
              Optional(DoubleNear(1.25, 1e-12)));
}

TEST_F(PrometheusSinkTest, HindsightMoves) {
  const char* const kGauges[] = {
      "kvplace_hindsight_ratio", "kvplace_hindsight_gap_ratio",
      "kvplace_hindsight_age_seconds", "kvplace_hindsight_window_steps"};
  device_->OnHindsight(std::nullopt, Seconds(0.25));
  EXPECT_THAT(Of3("kvplace_hindsight_cpu_seconds_total"), Optional(0.25));
  // A ratio of 0 would be a false alarm.
  for (const char* gauge : kGauges) EXPECT_THAT(Of3(gauge), Eq(std::nullopt));
  device_->OnHindsight(SomeBound(), Seconds(0.5));
  device_->OnHindsightAge(Seconds(7));
  EXPECT_THAT(Of3("kvplace_hindsight_cpu_seconds_total"), Optional(0.75));
  EXPECT_THAT(Of3("kvplace_hindsight_ratio"), Optional(DoubleNear(0.8, 1e-12)));
  EXPECT_THAT(Of3("kvplace_hindsight_gap_ratio"),
              Optional(DoubleNear(0.025, 1e-12)));
  EXPECT_THAT(Of3("kvplace_hindsight_age_seconds"), Optional(7.0));
  EXPECT_THAT(Of3("kvplace_hindsight_window_steps"), Optional(48.0));
  device_.reset();
  for (const char* gauge : kGauges) EXPECT_THAT(Of3(gauge), Eq(std::nullopt));
  device_ = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12)});
  for (const char* gauge : kGauges) EXPECT_THAT(Of3(gauge), Eq(std::nullopt));
  EXPECT_THAT(Of3("kvplace_hindsight_cpu_seconds_total"), Optional(0.75));
}

TEST_F(PrometheusSinkTest, GaugesLeaveWithTheSessionAndCountersStay) {
  device_->OnStep(SomeStep(), 1, std::nullopt);
  device_.reset();
  EXPECT_THAT(Of3("kvplace_utilization_ratio"), Eq(std::nullopt));
  EXPECT_THAT(Of3("kvplace_steps_total"), Optional(1.0));
  device_ = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12)});
  EXPECT_THAT(Of3("kvplace_utilization_ratio"), Optional(0.0));
  EXPECT_THAT(Of3("kvplace_peak_bytes_per_second"), Optional(2e12));
  device_->OnStep(SomeStep(), 1, std::nullopt);
  EXPECT_THAT(Of3("kvplace_steps_total"), Optional(2.0));
}

TEST_F(PrometheusSinkTest, ASupersededSessionTakesNoGaugesWithIt) {
  auto newer = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12)});
  device_.reset();
  EXPECT_THAT(Of3("kvplace_peak_bytes_per_second"), Optional(2e12));
  newer.reset();
  EXPECT_THAT(Of3("kvplace_peak_bytes_per_second"), Eq(std::nullopt));
}

TEST(PrometheusSinkBoundTest, ForgetsTheDeviceLongestWithoutASession) {
  PrometheusSink sink({.max_devices = 2});
  auto a = sink.AddDevice("a", 0, {BytesPerSecond(1)});
  auto b = sink.AddDevice("b", 0, {BytesPerSecond(1)});
  b.reset();
  a.reset();
  auto c = sink.AddDevice("c", 0, {BytesPerSecond(1)});
  const std::string text = Scrape(sink);
  EXPECT_THAT(text, HasSubstr(R"(node="a")"));
  EXPECT_THAT(text, Not(HasSubstr(R"(node="b")")));
  EXPECT_THAT(text, HasSubstr(R"(node="c")"));
}

TEST(PrometheusSinkBoundTest, CountsTheRestTogether) {
  PrometheusSink sink({.max_devices = 1});
  auto a = sink.AddDevice("a", 0, {BytesPerSecond(1e12)});
  std::vector<std::unique_ptr<DeviceMetrics>> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(
        sink.AddDevice(absl::StrCat("x", i), 0, {BytesPerSecond(1e12)}));
    others.back()->OnStep(SomeStep(), 1, std::nullopt);
  }
  const LabelMap other{{"node", kOtherNode}, {"device", kOtherNode}};
  EXPECT_THAT(Value(sink, "kvplace_steps_total", other), Optional(100.0));
  EXPECT_THAT(Value(sink, "kvplace_utilization_ratio", other),
              Eq(std::nullopt));
  EXPECT_THAT(Scrape(sink), Not(HasSubstr(R"(node="x)")));
  others.clear();
  EXPECT_THAT(Value(sink, "kvplace_steps_total", other), Optional(100.0));
}

// Labels come from outside; the text must stay one line per series.
TEST(PrometheusSinkBoundTest, LabelsAreEscaped) {
  PrometheusSink sink({});
  auto device = sink.AddDevice("a\"b\\c\nd", 0, {BytesPerSecond(1)});
  EXPECT_THAT(Scrape(sink), HasSubstr(R"(node="a\"b\\c\nd")"));
}

TEST(PrometheusSinkBoundTest, SessionsComeAndGoWhileScraped) {
  PrometheusSink sink({.max_devices = 4});
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&sink, t] {
      for (int i = 0; i < 100; ++i) {
        auto device = sink.AddDevice(absl::StrCat("n", t, "-", i % 5), 0,
                                     {BytesPerSecond(1e12)});
        device->OnStep(SomeStep(), 1, std::nullopt);
        device->OnLedger(Bytes(4), Bytes(3), Bytes(2), Bytes(1));
      }
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(Scrape(sink).empty());
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kvplace
