#include "client/cpp/session_client.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/core/block_codec.h"
#include "tests/client/client_test_util.h"

namespace kvplace::client {
namespace {

TEST_F(ClientTest, GreetsThenSendsItsInventory) {
  Make();
  Settle();
  ASSERT_EQ(transport_->opened(), 1u);
  EXPECT_EQ(stream().target, "first:1");
  const v1::ConnectRequest hello = stream().Take();
  EXPECT_EQ(hello.sequence_number(), 1u);
  EXPECT_EQ(hello.hello().protocol_version(), 1u);
  EXPECT_EQ(hello.hello().node_id(), "node-a");
  EXPECT_EQ(hello.hello().device_index(), 2u);
  EXPECT_EQ(hello.hello().hbm().capacity_bytes(), 6u * 64);
  EXPECT_EQ(hello.hello().next_step(), 0);
  EXPECT_TRUE(stream().empty()) << "nothing before Welcome";
  EXPECT_FALSE(client_->connected());

  Welcome(1);
  EXPECT_TRUE(client_->connected());
  const v1::ConnectRequest inventory = stream().Take();
  EXPECT_EQ(inventory.sequence_number(), 2u);
  EXPECT_EQ(inventory.inventory().blocks_size(), 4);
  EXPECT_TRUE(inventory.inventory().last());
  EXPECT_TRUE(stream().empty());
}

TEST_F(ClientTest, LargeInventoriesGoInChunks) {
  Make();
  Settle();
  v1::ConnectResponse response;
  response.set_epoch(1);
  response.mutable_welcome()->set_protocol_version(1);
  response.mutable_welcome()->set_max_message_bytes(64 + 2 * 43);
  stream().Respond(response);
  Settle();
  stream().Take();
  const v1::ConnectRequest first = stream().Take(), second = stream().Take();
  EXPECT_EQ(first.inventory().blocks_size(), 2);
  EXPECT_FALSE(first.inventory().last());
  EXPECT_EQ(second.inventory().blocks_size(), 2);
  EXPECT_TRUE(second.inventory().last());
}

TEST_F(ClientTest, ReportPrecedesItsStep) {
  Connect();
  SendPlan(1, 1, -1, 4);
  const OrderPtr order = client_->CurrentOrder(StepIndex(0));
  ASSERT_TRUE(order->from_server());
  MoveReport moves{.step = StepIndex(0), .plan = order->plan};
  moves.phases = {{GroupId(0), Blocks({3, 2}), {}, Blocks({0, 1})}};
  ASSERT_TRUE(client_->Report(moves).ok());
  StepData step = Reads(0, {2, 3});
  step.sequences = {{SequenceId(7), 1, false}};
  ASSERT_TRUE(client_->Step(step).ok());
  Settle();
  const v1::ConnectRequest report = stream().Take(), told = stream().Take();
  EXPECT_EQ(report.sequence_number(), 3u);
  EXPECT_EQ(report.move_report().plan_id(), 1u);
  EXPECT_EQ(report.move_report().step(), 0);
  std::vector<BlockId> promoted;
  ASSERT_TRUE(
      DecodeOrdered(report.move_report().phases(0).promoted(), 32, &promoted)
          .ok());
  EXPECT_EQ(promoted, Blocks({3, 2}));
  EXPECT_EQ(told.sequence_number(), 4u);
  EXPECT_EQ(told.step().step(), 0);
  EXPECT_EQ(told.step().decode_steps(), 1u);
  EXPECT_EQ(told.step().sequences(0).new_tokens(), 1u);
  EXPECT_EQ(client_->stats().plan_steps, 1u);
}

TEST_F(ClientTest, AReportOfAnotherStepIsRefused) {
  Connect();
  ASSERT_TRUE(client_->Report(MoveReport{.step = StepIndex(1)}).ok());
  EXPECT_FALSE(client_->Report(MoveReport{.step = StepIndex(2)}).ok());
  EXPECT_FALSE(client_->Step(Reads(0, {})).ok());
  EXPECT_TRUE(client_->Step(Reads(0, {})).ok());
}

TEST_F(ClientTest, PlansHoldForTheirStepsOnly) {
  Connect();
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(0))->from_server());
  SendPlan(1, 1, -1, 1);
  EXPECT_TRUE(client_->CurrentOrder(StepIndex(0))->from_server());
  EXPECT_TRUE(client_->CurrentOrder(StepIndex(1))->from_server());
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(2))->from_server());
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(3))->from_server());
  EXPECT_EQ(client_->stats().plans_expired, 1u) << "counted once";
  // Plans return.
  SendPlan(1, 2, 1, 3);
  EXPECT_TRUE(client_->CurrentOrder(StepIndex(3))->from_server());
  // An older one changes nothing; nor does one of another session.
  SendPlan(1, 1, 1, 9);
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(4))->from_server());
  SendPlan(2, 3, 1, 9);
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(4))->from_server());
}

