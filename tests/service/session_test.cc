// How a session begins, what it answers, and how it ends.
#include "server/service/session.h"

#include <limits>

#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SessionTest, GreetsAndPlansAfterTheInventory) {
  auto worker = Connect();
  ASSERT_EQ(worker->Send(HelloMessage(SmallWorker())), Outcome::kApplied);
  const auto greeting = worker->Take();
  ASSERT_THAT(greeting, SizeIs(1));
  const v1::Welcome& welcome = greeting[0].welcome();
  EXPECT_NE(greeting[0].epoch(), 0u);
  EXPECT_EQ(welcome.protocol_version(), 1u);
  EXPECT_TRUE(welcome.send_inventory());
  EXPECT_EQ(welcome.sample_every(), 1u);
  EXPECT_EQ(welcome.plan_lifetime_steps(), 8u);
  EXPECT_EQ(welcome.heartbeat_timeout_ms(), 10'000u);
  EXPECT_EQ(welcome.mode(), v1::MODE_ACT);
  EXPECT_EQ(welcome.policy(), "shadow-price");
  EXPECT_EQ(welcome.policy_version(), 1u);
  EXPECT_EQ(welcome.max_message_bytes(), 4u << 20);

  ASSERT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans[0].epoch(), greeting[0].epoch());
  EXPECT_EQ(plans[0].plan().id(), 1u);
  EXPECT_EQ(plans[0].plan().basis_step(), -1);
  EXPECT_EQ(plans[0].plan().valid_until_step(), 7);
  EXPECT_FALSE(plans[0].plan().advisory());
  EXPECT_EQ(plans[0].plan().groups_size(), 2);
}

TEST_F(SessionTest, NoPlanBeforeTheInventoryIsComplete) {
  auto worker = Connect();
  worker->Send(HelloMessage(SmallWorker()));
  worker->Take();
  v1::Inventory whole = SmallInventory();
  v1::Inventory chunk;
  *chunk.add_blocks() = whole.blocks(0);
  ASSERT_EQ(worker->Send(chunk), Outcome::kApplied);
  EXPECT_THAT(worker->Take(), IsEmpty());
  whole.mutable_blocks()->DeleteSubrange(0, 1);
  ASSERT_EQ(worker->Send(whole), Outcome::kApplied);
  EXPECT_THAT(worker->Take(), SizeIs(1));
  EXPECT_EQ(status().live_blocks(), 8u);
  EXPECT_EQ(status().hbm_resident_bytes(), 4u * 64);
}

TEST_F(SessionTest, EachStepIsAnsweredByAPlan) {
  auto worker = ConnectReady();
  worker->Take();
  for (int64_t step = 0; step < 5; ++step) {
    ASSERT_EQ(worker->Send(Report(step, 1, {}, {})), Outcome::kApplied);
    EXPECT_THAT(worker->Take(), IsEmpty());
    ASSERT_EQ(worker->Send(StepReading(step, {0, 1, 2})), Outcome::kApplied);
    const auto plans = worker->Take();
    ASSERT_THAT(plans, SizeIs(1));
    EXPECT_EQ(plans[0].plan().id(), static_cast<uint64_t>(step) + 2);
    EXPECT_EQ(plans[0].plan().basis_step(), step);
    EXPECT_EQ(plans[0].plan().valid_until_step(), step + 8);
  }
  EXPECT_EQ(status().last_step(), 4);
  EXPECT_EQ(status().steps(), 5u);
  // Two of three blocks read are in HBM.
  EXPECT_DOUBLE_EQ(status().miss_share(), 1.0 / 3);
  EXPECT_EQ(device().plans, 6u);
  EXPECT_THAT(device().steps, SizeIs(5));
}

TEST_F(SessionTest, APlanThatWaitsIsReplacedNotQueued) {
  auto worker = ConnectReady();
  worker->Send(StepReading(0, {0}));
  worker->Send(StepReading(1, {0}));
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans[0].plan().basis_step(), 1);
  EXPECT_EQ(device().dropped[static_cast<size_t>(DropReason::kPlanReplaced)],
            2u);
  EXPECT_EQ(device().plans, 1u);
}

TEST_F(SessionTest, FirstMessageMustBeHello) {
  auto worker = Connect();
  EXPECT_EQ(worker->SendHeartbeat(), Outcome::kEnded);
  EXPECT_THAT(worker->Status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hello")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kOutOfOrder), 1u);
  EXPECT_THAT(worker->Take(), IsEmpty());
}

TEST_F(SessionTest, NumbersBeginAtOne) {
  auto worker = Connect();
  auto hello = HelloMessage(SmallWorker());
  hello.set_sequence_number(0);
  EXPECT_EQ(worker->Send(hello), Outcome::kEnded);
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("sequence_number is 0")));
}

