// Sessions over gRPC: a server in this process, on loopback.
#include "server/service/session_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_metrics_sink.h"
#include "tests/testing/fake_recorder.h"
#include "tests/testing/session_messages.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A worker's end of one stream.
class Stream {
 public:
  explicit Stream(v1::SessionService::Stub* stub)
      : stream_(stub->Connect(&context_)) {}
  ~Stream() {
    if (!finished_) {
      context_.TryCancel();
      Finish().IgnoreError();
    }
  }

  bool Send(v1::ConnectRequest message) {
    if (message.sequence_number() == 0) message.set_sequence_number(next_);
    next_ = message.sequence_number() + 1;
    return stream_->Write(message);
  }
  bool Send(const v1::Step& step) {
    v1::ConnectRequest message;
    *message.mutable_step() = step;
    return Send(message);
  }
  bool Send(const v1::Inventory& inventory) {
    v1::ConnectRequest message;
    *message.mutable_inventory() = inventory;
    return Send(message);
  }
  v1::ConnectResponse Read() {
    v1::ConnectResponse response;
    if (!stream_->Read(&response)) response.Clear();
    return response;
  }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  // Reads to the end.
  absl::Status Finish() {
    v1::ConnectResponse ignored;
    while (stream_->Read(&ignored)) {
    }
    finished_ = true;
    const grpc::Status status = stream_->Finish();
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        status.error_message());
  }
  // Hello, Welcome, inventory, first plan.
  void BecomeReady(const WorkerHello& hello = SmallWorker()) {
    ASSERT_TRUE(Send(HelloMessage(hello)));
    ASSERT_TRUE(Read().has_welcome());
    ASSERT_TRUE(Send(SmallInventory()));
    ASSERT_TRUE(Read().has_plan());
  }
  void ExpectServed(int64_t step) {
    ASSERT_TRUE(Send(StepReading(step, {0, 1})));
    const v1::ConnectResponse response = Read();
    ASSERT_TRUE(response.has_plan());
    EXPECT_EQ(response.plan().basis_step(), step);
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::ConnectRequest, v1::ConnectResponse>>
      stream_;
  uint64_t next_ = 1;
  bool finished_ = false;
};

class SessionServiceTest : public ::testing::Test {
 protected:
  ~SessionServiceTest() override { Stop(); }

  void Start() {
    registry_ = std::make_unique<NodeRegistry>(options_, &clock_, &metrics_);
    service_ = std::make_unique<SessionService>(registry_.get(), &recorder_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(service_.get());
    SessionService::Configure(options_, &builder);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    // The window of a stream that nobody reads stays small.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    channel_ = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                         grpc::InsecureChannelCredentials(),
                                         arguments);
    stub_ = v1::SessionService::NewStub(channel_);
  }
  void Stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }
  std::unique_ptr<Stream> Connect() {
    return std::make_unique<Stream>(stub_.get());
  }

  ServiceOptions options_;
  FakeClock clock_;
  FakeMetricsSink metrics_;
  FakeRecorder recorder_;
  std::unique_ptr<NodeRegistry> registry_;
  std::unique_ptr<SessionService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SessionService::Stub> stub_;
};

TEST_F(SessionServiceTest, ServesAndRecordsASession) {
  Start();
  auto worker = Connect();
  ASSERT_NO_FATAL_FAILURE(worker->BecomeReady());
  for (int64_t step = 0; step < 3; ++step) worker->ExpectServed(step);
  worker->HalfClose();
  EXPECT_THAT(worker->Finish(), IsOk());
  recorder_.AwaitClosed(1);
  EXPECT_THAT(recorder_.events(),
              ElementsAre("node-a/0 1", "node-a/0 2", "node-a/0 3",
                          "node-a/0 4", "node-a/0 5", "closed"));
  EXPECT_EQ(registry_->live_sessions(), 0u);
  EXPECT_EQ(service_->streams(), 0u);
  EXPECT_FALSE(metrics_.device("node-a/0").live);
}

TEST_F(SessionServiceTest, TheRecorderHearsOfGaps) {
  Start();
  auto worker = Connect();
  ASSERT_NO_FATAL_FAILURE(worker->BecomeReady());
  v1::ConnectRequest late;
  late.set_sequence_number(9);
  *late.mutable_step() = StepReading(0, {0});
  ASSERT_TRUE(worker->Send(late));
  EXPECT_TRUE(worker->Read().has_resync());
  ASSERT_TRUE(worker->Send(StepReading(1, {0})));
  ASSERT_TRUE(worker->Send(SmallInventory()));
  EXPECT_TRUE(worker->Read().has_plan());
  worker->Cancel();
  recorder_.AwaitClosed(1);
  EXPECT_THAT(recorder_.events(), ElementsAre("node-a/0 1", "node-a/0 2", "gap",
                                              "node-a/0 11", "closed"));
}