TEST_F(ClientTest, APlanThatComesTooLateIsReportedExpired) {
  Connect();
  for (int64_t s = 0; s < 3; ++s) ASSERT_TRUE(client_->Step(Reads(s, {})).ok());
  SendPlan(1, 1, -1, 1);
  EXPECT_EQ(client_->stats().plans_expired, 1u);
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(3))->from_server());
  ASSERT_TRUE(client_->Step(Reads(3, {})).ok());
  ASSERT_TRUE(client_->Step(Reads(4, {})).ok());
  Settle();
  std::vector<v1::MoveReport> reports;
  while (!stream().empty()) {
    const v1::ConnectRequest request = stream().Take();
    if (request.has_move_report()) reports.push_back(request.move_report());
  }
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].expired());
  EXPECT_EQ(reports[0].plan_id(), 1u);
  EXPECT_EQ(reports[0].step(), 3);
}

TEST_F(ClientTest, AdvisoryAndBrokenPlansAreCountedOnly) {
  Connect();
  v1::ConnectResponse response = PlanMessage(1, 1, -1, 5);
  response.mutable_plan()->set_advisory(true);
  stream().Respond(response);
  Settle();
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(0))->from_server());
  response = PlanMessage(1, 2, -1, 5);
  response.mutable_plan()->set_evict_queue("\xff\xff");
  stream().Respond(response);
  Settle();
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(0))->from_server());
  EXPECT_EQ(client_->stats().plans, 2u);
  EXPECT_EQ(client_->stats().plans_advisory, 1u);
  EXPECT_EQ(client_->stats().plans_invalid, 1u);
}

TEST_F(ClientTest, OnPlanHearsOfEveryPlan) {
  SessionOptions options = SmallOptions();
  std::vector<OrderPtr> heard;
  options.on_plan = [&heard](const OrderPtr& order) { heard.push_back(order); };
  Connect(options);
  SendPlan(1, 1, -1, 5);
  SendPlan(1, 2, -1, 5);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[1]->plan.id, PlanId(2));
}

TEST_F(ClientTest, LocalOrdersFollowTheMirror) {
  Connect();
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  const OrderPtr order = client_->CurrentOrder(StepIndex(1));
  EXPECT_FALSE(order->from_server());
  EXPECT_EQ(order->basis, StepIndex(0));
  EXPECT_EQ(order->order.evict_queue, Blocks({1, 17, 16, 0}));
  EXPECT_EQ(client_->CurrentOrder(StepIndex(1)), order) << "made once";
  ASSERT_TRUE(client_->Step(Reads(1, {1})).ok());
  EXPECT_EQ(client_->CurrentOrder(StepIndex(2))->order.evict_queue,
            Blocks({17, 16, 0, 1}));
  EXPECT_EQ(client_->stats().local_steps, 1u);
}

TEST_F(ClientTest, HoldMovesNothing) {
  SessionOptions options = SmallOptions();
  options.local_policy = LocalPolicy::kHold;
  Connect(options);
  ASSERT_TRUE(client_->Step(Reads(0, {0, 3})).ok());
  const OrderPtr order = client_->CurrentOrder(StepIndex(1));
  ASSERT_EQ(order->order.groups.size(), 2u);
  EXPECT_FALSE(order->order.groups[0].promote_all);
  EXPECT_TRUE(order->order.evict_queue.empty());
}