TEST_F(SessionTest, HelloTwiceEndsTheStream) {
  auto worker = ConnectReady();
  auto hello = HelloMessage(SmallWorker());
  hello.set_sequence_number(3);
  EXPECT_EQ(worker->Send(hello), Outcome::kEnded);
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("hello a second time")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kOutOfOrder), 1u);
  EXPECT_EQ(registry_->live_sessions(), 0u);
}

TEST_F(SessionTest, AMessageWithoutABodyEndsTheStream) {
  auto worker = ConnectReady();
  v1::ConnectRequest empty;
  empty.set_sequence_number(3);
  EXPECT_EQ(worker->Send(empty), Outcome::kEnded);
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("body is missing")));
}

TEST_F(SessionTest, AnotherProtocolVersionIsNamed) {
  auto worker = Connect();
  auto hello = HelloMessage(SmallWorker());
  hello.mutable_hello()->set_protocol_version(2);
  EXPECT_EQ(worker->Send(hello), Outcome::kEnded);
  EXPECT_THAT(worker->Status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("protocol_version is 2"),
                             HasSubstr("speaks 1"))));
  EXPECT_EQ(metrics_.rejected(RejectReason::kProtocolVersion), 1u);
}

TEST_F(SessionTest, ABadFieldOfHelloIsNamed) {
  auto worker = Connect();
  auto hello = HelloMessage(SmallWorker());
  hello.mutable_hello()->mutable_hbm()->set_bandwidth_bytes_per_second(
      std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(worker->Send(hello), Outcome::kEnded);
  EXPECT_THAT(worker->Status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("hello.hbm.bandwidth_bytes_per_second")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kMalformed), 1u);
  EXPECT_THAT(registry_->Nodes(), IsEmpty());
}

TEST_F(SessionTest, TooManyHandlesAreALimit) {
  options_.max_blocks_per_session = 15;
  options_.max_blocks_total = 15;
  Restart();
  auto worker = Connect();
  EXPECT_EQ(worker->Send(HelloMessage(SmallWorker())), Outcome::kEnded);
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kResourceExhausted,
                                         HasSubstr("16 handles")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kLimit), 1u);
}

TEST_F(SessionTest, HandlesOfAllSessionsAreBounded) {
  options_.max_blocks_per_session = 16;
  options_.max_blocks_total = 31;
  Restart();
  auto first = ConnectReady();
  WorkerHello other = SmallWorker();
  other.device_index = 1;
  auto second = Connect();
  EXPECT_EQ(second->Send(HelloMessage(other)), Outcome::kEnded);
  EXPECT_THAT(second->Status(), StatusIs(absl::StatusCode::kResourceExhausted,
                                         HasSubstr("max_blocks_total")));
  first->session().Close();
  auto third = Connect();
  EXPECT_EQ(third->Send(HelloMessage(other)), Outcome::kApplied);
}

TEST_F(SessionTest, SessionsAreBounded) {
  options_.max_sessions = 1;
  Restart();
  auto first = ConnectReady();
  WorkerHello other = SmallWorker();
  other.node_id = "node-b";
  auto second = Connect();
  EXPECT_EQ(second->Send(HelloMessage(other)), Outcome::kEnded);
  EXPECT_THAT(second->Status(), StatusIs(absl::StatusCode::kResourceExhausted,
                                         HasSubstr("max_sessions")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kLimit), 1u);
  EXPECT_FALSE(first->ended());
}

TEST_F(SessionTest, AMessageOverTheLimitEndsTheStream) {
  auto worker = ConnectReady();
  EXPECT_EQ(worker->session().OnTooLarge(5'000'000), Outcome::kEnded);
  EXPECT_THAT(
      worker->Status(),
      StatusIs(absl::StatusCode::kResourceExhausted,
               AllOf(HasSubstr("5000000 bytes"),
                     HasSubstr("at most 4194304 (max_message_bytes)"))));
  EXPECT_EQ(metrics_.rejected(RejectReason::kTooLarge), 1u);
  EXPECT_EQ(registry_->live_sessions(), 0u);
  EXPECT_EQ(worker->session().OnTooLarge(5'000'000), Outcome::kEnded);
  EXPECT_EQ(metrics_.rejected(), 1u);
}

