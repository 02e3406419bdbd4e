// What shadow-price moves: never more than its plan allows, and no more than
// lru at the same capacity.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "server/replay/simulation.h"
#include "server/trace/workload_loader.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

class ShadowPriceMoves : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("KVPLACE_SOURCE_DIR");
    const std::vector<std::string> files = {
        std::string(root == nullptr ? "." : root) +
        "/tests/data/bible-sample.kvtrace"};
    WorkloadOptions options;
    options.masses = true;
    options.end_step = 200;
    auto workload = LoadWorkload(files, options);
    ASSERT_THAT(workload, IsOk());
    workload_ = *std::move(workload);
  }

  DeviceConfig Device(uint64_t percent) const {
    return DeviceFor(
        workload_, *FindProfile("paper-gh200"), ResidencyMode::kInclusive,
        workload_.peak_live_blocks * percent / 100, Bytes(0), false);
  }
  Bytes Moved(const std::string& policy, uint64_t percent) const {
    const auto run = Simulate(workload_, Device(percent), policy, {});
    EXPECT_THAT(run, IsOk());
    if (!run.ok()) return Bytes(0);
    return run->run.traffic.promoted + run->run.traffic.prefetched;
  }

  Workload workload_;
};

TEST_F(ShadowPriceMoves, NoMoreThanLru) {
  for (const uint64_t percent : {10, 15, 20, 25, 40}) {
    SCOPED_TRACE(percent);
    EXPECT_LE(Moved("shadow-price", percent), Moved("lru", percent));
  }
}

// A step's budget is its plan: what it evicts is of the queue, and what it
// promotes takes the room of that or was free.
TEST_F(ShadowPriceMoves, NeverMoreThanThePlanAllows) {
  for (const uint64_t percent : {10, 25, 40}) {
    SCOPED_TRACE(percent);
    const DeviceConfig device = Device(percent);
    const Bytes block = workload_.block_bytes();
    Bytes resident;
    std::set<BlockId> queue;
    SimulationOptions options;
    options.on_start = [&](const std::vector<BlockId>& hbm) {
      resident = block * static_cast<int64_t>(hbm.size());
    };
    options.on_order = [&](const OrderInForce& order) {
      queue.clear();
      queue.insert(order.order.evict_queue.begin(),
                   order.order.evict_queue.end());
    };
    options.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
      SCOPED_TRACE(phase);
      // One may return, and go again.
      for (const BlockId evicted : outcome.evicted) {
        ASSERT_TRUE(queue.contains(evicted)) << evicted.value();
      }
      ASSERT_TRUE(outcome.prefetched.empty());
      ASSERT_LE(outcome.promoted.size(), outcome.read_dram.size());
      resident += block * (static_cast<int64_t>(outcome.promoted.size()) +
                           static_cast<int64_t>(outcome.new_hbm.size()) -
                           static_cast<int64_t>(outcome.evicted.size()));
      ASSERT_LE(resident, device.hbm_capacity);
    };
    ASSERT_THAT(Simulate(workload_, device, "shadow-price", options), IsOk());
  }
}

}  // namespace
}  // namespace kvplace
