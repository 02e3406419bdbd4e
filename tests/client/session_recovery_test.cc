// What the client does when the server, or the way to it, fails.
#include "client/cpp/session_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/client_test_util.h"

namespace kvplace::client {
namespace {

using testing::HasSubstr;

v1::ConnectResponse Response(uint64_t epoch) {
  v1::ConnectResponse response;
  response.set_epoch(epoch);
  return response;
}

TEST_F(ClientTest, ReconnectsWithBackoffAndALargerIncarnation) {
  Make();
  Settle();
  uint64_t incarnation = stream().Take().hello().incarnation();
  EXPECT_GT(incarnation, 0u);
  // Backoff 1, 2, 4, 8, 8 s; the machine's clock is set back meanwhile.
  clock_.SetUnixNanos(5);
  size_t opened = 1;
  for (const int64_t seconds : {1, 2, 4, 8, 8}) {
    stream().Close(absl::UnavailableError("connection refused"));
    Settle();
    EXPECT_EQ(client_->last_error().message(), "first:1: connection refused");
    clock_.Advance(absl::Seconds(seconds) - absl::Milliseconds(1));
    Settle();
    EXPECT_EQ(transport_->opened(), opened) << "not before its time";
    clock_.Advance(absl::Milliseconds(1));
    Settle();
    ASSERT_EQ(transport_->opened(), ++opened);
    const v1::ConnectRequest hello = stream().Take();
    EXPECT_EQ(hello.sequence_number(), 1u);
    EXPECT_GT(hello.hello().incarnation(), incarnation);
    incarnation = hello.hello().incarnation();
  }
  EXPECT_EQ(client_->stats().disconnects, 5u);
}

TEST_F(ClientTest, GoesOnByItselfAndTellsAllAfterwards) {
  Connect();
  SendPlan(1, 1, -1, 2);
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  Settle();
  stream().Close(absl::UnavailableError("gone"));
  Settle();
  EXPECT_FALSE(client_->connected());
  // The plan in hand is still good for what it was made for.
  EXPECT_TRUE(client_->CurrentOrder(StepIndex(2))->from_server());
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(3))->from_server());
  for (int64_t s = 1; s < 4; ++s) {
    StepData step = Reads(s, {0});
    const auto page = static_cast<uint32_t>(3 + s);
    step.allocated = {Range(7, 0, page, page, 1, Tier::kDram)};
    ASSERT_TRUE(client_->Step(step).ok());
  }
  EXPECT_EQ(client_->stats().offline_steps, 3u);

  clock_.Advance(absl::Seconds(1));
  Settle();
  const v1::ConnectRequest hello = stream().Take();
  EXPECT_EQ(hello.hello().next_step(), 4);
  // A step that ends between Hello and Welcome is in the inventory.
  StepData step = Reads(4, {0});
  step.freed = {{BlockId(4), 1}};
  ASSERT_TRUE(client_->Step(step).ok());
  Welcome(2);
  const v1::ConnectRequest inventory = stream().Take();
  EXPECT_EQ(CountBlocks(inventory.inventory()), 8u + 3 - 1);
  EXPECT_TRUE(stream().empty());
  SendPlan(2, 1, 3, 5);
  const OrderPtr order = client_->CurrentOrder(StepIndex(5));
  EXPECT_TRUE(order->from_server());
  EXPECT_EQ(client_->stats().reconnects(), 1u);
}

TEST_F(ClientTest, APlanOfADeadSessionIsNotNamedToTheNextOne) {
  Connect();
  SendPlan(1, 9, -1, 50);
  const OrderPtr old = client_->CurrentOrder(StepIndex(0));
  stream().Close(absl::UnavailableError("gone"));
  Settle();
  clock_.Advance(absl::Seconds(1));
  Settle();
  Welcome(2);
  stream().Take();
  stream().Take();
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(0))->from_server())
      << "forgotten with its session";
  ASSERT_TRUE(
      client_->Report(MoveReport{.step = StepIndex(0), .plan = old->plan})
          .ok());
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  Settle();
  EXPECT_EQ(stream().Take().move_report().plan_id(), 0u);
}

