// The registry under many threads: every session that opens closes, and what
// is listed meanwhile is never torn.
#include "server/service/node_registry.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "server/service/device_queries.h"
#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::IsEmpty;

TEST_F(SessionTest, ManyThreadsOpenStepAndSupersede) {
  constexpr int kThreads = 6;
  constexpr int kRounds = 60;
  log_.clear();
  registry_ = std::make_unique<NodeRegistry>(options_, &clock_, &metrics_);
  std::atomic<uint64_t> incarnation{0};
  std::atomic<uint64_t> applied{0};
  const auto work = [&](int thread) {
    std::mt19937 rng(static_cast<uint32_t>(thread));
    for (int round = 0; round < kRounds; ++round) {
      // Two nodes with two devices: they meet.
      WorkerHello hello = SmallWorker(++incarnation);
      hello.node_id = rng() % 2 == 0 ? "node-a" : "node-b";
      hello.device_index = rng() % 2;
      auto worker = Connect();
      worker->Send(HelloMessage(hello));
      worker->Send(SmallInventory());
      for (int64_t step = 0; step < 20 && !worker->ended(); ++step) {
        worker->Send(Report(step, 1, {}, {}));
        applied += worker->Send(StepReading(step, {0, 1, 2})) ==
                   Session::Outcome::kApplied;
        worker->Take();
      }
      if (!worker->ended()) continue;
      EXPECT_EQ(worker->Status().code(), absl::StatusCode::kFailedPrecondition);
    }
  };
  std::atomic<bool> done{false};
  std::thread admin([&] {
    uint32_t i = 0;
    while (!done) {
      for (const auto& node : registry_->Nodes()) {
        for (const auto& d : node.devices()) {
          EXPECT_LE(d.hbm_resident_bytes() + d.hbm_reserved_bytes() +
                        d.hbm_in_flight_bytes(),
                    d.hbm_capacity_bytes());
        }
      }
      registry_->Sessions();
      ListSequences(*registry_, "node-a", 0).status().IgnoreError();
      v1::SetPolicyRequest request;
      request.mutable_settings()->set_policy(++i % 2 == 0 ? "lru" : "lfu");
      request.mutable_settings()->set_mode(static_cast<v1::Mode>(1 + i % 3));
      EXPECT_THAT(registry_->SetPolicy(request), IsOk());
      registry_->SweepOnce();
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  done = true;
  admin.join();
  EXPECT_GT(applied.load(), 0u);
  EXPECT_EQ(registry_->live_sessions(), 0u);
  EXPECT_THAT(registry_->Nodes(), IsEmpty());
  EXPECT_EQ(metrics_.overlaps(), 0u);
}

}  // namespace
}  // namespace kvplace
