// A load against the real services on loopback, in this process.
#include "client/load/load_run.h"

#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "client/load/load_script.h"
#include "client/load/reply_peek.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvplace/v1/session.pb.h"
#include "server/service/live_session.h"
#include "tests/testing/loopback_server.h"
#include "tests/testing/status_matchers.h"

namespace kvplace::load {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Of a machine that may be busy with other things: no Throttle.
ServiceOptions Patient() {
  ServiceOptions options;
  options.max_sample_every = 1;
  return options;
}

LoadOptions Small(const LoopbackServer& server) {
  LoadOptions options;
  options.target = server.address();
  options.workers = 2;
  options.blocks = 2048;
  options.groups = 4;
  options.message_ids = 200;
  options.warm_up = absl::Milliseconds(20);
  options.phases = {{100, absl::Milliseconds(300)}};
  return options;
}

TEST(LoadRunTest, EveryStepOfAnOpenLoopIsAnswered) {
  LoopbackServer server(Patient());
  for (const ReadEncoding encoding :
       {ReadEncoding::kDelta, ReadEncoding::kBitmap, ReadEncoding::kAll,
        ReadEncoding::kSmallest}) {
    LoadOptions options = Small(server);
    options.encoding = encoding;
    options.masses = true;
    options.devices_per_worker = 2;
    options.idle_workers = 1;
    const auto result = RunLoad(options);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->sessions, 4u);
    ASSERT_THAT(result->phases, SizeIs(1));
    const PhaseResult& phase = result->phases[0];
    // 4 sessions of 100/s for 0.3 s, whatever the answers did.
    EXPECT_EQ(phase.offered, 120u);
    EXPECT_EQ(phase.sent + phase.left_out, 120u);
    EXPECT_EQ(phase.answered, phase.sent);
    EXPECT_EQ(phase.latency.count, phase.answered);
    EXPECT_GT(phase.latency.p50_us, 0);
    EXPECT_LE(phase.latency.p50_us, phase.latency.p99_us);
    EXPECT_LE(phase.latency.p99_us, phase.latency.max_us);
    EXPECT_GT(phase.plan_bytes, 10);
  }
}

TEST(LoadRunTest, AClosedLoopGoesWithTheAnswersAndPhasesFollow) {
  LoopbackServer server(Patient());
  LoadOptions options = Small(server);
  options.in_flight = 2;
  options.phases = {{0, absl::Milliseconds(200)},
                    {20, absl::Milliseconds(200)}};
  const auto result = RunLoad(options);
  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(result->phases, SizeIs(2));
  EXPECT_GT(result->phases[0].answered, 10u);
  EXPECT_EQ(result->phases[1].offered, 8u);
  EXPECT_EQ(result->phases[1].unanswered, 0u);
}

// A server that stands still makes all steps of that time late, not one.
TEST(LoadRunTest, LatencyCountsFromTheTimeAStepWasDue) {
  LoopbackServer server(Patient());
  LoadOptions options = Small(server);
  options.workers = 1;
  options.phases = {{200, absl::Milliseconds(500)}};
  options.warm_up = absl::ZeroDuration();
  std::thread holds([&server] {
    while (server.registry().live_sessions() == 0) std::this_thread::yield();
    // Waits for the session's first step, with the lock that steps need.
    for (bool held = false; !held;) {
      const absl::Status looked = server.registry().Look(
          "bench-0", 0, [&held](const LiveSession& session) {
            session.AssertLocked();
            if (session.counters_locked().messages < 4) return absl::OkStatus();
            absl::SleepFor(absl::Milliseconds(200));
            held = true;
            return absl::OkStatus();
          });
      // Not there yet, or gone again because the load failed.
      if (!looked.ok() && server.registry().live_sessions() == 0) break;
    }
  });
  const auto result = RunLoad(options);
  holds.join();
  ASSERT_THAT(result, IsOk());
  const PhaseResult& phase = result->phases[0];
  EXPECT_EQ(phase.offered, 100u);
  EXPECT_EQ(phase.unanswered, 0u);
  EXPECT_GT(phase.latency.max_us, 150e3);
  // 40 steps were due in these 200 ms: a third of all waited half of it or more
  // only if each counts. One late answer would leave p90 where it was.
  EXPECT_GT(phase.latency.p90_us, 100e3);
}

TEST(LoadRunTest, SaysWhichSessionFailedAndWhy) {
  LoopbackServer server(Patient());
  LoadOptions options = Small(server);
  options.blocks = 8u << 20;
  // Whichever is first.
  EXPECT_THAT(std::string(RunLoad(options).status().message()),
              AnyOf(StartsWith("session 0 with 127.0.0.1:"),
                    StartsWith("session 1 with 127.0.0.1:")));
  EXPECT_EQ(RunLoad(options).status().code(),
            absl::StatusCode::kResourceExhausted);
  options = Small(server);
  options.workers = 0;
  EXPECT_THAT(std::string(RunLoad(options).status().message()),
              HasSubstr("workers is 0, expected 1..4096"));
  options = Small(server);
  server.Kill();
  options.target = "127.0.0.1:1";
  EXPECT_EQ(RunLoad(options).status().code(), absl::StatusCode::kUnavailable);
}

TEST(ReplyPeekTest, FindsTheBasisOfPlansAlone) {
  v1::ConnectResponse response;
  const auto peek = [&response] {
    const std::string bytes = response.SerializeAsString();
    return PeekPlanBasis(
        {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  };
  response.set_epoch(UINT64_MAX);
  response.mutable_plan()->set_id(UINT64_MAX);
  for (const int64_t basis : {int64_t{-1}, int64_t{0}, int64_t{1} << 40}) {
    response.mutable_plan()->set_basis_step(basis);
    response.mutable_plan()->set_valid_until_step(7);
    EXPECT_EQ(peek(), basis);
  }
  response.mutable_throttle()->set_sample_every(2);
  EXPECT_EQ(peek(), std::nullopt);
  response.Clear();
  EXPECT_EQ(peek(), std::nullopt);
}

TEST(LoadScriptTest, StepsReadAsManyIdsAsWanted) {
  LoadOptions options;
  options.message_ids = 1000;
  const LoadScript script(options);
  const auto parse = [](const grpc::ByteBuffer& buffer) {
    grpc::Slice slice;
    EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
    v1::ConnectRequest request;
    EXPECT_TRUE(
        request.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    return request;
  };
  const v1::ConnectRequest step = parse(script.Step(9, 300, 2));
  EXPECT_EQ(step.sequence_number(), 9u);
  EXPECT_EQ(step.step().step(), 300);
  EXPECT_EQ(step.step().decode_steps(), 2u);
  EXPECT_EQ(step.step().reads_size(), 32);
  EXPECT_NEAR(script.step_bytes(), 1250, 100);
  EXPECT_TRUE(parse(script.Inventory(2)).inventory().last());
  EXPECT_EQ(parse(script.Hello("n", 3, 77)).hello().device_index(), 3u);
  EXPECT_TRUE(parse(LoadScript::Heartbeat(5)).has_heartbeat());
}

}  // namespace
}  // namespace kvplace::load
