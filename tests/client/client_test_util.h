// A small device, and a client in front of a fake transport.
#ifndef KVPLACE_TESTS_CLIENT_CLIENT_TEST_UTIL_H_
#define KVPLACE_TESTS_CLIENT_CLIENT_TEST_UTIL_H_

#include <memory>
#include <utility>
#include <vector>

#include "client/cpp/session_client.h"
#include "gtest/gtest.h"
#include "server/convert/plan_codec.h"
#include "server/core/topology.h"
#include "tests/testing/fake_client_clock.h"
#include "tests/testing/fake_session_transport.h"

namespace kvplace::client {

// Two groups of 16 handles each; blocks of 64 bytes; HBM for 6 of them.
inline DeviceConfig SmallDevice() {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.hbm_capacity = Bytes(6 * 64);
  device.groups.assign(2, GroupConfig{Bytes(64), 16, 16, Bytes(4)});
  return device;
}

inline BlockRange Range(uint64_t sequence, uint32_t group, uint32_t page,
                        uint32_t first, uint32_t count, Tier tier) {
  return BlockRange{SequenceId(sequence), GroupId(group), page,
                    BlockId(first),       count,          tier};
}

inline std::vector<BlockId> Blocks(std::initializer_list<uint32_t> ids) {
  std::vector<BlockId> blocks;
  for (const uint32_t id : ids) blocks.emplace_back(id);
  return blocks;
}

// Sequence 7 with four pages in each group: pages 0 and 1 in HBM. Handles 0..3
// and 16..19.
inline std::vector<BlockRange> SmallInventory() {
  return {Range(7, 0, 0, 0, 2, Tier::kHbm), Range(7, 0, 2, 2, 2, Tier::kDram),
          Range(7, 1, 0, 16, 2, Tier::kHbm),
          Range(7, 1, 2, 18, 2, Tier::kDram)};
}

inline uint32_t CountBlocks(const v1::Inventory& inventory) {
  uint32_t blocks = 0;
  for (const v1::BlockRange& range : inventory.blocks()) {
    blocks += range.count();
  }
  return blocks;
}

inline SessionOptions SmallOptions() {
  SessionOptions options;
  options.target = "first:1";
  options.node_id = "node-a";
  options.device_index = 2;
  options.device = SmallDevice();
  options.backoff.shortest = absl::Seconds(1);
  options.backoff.longest = absl::Seconds(8);
  options.backoff.jitter = 0;
  options.backoff.seed = 1;
  return options;
}

class ClientTest : public testing::Test {
 protected:
  void Make(const SessionOptions& options = SmallOptions()) {
    auto transport = std::make_unique<FakeSessionTransport>();
    transport_ = transport.get();
    client_ =
        std::make_unique<SessionClient>(options, std::move(transport), &clock_);
    ASSERT_TRUE(
        client_->StartWithoutThread(SmallInventory(), StepIndex(0)).ok());
  }

  // Until nothing is left to do at this moment.
  void Settle() {
    for (int i = 0; i < 50; ++i) client_->RunOnce();
  }

  FakeSessionTransport::Record& stream() { return transport_->last(); }

  void Welcome(uint64_t epoch, uint32_t sample_every = 1,
               v1::Mode mode = v1::MODE_ACT) {
    v1::ConnectResponse response;
    response.set_epoch(epoch);
    v1::Welcome& welcome = *response.mutable_welcome();
    welcome.set_protocol_version(1);
    welcome.set_send_inventory(true);
    welcome.set_sample_every(sample_every);
    welcome.set_plan_lifetime_steps(2);
    welcome.set_heartbeat_timeout_ms(9000);
    welcome.set_max_message_bytes(4 << 20);
    welcome.set_mode(mode);
    stream().Respond(response);
    Settle();
  }

  // Makes, connects and takes Hello and the inventory off the stream.
  void Connect(const SessionOptions& options = SmallOptions()) {
    Make(options);
    Settle();
    Welcome(1);
    EXPECT_TRUE(stream().Take().has_hello());
    EXPECT_TRUE(stream().Take().has_inventory());
    EXPECT_TRUE(stream().empty());
  }

  // Promotes what is read, evicts 0 first.
  v1::ConnectResponse PlanMessage(uint64_t epoch, uint64_t id, int64_t basis,
                                  int64_t valid_until) {
    Plan plan;
    plan.id = PlanId(id);
    plan.basis = StepIndex(basis);
    plan.valid_until = StepIndex(valid_until);
    plan.order.Reset(2);
    plan.order.groups[0].promote_all = true;
    plan.order.evict_queue = Blocks({0, 16});
    v1::ConnectResponse response;
    response.set_epoch(epoch);
    EncodePlan(plan, /*advisory=*/false, response.mutable_plan());
    return response;
  }

  void SendPlan(uint64_t epoch, uint64_t id, int64_t basis,
                int64_t valid_until) {
    stream().Respond(PlanMessage(epoch, id, basis, valid_until));
    Settle();
  }

  // A step that reads the given blocks of group 0.
  static StepData Reads(int64_t step, std::initializer_list<uint32_t> blocks) {
    StepData data;
    data.step = StepIndex(step);
    PhaseReads reads;
    reads.group = GroupId(0);
    reads.blocks = Blocks(blocks);
    data.reads.push_back(reads);
    return data;
  }

  FakeClientClock clock_;
  FakeSessionTransport* transport_ = nullptr;
  std::unique_ptr<SessionClient> client_;
};

}  // namespace kvplace::client

#endif  // KVPLACE_TESTS_CLIENT_CLIENT_TEST_UTIL_H_