TEST_F(SessionServiceTest, EachRefusalHasItsStatusAndNamesTheField) {
  struct Case {
    const char* name;
    std::function<void(v1::ConnectRequest*)> change;
    absl::StatusCode code;
    std::string words;
  };
  const auto bad = absl::StatusCode::kInvalidArgument;
  const std::vector<Case> cases = {
      {"not Hello", [](auto* m) { m->mutable_heartbeat(); }, bad, "hello"},
      {"nothing", [](auto* m) { m->clear_body(); }, bad, "hello"},
      {"version", [](auto* m) { m->mutable_hello()->set_protocol_version(9); },
       absl::StatusCode::kFailedPrecondition, "protocol_version is 9"},
      {"node", [](auto* m) { m->mutable_hello()->set_node_id("a b"); }, bad,
       "hello.node_id"},
      {"infinite bandwidth",
       [](auto* m) {
         m->mutable_hello()->mutable_dram()->set_link_read_bytes_per_second(
             std::numeric_limits<double>::infinity());
       },
       bad, "hello.dram.link_read_bytes_per_second"},
      {"capacity",
       [](auto* m) {
         m->mutable_hello()->mutable_hbm()->set_capacity_bytes(UINT64_MAX);
       },
       bad, "hello.hbm.capacity_bytes"},
      {"handles",
       [](auto* m) {
         m->mutable_hello()->mutable_groups(0)->set_handles(UINT32_MAX);
       },
       absl::StatusCode::kResourceExhausted, "handles"},
  };
  Start();
  auto bystander = Connect();
  WorkerHello other = SmallWorker();
  other.device_index = 7;
  ASSERT_NO_FATAL_FAILURE(bystander->BecomeReady(other));
  int64_t step = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto worker = Connect();
    v1::ConnectRequest message = HelloMessage(SmallWorker());
    c.change(&message);
    worker->Send(message);
    EXPECT_THAT(worker->Finish(), StatusIs(c.code, HasSubstr(c.words)));
    ASSERT_NO_FATAL_FAILURE(bystander->ExpectServed(step++));
  }
  EXPECT_EQ(metrics_.rejected(), cases.size());
  EXPECT_EQ(registry_->live_sessions(), 1u);
}

TEST_F(SessionServiceTest, ABadStepEndsOnlyItsOwnStream) {
  Start();
  auto bystander = Connect();
  WorkerHello other = SmallWorker();
  other.device_index = 7;
  ASSERT_NO_FATAL_FAILURE(bystander->BecomeReady(other));
  auto worker = Connect();
  ASSERT_NO_FATAL_FAILURE(worker->BecomeReady());
  worker->Send(StepReading(0, {99}));
  EXPECT_THAT(worker->Finish(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("step.reads[0].handles")));
  bystander->ExpectServed(0);
}

TEST_F(SessionServiceTest,
       TooLargeMessagesAreRefusedOnBothSidesOfTwiceTheLimit) {
  options_.max_message_bytes = 4096;
  Start();
  for (const size_t size : {5000, 50'000}) {
    SCOPED_TRACE(size);
    auto worker = Connect();
    ASSERT_NO_FATAL_FAILURE(worker->BecomeReady());
    v1::Step step;
    step.add_reads()->set_handles(std::string(size, '\1'));
    worker->Send(step);
    EXPECT_THAT(worker->Finish(),
                StatusIs(absl::StatusCode::kResourceExhausted));
    recorder_.AwaitClosed(size == 5000 ? 1 : 2);
    EXPECT_EQ(registry_->live_sessions(), 0u);
  }
}

// Garbage, and a string that is not UTF-8.
TEST_F(SessionServiceTest, BytesThatAreNoMessageAreNotTakenForAGoodbye) {
  Start();
  v1::ConnectRequest hello = HelloMessage(SmallWorker());
  std::string broken = hello.SerializeAsString();
  broken[broken.find("model-a")] = '\xff';
  for (const std::string& bytes : {std::string("\xff\xff\xff"), broken}) {
    // What the generated stub does, for raw bytes.
    using Raw = grpc::ByteBuffer;
    const grpc::internal::RpcMethod method(
        "/kvplace.v1.SessionService/Connect",
        grpc::internal::RpcMethod::BIDI_STREAMING, channel_);
    grpc::ClientContext context;
    const std::unique_ptr<grpc::ClientReaderWriter<Raw, Raw>> stream(
        grpc::internal::ClientReaderWriterFactory<Raw, Raw>::Create(
            channel_.get(), method, &context));
    const grpc::Slice slice(bytes);
    ASSERT_TRUE(stream->Write(Raw(&slice, 1)));
    Raw none;
    EXPECT_FALSE(stream->Read(&none));
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("not a ConnectRequest"));
  }
  EXPECT_EQ(metrics_.rejected(RejectReason::kMalformed), 2u);
}

TEST_F(SessionServiceTest, TwoSessionsForOneDevice) {
  Start();
  auto first = Connect();
  ASSERT_NO_FATAL_FAILURE(first->BecomeReady(SmallWorker(5)));
  auto stale = Connect();
  stale->Send(HelloMessage(SmallWorker(5)));
  EXPECT_THAT(stale->Finish(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("hello.incarnation is 5")));
  first->ExpectServed(0);
  auto younger = Connect();
  ASSERT_NO_FATAL_FAILURE(younger->BecomeReady(SmallWorker(6)));
  EXPECT_THAT(first->Finish(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("superseded")));
  younger->ExpectServed(0);
  EXPECT_EQ(metrics_.overlaps(), 0u);
}