TEST_F(ClientTest, ResyncBringsANewInventory) {
  Connect();
  SendPlan(1, 1, -1, 50);
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  Settle();
  stream().Take();
  v1::ConnectResponse response = Response(1);
  response.mutable_resync()->set_reason(v1::RESYNC_REASON_UNKNOWN_HANDLE);
  stream().Respond(response);
  Settle();
  EXPECT_TRUE(stream().Take().has_inventory());
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(1))->from_server())
      << "it was made on a wrong picture";
  ASSERT_TRUE(client_->Step(Reads(1, {0})).ok());
  Settle();
  EXPECT_EQ(stream().Take().step().step(), 1);
  EXPECT_EQ(client_->stats().resyncs, 1u);
  EXPECT_EQ(client_->stats().inventories, 2u);
}

TEST_F(ClientTest, ResyncThrowsAwayWhatWaits) {
  SessionOptions options = SmallOptions();
  options.write_timeout = absl::Hours(1);
  Connect(options);
  stream().stuck = true;
  for (int64_t s = 0; s < 3; ++s) {
    ASSERT_TRUE(client_->Report(MoveReport{.step = StepIndex(s)}).ok());
    ASSERT_TRUE(client_->Step(Reads(s, {0})).ok());
    Settle();
  }
  v1::ConnectResponse response = Response(1);
  response.mutable_resync();
  stream().Respond(response);
  stream().Unstick();
  Settle();
  EXPECT_TRUE(stream().Take().has_move_report()) << "was under way";
  EXPECT_TRUE(stream().Take().has_inventory());
  EXPECT_TRUE(stream().empty());
}

TEST_F(ClientTest, AnInventoryThatHasBegunIsFinishedBeforeTheNext) {
  Make();
  Settle();
  stream().stuck = true;
  v1::ConnectResponse response = Response(1);
  response.mutable_welcome()->set_protocol_version(1);
  response.mutable_welcome()->set_max_message_bytes(64 + 2 * 43);
  stream().Respond(response);
  Settle();
  response = Response(1);
  response.mutable_resync();
  stream().Respond(response);
  Settle();
  stream().Unstick();
  Settle();
  EXPECT_TRUE(stream().Take().has_hello());
  std::vector<bool> last;
  while (!stream().empty()) last.push_back(stream().Take().inventory().last());
  EXPECT_THAT(last, testing::ElementsAre(false, true, false, true));
}

TEST_F(ClientTest, DrainLeavesForWhereItWasSent) {
  Connect();
  SendPlan(1, 1, -1, 3);
  v1::ConnectResponse response = Response(1);
  response.mutable_drain()->set_reconnect_to("second:2");
  stream().Respond(response);
  Settle();
  EXPECT_TRUE(stream().half_closed);
  EXPECT_EQ(transport_->opened(), 1u);
  EXPECT_TRUE(client_->CurrentOrder(StepIndex(0))->from_server())
      << "keep decoding with what you have";
  stream().Close(absl::OkStatus());
  Settle();
  clock_.Advance(absl::Seconds(1));
  Settle();
  ASSERT_EQ(transport_->opened(), 2u);
  EXPECT_EQ(stream().target, "second:2");
  EXPECT_EQ(client_->stats().drains, 1u);
  Welcome(8);
  EXPECT_TRUE(client_->connected());
  // From now on that is home, until it fails to answer.
  stream().Close(absl::UnavailableError("gone"));
  Settle();
  clock_.Advance(absl::Seconds(8));
  Settle();
  EXPECT_EQ(stream().target, "second:2");
  stream().Close(absl::UnavailableError("refused"));
  Settle();
  clock_.Advance(absl::Seconds(8));
  Settle();
  EXPECT_EQ(stream().target, "first:1");
}

TEST_F(ClientTest, DrainWithoutTargetComesBackAfterABackoff) {
  Connect();
  v1::ConnectResponse response = Response(1);
  response.mutable_drain();
  stream().Respond(response);
  Settle();
  EXPECT_TRUE(stream().half_closed);
  // The server does not end the stream: a second is enough.
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_TRUE(transport_->stream(0).gone);
  EXPECT_EQ(transport_->opened(), 1u);
  clock_.Advance(absl::Seconds(1));
  Settle();
  ASSERT_EQ(transport_->opened(), 2u);
  EXPECT_EQ(stream().target, "first:1");
}