TEST_F(SessionTest, BytesThatAreNoMessageEndTheStream) {
  auto worker = ConnectReady();
  EXPECT_EQ(worker->session().OnUnreadable(7), Outcome::kEnded);
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("7 bytes")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kMalformed), 1u);
  // The same before Hello.
  auto stranger = Connect();
  EXPECT_EQ(stranger->session().OnUnreadable(7), Outcome::kEnded);
  EXPECT_THAT(stranger->Status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SessionTest, ALargerIncarnationTakesTheDeviceOver) {
  auto old = ConnectReady(SmallWorker(5));
  old->Take();
  auto young = ConnectReady(SmallWorker(6));
  ASSERT_TRUE(old->ended());
  EXPECT_THAT(old->Status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("superseded by incarnation 6"),
                             HasSubstr("hello.incarnation is 5"))));
  EXPECT_EQ(old->wakes(), 1);
  EXPECT_EQ(old->Send(StepReading(0, {0})), Outcome::kEnded);
  EXPECT_FALSE(young->ended());
  EXPECT_EQ(young->Send(StepReading(0, {0})), Outcome::kApplied);
  EXPECT_EQ(metrics_.rejected(RejectReason::kSuperseded), 1u);
  EXPECT_EQ(metrics_.overlaps(), 0u);
  EXPECT_EQ(metrics_.sessions(), 1u);
  EXPECT_TRUE(device().live);
  // The old stream's end does not touch the new session.
  old->session().Close();
  EXPECT_EQ(registry_->live_sessions(), 1u);
  EXPECT_FALSE(young->ended());
}

TEST_F(SessionTest, AnEqualOrSmallerIncarnationIsRefusedWhileOneLives) {
  auto live = ConnectReady(SmallWorker(5));
  for (const uint64_t incarnation : {5, 4}) {
    auto worker = Connect();
    EXPECT_EQ(worker->Send(HelloMessage(SmallWorker(incarnation))),
              Outcome::kEnded);
    EXPECT_THAT(
        worker->Status(),
        StatusIs(
            absl::StatusCode::kFailedPrecondition,
            AllOf(HasSubstr(absl::StrCat("hello.incarnation is ", incarnation)),
                  HasSubstr("more than 5"))));
  }
  EXPECT_EQ(metrics_.rejected(RejectReason::kStaleIncarnation), 2u);
  EXPECT_EQ(live->Send(StepReading(0, {0})), Outcome::kApplied);
  // Once it is gone they are welcome.
  live->session().Close();
  auto late = Connect();
  EXPECT_EQ(late->Send(HelloMessage(SmallWorker(4))), Outcome::kApplied);
}

TEST_F(SessionTest, SilenceEndsTheSession) {
  auto worker = ConnectReady();
  clock_.Advance(absl::Seconds(9));
  ASSERT_EQ(worker->SendHeartbeat(), Outcome::kApplied);
  clock_.Advance(absl::Seconds(10));
  registry_->SweepOnce();
  EXPECT_FALSE(worker->ended());
  clock_.Advance(absl::Milliseconds(1));
  registry_->SweepOnce();
  ASSERT_TRUE(worker->ended());
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("heartbeat_timeout_ms")));
  EXPECT_EQ(worker->wakes(), 1);
  EXPECT_EQ(metrics_.rejected(RejectReason::kHeartbeatLapsed), 1u);
  EXPECT_FALSE(device().live);
  EXPECT_THAT(registry_->Nodes(), IsEmpty());
}

TEST_F(SessionTest, AStreamThatNeverGreetsEnds) {
  auto worker = Connect();
  clock_.Advance(absl::Seconds(10));
  worker->session().SweepUngreeted();
  EXPECT_FALSE(worker->ended());
  clock_.Advance(absl::Milliseconds(1));
  worker->session().SweepUngreeted();
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("no hello")));
}

TEST_F(SessionTest, TheEndGivesEverythingBack) {
  auto worker = ConnectReady();
  EXPECT_EQ(metrics_.sessions(), 1u);
  worker->session().Close();
  EXPECT_THAT(worker->Status(), IsOk());
  EXPECT_EQ(metrics_.sessions(), 0u);
  EXPECT_FALSE(device().live);
  EXPECT_THAT(registry_->Nodes(), IsEmpty());
  EXPECT_THAT(registry_->Sessions(), IsEmpty());
  EXPECT_EQ(metrics_.rejected(), 0u);
}

TEST_F(SessionTest, ThrottlesWhenBehindAndRecovers) {
  options_.overload_recovery_steps = 3;
  Restart();
  auto worker = ConnectReady();
  worker->Take();
  v1::ConnectRequest message;
  message.set_sequence_number(3);
  *message.mutable_step() = StepReading(0, {0});
  // It waited for 100 ms; the limit is 50.
  const absl::Duration arrived = clock_.Monotonic();
  clock_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(worker->session().OnMessage(message, arrived), Outcome::kApplied);
  auto out = worker->Take();
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(out[0].throttle().sample_every(), 2u);
  EXPECT_TRUE(out[1].has_plan());
  // The worker does as it is told; four steps to settle, three quick ones.
  for (int64_t i = 0; i < 7; ++i) {
    v1::ConnectRequest next;
    next.set_sequence_number(static_cast<uint64_t>(i) + 4);
    *next.mutable_step() = StepReading(2 * i + 2, {0});
    next.mutable_step()->set_decode_steps(2);
    ASSERT_EQ(worker->Send(next), Outcome::kApplied);
    out = worker->Take();
  }
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(out[0].throttle().sample_every(), 1u);
  EXPECT_EQ(device().dropped[static_cast<size_t>(DropReason::kOverload)], 7u);
  EXPECT_EQ(device().decode_steps, 15u);
}

