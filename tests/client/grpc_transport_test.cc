// Session streams over real gRPC on loopback.
#include "client/cpp/grpc_transport.h"

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/event_queue.h"
#include "client/cpp/session_messages.h"
#include "gtest/gtest.h"
#include "tests/client/client_test_util.h"
#include "tests/testing/loopback_server.h"

namespace kvplace::client {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// Remembers, and lets a test wait.
class Recorder final : public StreamListener {
 public:
  void OnResponse(v1::ConnectResponse* response) override {
    absl::MutexLock lock(&mu_);
    responses_.push_back(*response);
  }
  void OnWritten() override {
    absl::MutexLock lock(&mu_);
    written_ = true;
  }
  void OnClosed(const absl::Status& status) override {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    status_ = status;
  }

  absl::Status AwaitClosed() {
    absl::MutexLock lock(&mu_);
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&closed_), kPatience));
    return status_;
  }
  v1::ConnectResponse AwaitResponse() {
    absl::MutexLock lock(&mu_);
    const auto any = [](std::vector<v1::ConnectResponse>* r) {
      return !r->empty();
    };
    EXPECT_TRUE(
        mu_.AwaitWithTimeout(absl::Condition(+any, &responses_), kPatience));
    return responses_.empty() ? v1::ConnectResponse() : responses_.front();
  }
  void AwaitWritten() {
    absl::MutexLock lock(&mu_);
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&written_), kPatience));
  }

 private:
  absl::Mutex mu_;
  std::vector<v1::ConnectResponse> responses_ ABSL_GUARDED_BY(mu_);
  bool written_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

v1::ConnectRequest Hello(uint64_t incarnation) {
  v1::ConnectRequest request;
  request.set_sequence_number(1);
  EncodeHello(SmallOptions(), incarnation, StepIndex(0),
              request.mutable_hello());
  return request;
}

TEST(GrpcTransportTest, TalksAndEndsInGoodOrder) {
  LoopbackServer server;
  GrpcTransport transport({});
  Recorder heard;
  auto stream = transport.Open(server.address(), &heard);
  stream->Write(Hello(1));
  EXPECT_TRUE(heard.AwaitResponse().has_welcome());
  heard.AwaitWritten();
  stream->HalfClose();
  EXPECT_TRUE(heard.AwaitClosed().ok());
  // Nothing happens any more.
  stream->Write(Hello(2));
  stream->HalfClose();
}

TEST(GrpcTransportTest, TheServersWordsComeThrough) {
  LoopbackServer server;
  GrpcTransport transport({});
  Recorder heard;
  auto stream = transport.Open(server.address(), &heard);
  v1::ConnectRequest hello = Hello(1);
  hello.mutable_hello()->set_protocol_version(99);
  stream->Write(hello);
  const absl::Status status = heard.AwaitClosed();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("99"), absl::string_view::npos) << status;
  EXPECT_TRUE(IsRefusal(status, /*welcomed=*/false)) << status;
}

TEST(GrpcTransportTest, OfTwoSessionsTheOlderIsToldWhy) {
  LoopbackServer server;
  GrpcTransport transport({});
  Recorder first, second;
  auto old_stream = transport.Open(server.address(), &first);
  old_stream->Write(Hello(1));
  first.AwaitResponse();
  auto new_stream = transport.Open(server.address(), &second);
  new_stream->Write(Hello(2));
  second.AwaitResponse();
  // The words that IsRefusal goes by are the server's.
  EXPECT_TRUE(IsRefusal(first.AwaitClosed(), /*welcomed=*/true));
}

TEST(GrpcTransportTest, RefusedConnectionsAreClosedStreams) {
  GrpcTransport transport({});
  Recorder heard;
  auto stream = transport.Open("127.0.0.1:1", &heard);
  stream->Write(Hello(1));
  EXPECT_EQ(heard.AwaitClosed().code(), absl::StatusCode::kUnavailable);
}

TEST(GrpcTransportTest, MissingCertificatesAreClosedStreams) {
  ChannelOptions options;
  options.ca_file = "nowhere.pem";
  GrpcTransport transport(options);
  Recorder heard;
  auto stream = transport.Open("127.0.0.1:1", &heard);
  stream->Write(Hello(1));
  const absl::Status status = heard.AwaitClosed();
  EXPECT_EQ(status.message(),
            "TLS CA file nowhere.pem: cannot be read, expected a PEM file");
}

TEST(GrpcTransportTest, StreamsMayBeThrownAwayAtAnyMoment) {
  LoopbackServer server;
  GrpcTransport transport({});
  for (uint64_t i = 1; i <= 40; ++i) {
    Recorder heard;
    auto stream =
        transport.Open(i % 4 == 3 ? "127.0.0.1:1" : server.address(), &heard);
    if (i % 2 == 0) stream->Write(Hello(i));
    if (i % 4 == 0) heard.AwaitResponse();
    if (i % 5 == 0 && i % 2 == 1) stream->HalfClose();
  }
}

TEST(ChannelTest, OptionsThatCannotBeAreNamed) {
  ChannelOptions options;
  EXPECT_FALSE(options.secure());
  options.cert_file = "a.pem";
  EXPECT_TRUE(options.secure());
  EXPECT_EQ(MakeChannel("x:1", options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EventQueueTest, OnlyTheNewestOfSeveralPlansStays) {
  EventQueue queue;
  const auto plan = [](uint64_t stream, uint64_t id) {
    StreamEvent event;
    event.kind = StreamEvent::Kind::kResponse;
    event.stream = stream;
    event.response.mutable_plan()->set_id(id);
    return event;
  };
  queue.Push(plan(1, 1));
  queue.Push(plan(1, 2));
  queue.Push(StreamEvent());
  queue.Push(plan(1, 3));
  queue.Push(plan(2, 1));
  std::vector<StreamEvent> events;
  queue.TakeAll(&events);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].response.plan().id(), 2u);
  EXPECT_EQ(events[2].response.plan().id(), 3u);
  queue.TakeAll(&events);
  EXPECT_TRUE(events.empty());
}

}  // namespace
}  // namespace kvplace::client
