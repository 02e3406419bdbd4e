// The worker against the closed loop of the simulator: alone, and under a
// server on loopback.
#include "client/worker/replay_worker.h"

#include <memory>
#include <string>

#include "client/cpp/session_client.h"
#include "gtest/gtest.h"
#include "server/core/policy/registry.h"
#include "server/replay/closed_loop.h"
#include "server/service/device_queries.h"
#include "tests/testing/loopback_server.h"
#include "tests/testing/random_workload.h"

namespace kvplace::client {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

struct Setting {
  ResidencyMode mode;
  bool routing;
  const char* name;
};
constexpr Setting kSettings[] = {
    {ResidencyMode::kInclusive, false, "inclusive"},
    {ResidencyMode::kExclusive, false, "exclusive"},
    {ResidencyMode::kInclusive, true, "routing"},
};

Workload TestWorkload(uint64_t seed) {
  std::mt19937_64 random(seed);
  RandomWorkloadOptions options;
  options.sequences = 5;
  options.groups = 3;
  options.steps = 40;
  options.pages_max = 8;
  return RandomWorkload(options, random);
}

DeviceConfig Device(const Workload& workload, const Setting& setting,
                    uint64_t percent = 30) {
  return DeviceFor(workload, *FindProfile("paper-gh200"), setting.mode,
                   workload.peak_live_blocks * percent / 100, Bytes(100),
                   setting.routing);
}

SessionOptions Options(const DeviceConfig& device, const std::string& target) {
  SessionOptions options;
  options.target = target;
  options.node_id = "node-a";
  options.device = device;
  options.backoff.shortest = absl::Milliseconds(5);
  options.backoff.longest = absl::Milliseconds(50);
  options.backoff.seed = 3;
  return options;
}

std::unique_ptr<SessionClient> MakeClient(const SessionOptions& options) {
  auto client = SessionClient::Create(options, ChannelOptions());
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

void ExpectSame(const ReplayResult& run, const LoopResult& loop) {
  EXPECT_EQ(run.traffic.hbm_reads, loop.traffic.hbm_reads);
  EXPECT_EQ(run.traffic.dram_reads, loop.traffic.dram_reads);
  EXPECT_EQ(run.traffic.promoted, loop.traffic.promoted);
  EXPECT_EQ(run.traffic.prefetched, loop.traffic.prefetched);
  EXPECT_EQ(run.traffic.demoted, loop.traffic.demoted);
  EXPECT_EQ(run.traffic.new_kv_hbm, loop.traffic.new_kv_hbm);
  EXPECT_EQ(run.traffic.new_kv_dram, loop.traffic.new_kv_dram);
  EXPECT_EQ(run.seconds, loop.seconds);
}

// Blocks by sequence: live ones, and those in HBM.
using Picture = std::map<uint64_t, std::pair<uint64_t, uint64_t>>;

Picture PictureOf(LoopbackServer& server) {
  Picture picture;
  auto sequences = ListSequences(server.registry(), "node-a", 0);
  if (!sequences.ok()) return picture;
  for (const v1::SequenceStatus& s : *sequences) {
    picture[s.sequence()] = {s.live_blocks(), s.hbm_blocks()};
  }
  return picture;
}

Picture PictureOf(const Workload& workload, const ReplayWorker& worker) {
  Picture picture;
  for (const BlockId block : worker.LiveBlocks()) {
    auto& [live, resident] =
        picture[worker.first_sequence() + workload.SequenceOf(block)];
    ++live;
    resident += worker.device().tier(block) == Tier::kHbm;
  }
  return picture;
}

// The server knows the device as it is, once it has heard all that was sent.
void ExpectSamePicture(LoopbackServer& server, const Workload& workload,
                       const ReplayWorker& worker) {
  const Picture real = PictureOf(workload, worker);
  const absl::Time deadline = absl::Now() + kPatience;
  while (PictureOf(server) != real && absl::Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(PictureOf(server), real);
  auto node = server.registry().GetNode("node-a");
  ASSERT_TRUE(node.ok()) << node.status();
  ASSERT_EQ(node->devices_size(), 1);
  EXPECT_EQ(node->devices(0).hbm_resident_bytes(),
            static_cast<uint64_t>(worker.device().resident().count()));
}

TEST(ReplayWorkerTest, AloneItIsLru) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    for (const Setting& setting : kSettings) {
      SCOPED_TRACE(testing::Message() << setting.name << ", seed " << seed);
      const Workload workload = TestWorkload(seed);
      const DeviceConfig device = Device(workload, setting);
      auto lru = MakeOnlinePolicy("lru");
      LoopOptions loop;
      auto expected = RunClosedLoop(workload, device, **lru, nullptr, loop);
      ASSERT_TRUE(expected.ok());
      // Nobody listens on port 1.
      auto client = MakeClient(Options(device, "127.0.0.1:1"));
      ReplayWorker worker(workload, device, ReplayOptions(), client.get(),
                          RealClientClock());
      ASSERT_TRUE(worker.Start().ok());
      ASSERT_TRUE(worker.Run().ok());
      ExpectSame(worker.result(), *expected);
      EXPECT_EQ(client->stats().local_steps, workload.steps);
      EXPECT_TRUE(worker.result().complete);
    }
  }
}

class LockstepTest : public testing::TestWithParam<std::string> {};

TEST_P(LockstepTest, EqualsTheSimulation) {
  ServiceOptions service;
  service.defaults.policy = GetParam();
  LoopbackServer server(service);
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    for (const Setting& setting : kSettings) {
      SCOPED_TRACE(testing::Message() << setting.name << ", seed " << seed);
      const Workload workload = TestWorkload(seed);
      const DeviceConfig device = Device(workload, setting);
      auto policy = MakeOnlinePolicy(GetParam());
      LoopOptions loop;
      auto expected = RunClosedLoop(workload, device, **policy, nullptr, loop);
      ASSERT_TRUE(expected.ok());
      auto client = MakeClient(Options(device, server.address()));
      ReplayOptions replay;
      replay.lockstep = true;
      replay.plan_timeout = kPatience;
      ReplayWorker worker(workload, device, replay, client.get(),
                          RealClientClock());
      ASSERT_TRUE(worker.Start().ok());
      ASSERT_TRUE(client->AwaitAnswer(kPatience).ok());
      ASSERT_TRUE(worker.Run().ok());
      ExpectSame(worker.result(), *expected);
      EXPECT_EQ(client->stats().plan_steps, workload.steps);
      EXPECT_EQ(client->stats().resyncs, 0u);
      EXPECT_EQ(worker.result().plan_timeouts, 0u);
      ASSERT_TRUE(client->Flush(kPatience));
      ExpectSamePicture(server, workload, worker);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, LockstepTest,
                         testing::Values("static", "reactive-layer",
                                         "reactive-page", "lru", "lfu",
                                         "balanced", "shadow-price"),
                         [](const auto& policy) {
                           std::string name = policy.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ReplayWorkerTest, RunsFreelyAndSampled) {
  for (const uint32_t sample_every : {1u, 4u}) {
    SCOPED_TRACE(sample_every);
    ServiceOptions service;
    service.sample_every = sample_every;
    LoopbackServer server(service);
    const Workload workload = TestWorkload(7);
    const DeviceConfig device = Device(workload, kSettings[0]);
    SessionOptions options = Options(device, server.address());
    options.queue_limit = 1000;
    auto client = MakeClient(options);
    ReplayOptions replay;
    replay.loops = 3;
    ReplayWorker worker(workload, device, replay, client.get(),
                        RealClientClock());
    ASSERT_TRUE(worker.Start().ok());
    ASSERT_TRUE(client->AwaitAnswer(kPatience).ok());
    ASSERT_TRUE(worker.Run().ok());
    EXPECT_EQ(worker.result().steps, workload.steps * 3u);
    ASSERT_TRUE(client->Flush(kPatience));
    ExpectSamePicture(server, workload, worker);
    EXPECT_EQ(client->stats().resyncs, 0u);
  }
}

// The server dies in mid-run and comes back on the same port: the run goes on,
// and in the end the new server knows every block.
TEST(ReplayWorkerTest, OutlivesItsServer) {
  LoopbackServer server;
  const Workload workload = TestWorkload(11);
  const DeviceConfig device = Device(workload, kSettings[0]);
  auto client = MakeClient(Options(device, server.address()));
  ReplayOptions replay;
  replay.lockstep = true;
  replay.plan_timeout = kPatience;
  replay.on_step = [&](uint64_t done) {
    if (done == 10) server.Kill();
    if (done == 10 || done == 20) {
      const bool up = done == 20;
      if (up) server.Start();
      const absl::Time deadline = absl::Now() + kPatience;
      while (client->connected() != up && absl::Now() < deadline) {
        std::this_thread::yield();
      }
    }
  };
  ReplayWorker worker(workload, device, replay, client.get(),
                      RealClientClock());
  ASSERT_TRUE(worker.Start().ok());
  ASSERT_TRUE(client->AwaitAnswer(kPatience).ok());
  ASSERT_TRUE(worker.Run().ok());
  const SessionStats stats = client->stats();
  EXPECT_EQ(stats.reconnects(), 1u);
  EXPECT_GT(stats.local_steps, 0u);
  EXPECT_LE(stats.local_steps, 10u);
  EXPECT_EQ(stats.resyncs, 0u);
  EXPECT_EQ(worker.result().plan_timeouts, 0u);
  ASSERT_TRUE(client->Flush(kPatience));
  ExpectSamePicture(server, workload, worker);
}

TEST(ReplayWorkerTest, StopsAfterTheStepAtHand) {
  const Workload workload = TestWorkload(2);
  const DeviceConfig device = Device(workload, kSettings[0]);
  auto client = MakeClient(Options(device, "127.0.0.1:1"));
  ReplayWorker* stopped = nullptr;
  ReplayOptions replay;
  replay.on_step = [&stopped](uint64_t done) {
    if (done == 3) stopped->Stop();
  };
  ReplayWorker worker(workload, device, replay, client.get(),
                      RealClientClock());
  stopped = &worker;
  ASSERT_TRUE(worker.Start().ok());
  ASSERT_TRUE(worker.Run().ok());
  EXPECT_EQ(worker.result().steps, 3u);
  EXPECT_FALSE(worker.result().complete);
}

TEST(ReplayWorkerTest, SaysWhyNobodyAnswers) {
  const Workload workload = TestWorkload(2);
  const DeviceConfig device = Device(workload, kSettings[0]);
  auto client = MakeClient(Options(device, "127.0.0.1:1"));
  ASSERT_TRUE(client->Start({}, StepIndex(0)).ok());
  const absl::Status answer = client->AwaitAnswer(kPatience);
  EXPECT_EQ(answer.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(answer.message().find("127.0.0.1:1: "), 0u) << answer;
}

}  // namespace
}  // namespace kvplace::client