TEST_F(SessionTest, WithoutAPauseStepsAreAnsweredButNotHeard) {
  auto worker = ConnectReady();
  worker->Take();
  const auto not_learned = [this] {
    return device().dropped[static_cast<size_t>(DropReason::kNotLearned)];
  };
  const auto step = [&](int64_t index, v1::Step message) {
    clock_.Advance(absl::Milliseconds(25));
    clock_.Use(absl::Milliseconds(25) * UsableCores());
    ASSERT_EQ(worker->Send(std::move(message)), Outcome::kApplied);
    const auto out = worker->Take();
    ASSERT_FALSE(out.empty());
    EXPECT_EQ(out.back().plan().basis_step(), index);
  };
  // One in 8, then in 16, 32 and 64, from the second window on.
  for (int64_t i = 0; i < 64; ++i) step(i, StepReading(i, {0, 1}));
  const uint64_t heard = 64 - not_learned();
  EXPECT_GE(heard, 1u);
  EXPECT_LE(heard, 8u);
  EXPECT_EQ(status().steps(), heard);
  EXPECT_EQ(device().steps.size(), heard);
  // A step that ends blocks is taken in whole, and stands for those before.
  v1::Step freeing = StepReading(64, {1});
  freeing.add_freed()->set_count(1);
  step(64, freeing);
  EXPECT_EQ(not_learned(), 64 - heard);
  EXPECT_EQ(device().decode_steps, 65u);
  // And all are, some time after there is time again: first the worker is told
  // to send all.
  int64_t next = 65;
  const auto idle_steps = [&](int64_t count) {
    for (const int64_t end = next + count; next < end; ++next) {
      clock_.Advance(absl::Seconds(1));
      ASSERT_EQ(worker->Send(StepReading(next, {1})), Outcome::kApplied);
      worker->Take();
    }
  };
  idle_steps(2);
  EXPECT_GT(not_learned(), 64 - heard);
  idle_steps(14);
  const uint64_t busy = not_learned();
  idle_steps(16);
  EXPECT_EQ(not_learned(), busy);
}

TEST_F(SessionTest, DrainTellsAndThenEndsWithOk) {
  auto worker = ConnectReady();
  worker->Take();
  auto told =
      registry_->DrainNode("node-a", absl::Seconds(3), "other.example:1");
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(*told, 1u);
  EXPECT_EQ(worker->wakes(), 1);
  const auto out = worker->Take();
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(out[0].drain().deadline_ms(), 3000u);
  EXPECT_EQ(out[0].drain().reconnect_to(), "other.example:1");
  // Served until then; nobody new.
  EXPECT_EQ(worker->Send(StepReading(0, {0})), Outcome::kApplied);
  auto other = Connect();
  EXPECT_EQ(other->Send(HelloMessage(SmallWorker(9))), Outcome::kEnded);
  EXPECT_THAT(other->Status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("drained")));
  EXPECT_EQ(metrics_.rejected(RejectReason::kDraining), 1u);
  clock_.Advance(absl::Seconds(3));
  registry_->SweepOnce();
  ASSERT_TRUE(worker->ended());
  EXPECT_THAT(worker->Status(), IsOk());
  // The node stays closed until it is told otherwise.
  auto late = Connect();
  EXPECT_EQ(late->Send(HelloMessage(SmallWorker(9))), Outcome::kEnded);
  EXPECT_THAT(registry_->UndrainNode("node-a"), IsOk());
  auto again = Connect();
  EXPECT_EQ(again->Send(HelloMessage(SmallWorker(9))), Outcome::kApplied);
}

TEST_F(SessionTest, DrainOfTheServerTakesNobody) {
  auto worker = ConnectReady();
  EXPECT_EQ(registry_->DrainAll(absl::Seconds(1), ""), 1u);
  WorkerHello other = SmallWorker();
  other.node_id = "node-b";
  auto late = Connect();
  EXPECT_EQ(late->Send(HelloMessage(other)), Outcome::kEnded);
  EXPECT_THAT(late->Status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("drained")));
  clock_.Advance(absl::Seconds(1));
  registry_->SweepOnce();
  EXPECT_THAT(worker->Status(), IsOk());
}

}  // namespace
}  // namespace kvplace