TEST_F(ClientTest, HeartbeatsWhenThereIsNothingToSay) {
  Connect();
  clock_.Advance(absl::Milliseconds(2999));
  Settle();
  EXPECT_TRUE(stream().empty());
  clock_.Advance(absl::Milliseconds(1));
  Settle();
  EXPECT_TRUE(stream().Take().has_heartbeat());
  EXPECT_TRUE(stream().empty());
  // A step is a sign of life.
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(client_->Step(Reads(0, {})).ok());
  Settle();
  EXPECT_TRUE(stream().Take().has_step());
  clock_.Advance(absl::Seconds(2));
  Settle();
  EXPECT_TRUE(stream().empty());
}

TEST_F(ClientTest, ThrottleJoinsSteps) {
  Connect();
  v1::ConnectResponse response;
  response.set_epoch(1);
  response.mutable_throttle()->set_sample_every(3);
  stream().Respond(response);
  Settle();
  int64_t next = 0;
  const auto run = [&](int64_t steps) {
    for (const int64_t end = next + steps; next < end; ++next) {
      ASSERT_TRUE(client_->Report(MoveReport{.step = StepIndex(next)}).ok());
      ASSERT_TRUE(client_->Step(Reads(next, {0})).ok());
    }
    Settle();
  };
  // The first window may be shorter.
  while (stream().empty()) run(1);
  ASSERT_LE(next, 3);
  EXPECT_EQ(stream().Take().move_report().step(), next - 1);
  EXPECT_EQ(stream().Take().step().decode_steps(), next);
  run(6);
  for (const int64_t s : {next - 4, next - 1}) {
    EXPECT_EQ(stream().Take().move_report().step(), s);
    const v1::ConnectRequest step = stream().Take();
    EXPECT_EQ(step.step().step(), s);
    EXPECT_EQ(step.step().decode_steps(), 3u);
  }
  EXPECT_TRUE(stream().empty());
  EXPECT_EQ(client_->stats().sample_every, 3u);
  EXPECT_EQ(client_->stats().dropped_steps, 0u);
}

TEST_F(ClientTest, AFullQueueIsDroppedForAnInventory) {
  SessionOptions options = SmallOptions();
  options.queue_limit = 3;
  options.write_timeout = absl::Hours(1);
  Connect(options);
  stream().stuck = true;
  // One leaves our hands, three wait, one is too many.
  for (int64_t s = 0; s < 5; ++s) {
    StepData step = Reads(s, {0});
    if (s == 4) step.allocated = {Range(7, 0, 4, 4, 1, Tier::kDram)};
    ASSERT_TRUE(client_->Step(step).ok());
    Settle();
  }
  EXPECT_EQ(client_->stats().dropped_steps, 4u);
  ASSERT_TRUE(client_->Step(Reads(5, {0})).ok());
  EXPECT_EQ(client_->stats().dropped_steps, 5u);
  stream().Unstick();
  Settle();
  EXPECT_EQ(stream().Take().step().step(), 0);
  const v1::ConnectRequest inventory = stream().Take();
  ASSERT_TRUE(inventory.has_inventory());
  EXPECT_EQ(CountBlocks(inventory.inventory()), 9u) << "the birth is in it";
  // Without a gap in the numbers, and steps go on after it.
  EXPECT_EQ(inventory.sequence_number(), 4u);
  ASSERT_TRUE(client_->Step(Reads(6, {4})).ok());
  Settle();
  EXPECT_EQ(stream().Take().step().step(), 6);
}

