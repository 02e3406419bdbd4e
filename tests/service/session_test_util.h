// Sessions on a registry with a fake clock, driven by messages.
#ifndef KVPLACE_TESTS_SERVICE_SESSION_TEST_UTIL_H_
#define KVPLACE_TESTS_SERVICE_SESSION_TEST_UTIL_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/service/node_registry.h"
#include "server/service/session.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_metrics_sink.h"
#include "tests/testing/session_messages.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {

// One worker's stream, without a network: numbers its messages, collects what
// comes back.
class TestWorker : public StreamHandle,
                   public std::enable_shared_from_this<TestWorker> {
 public:
  static std::shared_ptr<TestWorker> Connect(NodeRegistry* registry,
                                             const std::string& peer = "peer") {
    auto worker = std::make_shared<TestWorker>(registry);
    worker->session_ =
        std::make_unique<Session>(registry, peer, worker->weak_from_this());
    return worker;
  }
  explicit TestWorker(NodeRegistry* registry) : registry_(registry) {}

  void Wake() override { ++wakes_; }

  // As it is, with its own sequence number.
  Session::Outcome Send(const v1::ConnectRequest& message) {
    next_ = message.sequence_number() + 1;
    return session_->OnMessage(message, registry_->clock().Monotonic());
  }
  Session::Outcome Send(const v1::Inventory& inventory) {
    v1::ConnectRequest message;
    *message.mutable_inventory() = inventory;
    return Number(std::move(message));
  }
  Session::Outcome Send(const v1::Step& step) {
    v1::ConnectRequest message;
    *message.mutable_step() = step;
    return Number(std::move(message));
  }
  Session::Outcome Send(const v1::MoveReport& report) {
    v1::ConnectRequest message;
    *message.mutable_move_report() = report;
    return Number(std::move(message));
  }
  Session::Outcome SendHeartbeat() {
    v1::ConnectRequest message;
    message.mutable_heartbeat();
    return Number(std::move(message));
  }
  // The next message's number jumps.
  void Skip() { ++next_; }

  // All that waits to be written.
  std::vector<v1::ConnectResponse> Take() {
    std::vector<v1::ConnectResponse> all;
    v1::ConnectResponse one;
    while (session_->TakeOutgoing(&one)) all.push_back(one);
    return all;
  }
  // Hello and inventory; the first plan is left to be taken.
  void BecomeReady(const WorkerHello& hello = SmallWorker()) {
    ASSERT_EQ(Send(HelloMessage(hello)), Session::Outcome::kApplied)
        << Status();
    v1::ConnectResponse welcome;
    ASSERT_TRUE(session_->TakeOutgoing(&welcome));
    ASSERT_TRUE(welcome.has_welcome());
    ASSERT_EQ(Send(SmallInventory()), Session::Outcome::kApplied) << Status();
  }

  Session& session() { return *session_; }
  absl::Status Status() const {
    return session_->end().value_or(
        absl::UnknownError("the session has not ended"));
  }
  bool ended() const { return session_->end().has_value(); }
  int wakes() const { return wakes_; }

 private:
  Session::Outcome Number(v1::ConnectRequest message) {
    message.set_sequence_number(next_);
    return Send(message);
  }

  NodeRegistry* const registry_;
  std::unique_ptr<Session> session_;
  uint64_t next_ = 1;
  int wakes_ = 0;
};

class SessionTest : public ::testing::Test {
 protected:
  using Outcome = Session::Outcome;

  SessionTest() { Restart(); }

  // A new registry with `options_`.
  void Restart() {
    registry_ = std::make_unique<NodeRegistry>(
        options_, &clock_, &metrics_,
        [this](LogLevel, const std::string& line) { log_.push_back(line); });
  }
  std::shared_ptr<TestWorker> Connect() {
    return TestWorker::Connect(registry_.get());
  }
  std::shared_ptr<TestWorker> ConnectReady(
      const WorkerHello& hello = SmallWorker()) {
    auto worker = Connect();
    worker->BecomeReady(hello);
    return worker;
  }
  // REQUIRES: no session lives. Call Restart() next.
  void ForgetMetrics() {
    registry_.reset();
    metrics_.Reset();
  }
  FakeMetricsSink::Device device(const std::string& key = "node-a/0") {
    return metrics_.device(key);
  }
  // The only device of node-a.
  v1::DeviceStatus status() {
    auto node = registry_->GetNode("node-a");
    EXPECT_THAT(node, IsOk());
    return node.ok() && node->devices_size() == 1 ? node->devices(0)
                                                  : v1::DeviceStatus();
  }

  ServiceOptions options_;
  FakeClock clock_;
  FakeMetricsSink metrics_;
  std::vector<std::string> log_;
  std::unique_ptr<NodeRegistry> registry_;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_SERVICE_SESSION_TEST_UTIL_H_