TEST_F(ClientTest, RefusalsAreSaidAndTriedAgainSeldom) {
  SessionOptions options = SmallOptions();
  std::vector<absl::Status> errors;
  options.on_error = [&errors](const absl::Status& s) { errors.push_back(s); };
  Make(options);
  Settle();
  stream().Close(
      absl::FailedPreconditionError("hello.protocol_version is 1, expected 2"));
  Settle();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(std::string(errors[0].message()),
              HasSubstr("first:1: hello.protocol_version is 1, expected 2"));
  clock_.Advance(absl::Seconds(59));
  Settle();
  EXPECT_EQ(transport_->opened(), 1u);
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_EQ(transport_->opened(), 2u);
}

TEST_F(ClientTest, AServerOfAnotherVersionIsRefused) {
  Make();
  Settle();
  v1::ConnectResponse response = Response(1);
  response.mutable_welcome()->set_protocol_version(2);
  stream().Respond(response);
  Settle();
  EXPECT_FALSE(client_->connected());
  EXPECT_THAT(std::string(client_->last_error().message()),
              HasSubstr("protocol version 2, this client speaks 1"));
  clock_.Advance(absl::Seconds(30));
  Settle();
  EXPECT_EQ(transport_->opened(), 1u);
}

TEST_F(ClientTest, DoesNotFightOverTheDevice) {
  Connect();
  stream().Close(absl::FailedPreconditionError(
      "superseded by incarnation 9 from ipv4:127.0.0.1:1"));
  Settle();
  clock_.Advance(absl::Seconds(30));
  Settle();
  EXPECT_EQ(transport_->opened(), 1u);
}

TEST(IsRefusalTest, ByCodeAndTime) {
  EXPECT_TRUE(IsRefusal(absl::UnauthenticatedError("x"), false));
  EXPECT_TRUE(IsRefusal(absl::PermissionDeniedError("x"), true));
  EXPECT_TRUE(IsRefusal(absl::InvalidArgumentError("hello.hbm"), false));
  EXPECT_FALSE(IsRefusal(absl::InvalidArgumentError("step.reads"), true));
  EXPECT_FALSE(IsRefusal(absl::FailedPreconditionError("draining"), false));
  EXPECT_FALSE(IsRefusal(absl::ResourceExhaustedError("sessions"), false));
  EXPECT_FALSE(IsRefusal(absl::UnavailableError("x"), false));
}

TEST_F(ClientTest, SilenceAfterHelloEndsTheAttempt) {
  Make();
  Settle();
  clock_.Advance(absl::Seconds(10));
  Settle();
  EXPECT_TRUE(transport_->stream(0).gone);
  EXPECT_THAT(std::string(client_->last_error().message()),
              HasSubstr("no Welcome within 10s"));
}

TEST_F(ClientTest, AStuckStreamIsGivenUp) {
  Connect();
  stream().stuck = true;
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  Settle();
  clock_.Advance(absl::Seconds(10));
  Settle();
  EXPECT_TRUE(transport_->stream(0).gone);
  EXPECT_FALSE(client_->connected());
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_EQ(transport_->opened(), 2u);
}

TEST_F(ClientTest, ALongSessionStartsTheBackoffAnew) {
  Make();
  for (int i = 0; i < 4; ++i) {
    Settle();
    stream().Close(absl::UnavailableError("refused"));
    Settle();
    clock_.Advance(absl::Seconds(8));
  }
  Settle();
  Welcome(1);
  clock_.Advance(absl::Seconds(8));
  Settle();
  stream().Close(absl::UnavailableError("gone"));
  const size_t opened = transport_->opened();
  Settle();
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_EQ(transport_->opened(), opened + 1);
}

TEST_F(ClientTest, StopsInGoodOrder) {
  Make();
  auto transport = std::make_unique<FakeSessionTransport>();
  FakeSessionTransport* const fake = transport.get();
  FakeClientClock clock;
  {
    SessionClient client(SmallOptions(), std::move(transport), &clock);
    ASSERT_TRUE(client.Start(SmallInventory(), StepIndex(0)).ok());
    // The stream is ended by hand: nobody else would.
    while (fake->opened() == 0) std::this_thread::yield();
    std::thread stop([&client] { client.Stop(); });
    while (!fake->last().half_closed) std::this_thread::yield();
    fake->last().Close(absl::OkStatus());
    stop.join();
    EXPECT_FALSE(client.CurrentOrder(StepIndex(0))->from_server());
  }
}

}  // namespace
}  // namespace kvplace::client