TEST_F(ClientTest, StepsThatDoNotFitBecomeAnInventory) {
  Make();
  Settle();
  v1::ConnectResponse response;
  response.set_epoch(1);
  response.mutable_welcome()->set_protocol_version(1);
  response.mutable_welcome()->set_max_message_bytes(120);
  stream().Respond(response);
  Settle();
  while (!stream().empty()) stream().Take();
  // Masses are left out first.
  StepData step = Reads(0, {0, 1, 2, 3});
  step.reads[0].masses.assign(4, 200);
  step.reads[0].near_misses.clear();
  step.sequences.resize(8);
  for (uint64_t i = 0; i < 8; ++i)
    step.sequences[i].sequence = SequenceId(i + 1);
  ASSERT_TRUE(client_->Step(step).ok());
  Settle();
  const v1::ConnectRequest told = stream().Take();
  ASSERT_TRUE(told.has_step());
  step.step = StepIndex(1);
  step.sequences.resize(100);
  ASSERT_TRUE(client_->Step(step).ok());
  Settle();
  EXPECT_TRUE(stream().Take().has_inventory());
  EXPECT_EQ(client_->stats().dropped_steps, 1u);
}

TEST_F(ClientTest, ContradictionsAreTheCallersAndMendable) {
  Connect();
  EXPECT_FALSE(client_->Step(Reads(0, {9})).ok());
  EXPECT_FALSE(client_->Step(Reads(0, {0})).ok()) << "broken until replaced";
  Settle();
  EXPECT_TRUE(stream().empty());
  EXPECT_FALSE(client_->CurrentOrder(StepIndex(0))->order.groups.empty());
  ASSERT_TRUE(client_->ReplaceInventory(SmallInventory(), StepIndex(3)).ok());
  Settle();
  EXPECT_TRUE(stream().Take().has_inventory());
  ASSERT_TRUE(client_->Step(Reads(3, {0})).ok());
  Settle();
  EXPECT_EQ(stream().Take().step().step(), 3);
}

TEST_F(ClientTest, AwaitOrderKnowsWhenThereIsNothingToWaitFor) {
  constexpr absl::Duration kForEver = absl::Hours(1);
  Make();
  EXPECT_FALSE(client_->AwaitOrder(StepIndex(0), kForEver)->from_server());
  Settle();
  Welcome(1);
  // The plan for the inventory is owed.
  EXPECT_FALSE(
      client_->AwaitOrder(StepIndex(0), absl::ZeroDuration())->from_server());
  SendPlan(1, 1, -1, 7);
  EXPECT_TRUE(client_->AwaitOrder(StepIndex(0), kForEver)->from_server());
  // Of step 0 the answer is owed; a plan that does not know it is none.
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  SendPlan(1, 2, -1, 7);
  EXPECT_EQ(
      client_->AwaitOrder(StepIndex(1), absl::ZeroDuration())->plan.id.value(),
      2u);
  SendPlan(1, 3, 0, 7);
  EXPECT_EQ(client_->AwaitOrder(StepIndex(1), kForEver)->plan.id.value(), 3u);
}

TEST_F(ClientTest, ObserversExpectNoPlans) {
  Make();
  Settle();
  Welcome(1, 1, v1::MODE_OBSERVE);
  ASSERT_TRUE(client_->Step(Reads(0, {0})).ok());
  EXPECT_FALSE(
      client_->AwaitOrder(StepIndex(1), absl::Hours(1))->from_server());
}

TEST(SessionOptionsTest, NonsenseIsRefusedByName) {
  const auto message = [](auto change) {
    SessionOptions options = SmallOptions();
    change(options);
    return std::string(Validate(options).message());
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_THAT(message([](auto& o) { o.node_id = "a b"; }),
              testing::HasSubstr("node_id"));
  EXPECT_THAT(message([](auto& o) { o.device_index = 64; }),
              testing::HasSubstr("device_index is 64"));
  EXPECT_THAT(message([](auto& o) { o.queue_limit = 0; }),
              testing::HasSubstr("queue_limit"));
  EXPECT_THAT(message([](auto& o) { o.device.groups.clear(); }),
              testing::HasSubstr("group"));
  EXPECT_THAT(message([](auto& o) { o.hello_timeout = absl::ZeroDuration(); }),
              testing::HasSubstr("hello_timeout"));
  EXPECT_THAT(message([](auto& o) { o.target.clear(); }),
              testing::HasSubstr("target"));
}

}  // namespace
}  // namespace kvplace::client