TEST_F(SessionServiceTest, SilenceEndsStreamsGreetedOrNot) {
  Start();
  auto mute = Connect();
  auto silent = Connect();
  ASSERT_NO_FATAL_FAILURE(silent->BecomeReady());
  while (service_->streams() < 2) absl::SleepFor(absl::Milliseconds(1));
  clock_.Advance(absl::Seconds(11));
  service_->SweepOnce();
  EXPECT_THAT(silent->Finish(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("heartbeat_timeout_ms")));
  EXPECT_THAT(mute->Finish(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("no hello")));
}

TEST_F(SessionServiceTest, DrainEndsWithOk) {
  Start();
  auto worker = Connect();
  ASSERT_NO_FATAL_FAILURE(worker->BecomeReady());
  registry_->DrainAll(absl::Seconds(2), "next:1");
  const v1::ConnectResponse told = worker->Read();
  EXPECT_EQ(told.drain().reconnect_to(), "next:1");
  worker->ExpectServed(0);
  clock_.Advance(absl::Seconds(2));
  service_->SweepOnce();
  EXPECT_THAT(worker->Finish(), IsOk());
}

TEST_F(SessionServiceTest, StreamsAreBounded) {
  options_.max_sessions = 2;
  Start();
  auto first = Connect();
  ASSERT_NO_FATAL_FAILURE(first->BecomeReady());
  auto second = Connect();
  WorkerHello other = SmallWorker();
  other.device_index = 1;
  ASSERT_NO_FATAL_FAILURE(second->BecomeReady(other));
  auto third = Connect();
  EXPECT_THAT(third->Finish(), StatusIs(absl::StatusCode::kResourceExhausted,
                                        HasSubstr("max_sessions")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kLimit), 1u);
  second->HalfClose();
  EXPECT_THAT(second->Finish(), IsOk());
  recorder_.AwaitClosed(1);
  auto fourth = Connect();
  EXPECT_NO_FATAL_FAILURE(fourth->BecomeReady(other));
}

TEST_F(SessionServiceTest, ACancelledStreamFreesItsDevice) {
  Start();
  for (int i = 1; i <= 20; ++i) {
    auto worker = Connect();
    ASSERT_NO_FATAL_FAILURE(worker->BecomeReady(SmallWorker(7)));
    worker->Cancel();
    recorder_.AwaitClosed(i);
  }
  EXPECT_EQ(registry_->live_sessions(), 0u);
  EXPECT_TRUE(registry_->Nodes().empty());
}

// A worker that sends and does not read: its plans replace each other, and when
// its session ends its stream is cut off.
TEST_F(SessionServiceTest, AWorkerThatDoesNotReadHoldsUpNothing) {
  constexpr uint32_t kHandles = 20'000;
  Start();
  WorkerHello hello = SmallWorker();
  hello.device = SmallDevice(1, kHandles, kHandles / 2);
  auto worker = Connect();
  ASSERT_TRUE(worker->Send(HelloMessage(hello)));
  v1::Inventory inventory;
  AddRange(1, 0, 0, 0, kHandles / 2, Tier::kHbm, inventory.mutable_blocks());
  AddRange(1, 0, kHandles / 2, kHandles / 2, kHandles / 2, Tier::kDram,
           inventory.mutable_blocks());
  inventory.set_last(true);
  // The first plan names 10,000 blocks; a few of those fill the window.
  const auto replaced = [this] {
    return metrics_.device("node-a/0")
        .dropped[static_cast<size_t>(DropReason::kPlanReplaced)];
  };
  for (int step = 0; step < 300 && replaced() < 3; ++step) {
    ASSERT_TRUE(worker->Send(inventory));
    // Each goes out as a plan, or replaces one that waits.
    ASSERT_TRUE(worker->Send(StepReading(step, {0})));
  }
  for (int i = 0; i < 20'000 && replaced() < 3; ++i) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  ASSERT_GE(replaced(), 3u);
  auto younger = Connect();
  ASSERT_NO_FATAL_FAILURE(younger->BecomeReady(SmallWorker(2)));
  service_->SweepOnce();
  clock_.Advance(absl::Seconds(6));
  service_->SweepOnce();
  recorder_.AwaitClosed(1);
  younger->ExpectServed(0);
}

TEST_F(SessionServiceTest, ShutdownWithLiveStreams) {
  Start();
  auto greeted = Connect();
  ASSERT_NO_FATAL_FAILURE(greeted->BecomeReady());
  auto mute = Connect();
  Stop();
  EXPECT_FALSE(greeted->Finish().ok());
  EXPECT_FALSE(mute->Finish().ok());
  EXPECT_EQ(service_->streams(), 0u);
  EXPECT_EQ(registry_->live_sessions(), 0u);
}

}  // namespace
}  // namespace kvplace
