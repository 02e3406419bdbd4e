// Modes, policies and their changes under a live session; what plans reserve
// and what becomes of it.
#include <string>
#include <vector>

#include "server/service/device_queries.h"
#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PolicyTest : public SessionTest {
 protected:
  v1::SetPolicyRequest Request(const std::string& node,
                               const std::string& policy,
                               v1::Mode mode = v1::MODE_UNSPECIFIED) {
    v1::SetPolicyRequest request;
    request.set_node_id(node);
    request.mutable_settings()->set_policy(policy);
    request.mutable_settings()->set_mode(mode);
    return request;
  }
  uint64_t moves(MoveReason reason, MoveOutcome outcome) {
    const auto all = device().moves;
    const auto it = all.find({reason, outcome});
    return it == all.end() ? 0 : it->second;
  }
};

TEST_F(PolicyTest, AdviceIsMarked) {
  options_.defaults.mode = Mode::kAdvise;
  Restart();
  auto worker = ConnectReady();
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_TRUE(plans[0].plan().advisory());
}

TEST_F(PolicyTest, ObserveSendsNothingAndCompares) {
  options_.defaults.mode = Mode::kObserve;
  Restart();
  auto worker = ConnectReady();
  for (int64_t step = 0; step < 3; ++step) {
    EXPECT_EQ(worker->Send(StepReading(step, {0, 1, 2, 3})), Outcome::kApplied);
  }
  EXPECT_THAT(worker->Take(), IsEmpty());
  ASSERT_THAT(device().observed, SizeIs(2));
  // The worker moves nothing and misses 2 of 4; the plans promote both.
  EXPECT_EQ(device().observed[0].traffic.dram_reads, Bytes(2 * 64));
  EXPECT_EQ(device().observed[0].traffic.promoted, Bytes(2 * 64));
  EXPECT_EQ(device().observed[1].traffic.dram_reads, Bytes(0));
  EXPECT_EQ(device().steps[1].traffic.dram_reads, Bytes(2 * 64));
  EXPECT_GT(status().observed_plan_seconds(), 0);
  EXPECT_EQ(status().hbm_reserved_bytes(), 0u);
  EXPECT_EQ(status().mode(), v1::MODE_OBSERVE);
}

TEST_F(PolicyTest, ObserveWithBlocksOfTwoSizesSaysThatItCannotCompare) {
  options_.defaults.mode = Mode::kObserve;
  Restart();
  WorkerHello hello = SmallWorker();
  hello.device.groups[1].block_bytes = Bytes(128);
  auto worker = Connect();
  worker->Send(HelloMessage(hello));
  v1::Inventory inventory;
  AddRange(1, 0, 0, 0, 1, Tier::kHbm, inventory.mutable_blocks());
  inventory.set_last(true);
  ASSERT_EQ(worker->Send(inventory), Outcome::kApplied);
  EXPECT_EQ(worker->Send(StepReading(0, {0})), Outcome::kApplied);
  EXPECT_EQ(worker->Send(StepReading(1, {0})), Outcome::kApplied);
  EXPECT_THAT(device().observed, IsEmpty());
  EXPECT_EQ(std::count_if(log_.begin(), log_.end(),
                          [](const std::string& line) {
                            return line.find("different sizes") !=
                                   std::string::npos;
                          }),
            1);
}

TEST_F(PolicyTest, AChangeIsInForceWithTheNextPlan) {
  auto worker = ConnectReady();
  worker->Take();
  EXPECT_EQ(worker->Send(StepReading(0, {0, 2})), Outcome::kApplied);
  EXPECT_TRUE(worker->Take()[0].plan().groups(0).promote_all());
  auto set = registry_->SetPolicy(Request("node-a", "static"));
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->before().policy(), "shadow-price");
  EXPECT_EQ(set->after().policy(), "static");
  EXPECT_EQ(set->after().mode(), v1::MODE_ACT);
  EXPECT_EQ(set->version(), 2u);
  EXPECT_EQ(set->sessions(), 1u);
  EXPECT_EQ(worker->Send(StepReading(1, {0, 2})), Outcome::kApplied);
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_FALSE(plans[0].plan().groups(0).promote_all());
  EXPECT_EQ(status().policy(), "static");
  // Others go by the default.
  WorkerHello other = SmallWorker();
  other.node_id = "node-b";
  auto elsewhere = Connect();
  elsewhere->Send(HelloMessage(other));
  EXPECT_EQ(elsewhere->Take()[0].welcome().policy(), "shadow-price");
}

TEST_F(PolicyTest, EveryPolicyCanTakeOverFromEveryOther) {
  auto worker = ConnectReady();
  int64_t step = 0;
  for (const auto first : OnlinePolicyNames()) {
    for (const auto second : OnlinePolicyNames()) {
      SCOPED_TRACE(absl::StrCat(first, " to ", second));
      for (const auto name : {first, second}) {
        ASSERT_THAT(registry_->SetPolicy(Request("", std::string(name))),
                    IsOk());
        ASSERT_EQ(worker->Send(StepReading(step++, {0, 1, 2, 3})),
                  Outcome::kApplied)
            << worker->Status();
        ASSERT_THAT(worker->Take(), SizeIs(::testing::Ge(1u)));
      }
    }
  }
  EXPECT_TRUE(device().ledger_always_fits);
}

TEST_F(PolicyTest, ModesChangeLive) {
  auto worker = ConnectReady();
  worker->Take();
  ASSERT_EQ(worker->Send(StepReading(0, {0, 1, 2, 3})), Outcome::kApplied);
  // The plan that waits is not sent any more.
  ASSERT_THAT(registry_->SetPolicy(Request("", "lfu", v1::MODE_OBSERVE)),
              IsOk());
  EXPECT_THAT(worker->Take(), IsEmpty());
  for (int64_t step = 1; step < 4; ++step) {
    ASSERT_EQ(worker->Send(StepReading(step, {0, 1, 2, 3})), Outcome::kApplied);
  }
  EXPECT_THAT(worker->Take(), IsEmpty());
  EXPECT_THAT(device().observed, SizeIs(2));
  ASSERT_THAT(registry_->SetPolicy(Request("", "lfu", v1::MODE_ADVISE)),
              IsOk());
  ASSERT_EQ(worker->Send(StepReading(4, {0, 1, 2, 3})), Outcome::kApplied);
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_TRUE(plans[0].plan().advisory());
  EXPECT_THAT(device().observed, SizeIs(2));
}

TEST_F(PolicyTest, BadSettingsChangeNothing) {
  auto worker = ConnectReady();
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(registry_->SetPolicy(Request("", "best")),
              StatusIs(invalid, HasSubstr("settings.policy is \"best\"")));
  EXPECT_THAT(registry_->SetPolicy(Request("", "")),
              StatusIs(invalid, HasSubstr("settings.policy is \"\"")));
  for (const char* name :
       {"lookahead-1", "slack-oracle", "annealed-oracle", "belady"}) {
    EXPECT_THAT(
        registry_->SetPolicy(Request("", name)),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr(name), HasSubstr("knows the future"))));
  }
  v1::SetPolicyRequest request = Request("", "lfu");
  (*request.mutable_settings()->mutable_parameters())["decay"] = 2;
  EXPECT_THAT(registry_->SetPolicy(request),
              StatusIs(invalid, HasSubstr("decay")));
  request = Request("", "lfu", static_cast<v1::Mode>(99));
  EXPECT_THAT(registry_->SetPolicy(request),
              StatusIs(invalid, HasSubstr("settings.mode is 99")));
  EXPECT_THAT(registry_->SetPolicy(Request("nowhere", "lru")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere")));
  request = Request("", "lru");
  request.set_expected_version(7);
  EXPECT_THAT(registry_->SetPolicy(request),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("expected_version is 7")));
  request.set_expected_version(0);
  request.set_dry_run(true);
  auto dry = registry_->SetPolicy(request);
  ASSERT_THAT(dry, IsOk());
  EXPECT_EQ(dry->after().policy(), "lru");
  EXPECT_EQ(dry->version(), 1u);
  EXPECT_EQ(status().policy(), "shadow-price");
  EXPECT_EQ(registry_->GetPolicy("")->version(), 1u);
}

TEST_F(PolicyTest, ANodeMayHaveSettingsOfItsOwn) {
  auto worker = ConnectReady();
  ASSERT_THAT(registry_->SetPolicy(Request("node-a", "lru")), IsOk());
  auto got = registry_->GetPolicy("node-a");
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(got->settings().policy(), "lru");
  EXPECT_EQ(got->version(), 2u);
  EXPECT_FALSE(got->inherited());
  EXPECT_THAT(got->available(), ::testing::Contains("balanced"));
  // It outlives the session, and the default's change.
  worker->session().Close();
  ASSERT_THAT(registry_->SetPolicy(Request("", "static")), IsOk());
  auto again = Connect();
  again->Send(HelloMessage(SmallWorker()));
  auto welcome = again->Take()[0].welcome();
  EXPECT_EQ(welcome.policy(), "lru");
  EXPECT_EQ(welcome.policy_version(), 2u);
  // Back to the default.
  auto back = registry_->SetPolicy(Request("node-a", ""));
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->before().policy(), "lru");
  EXPECT_EQ(back->after().policy(), "static");
  EXPECT_EQ(back->version(), 3u);
  EXPECT_TRUE(registry_->GetPolicy("node-a")->inherited());
  again->session().Close();
  EXPECT_THAT(registry_->Nodes(), IsEmpty());
}

TEST_F(PolicyTest, RoomIsReservedThenInFlightThenFree) {
  auto worker = ConnectReady();
  // lfu promotes whatever is read: all the free room, 2 blocks, is promised.
  EXPECT_EQ(status().hbm_reserved_bytes(), 2u * 64);
  EXPECT_EQ(status().hbm_in_flight_bytes(), 0u);
  worker->Take();
  EXPECT_EQ(status().hbm_reserved_bytes(), 0u);
  EXPECT_EQ(status().hbm_in_flight_bytes(), 2u * 64);
  worker->Send(Report(0, 1, {2}, {}));
  worker->Send(StepReading(0, {0, 2}));
  EXPECT_EQ(status().hbm_resident_bytes(), 5u * 64);
  EXPECT_EQ(status().hbm_in_flight_bytes(), 0u);
  EXPECT_EQ(status().hbm_reserved_bytes(), 64u);
  EXPECT_EQ(moves(MoveReason::kMiss, MoveOutcome::kDone), 1u);
}

TEST_F(PolicyTest, AReportOnAnOlderPlanLeavesTheNewerItsRoom) {
  auto worker = ConnectReady();
  worker->Take();  // plan 1, two blocks of room
  worker->Send(Report(0, 1, {2}, {}));
  worker->Send(StepReading(0, {0, 2}));
  worker->Take();  // plan 2, one block of room
  // The worker was already at step 1 by plan 1 when plan 2 came.
  worker->Send(Report(1, 1, {}, {1}));
  worker->Send(StepReading(1, {0}));
  EXPECT_EQ(status().hbm_in_flight_bytes(), 64u);
  EXPECT_EQ(status().hbm_reserved_bytes(), 64u);
  worker->Take();
  worker->Send(Report(2, 3, {}, {}));
  worker->Send(StepReading(2, {0}));
  EXPECT_EQ(status().hbm_in_flight_bytes(), 0u);
}

TEST_F(PolicyTest, AnExpiredPlanGivesItsRoomBack) {
  options_.plan_lifetime_steps = 2;
  Restart();
  auto worker = ConnectReady();
  worker->Take();  // valid until step 1
  ASSERT_EQ(worker->Send(StepReading(0, {0})), Outcome::kApplied);
  EXPECT_EQ(status().hbm_in_flight_bytes(), 2u * 64);
  // No report ever. The plan of step 0 is not taken, so nothing else flies.
  ASSERT_EQ(worker->Send(StepReading(1, {0})), Outcome::kApplied);
  EXPECT_EQ(status().hbm_in_flight_bytes(), 0u);
  EXPECT_EQ(status().hbm_reserved_bytes(), 2u * 64);
}

TEST_F(PolicyTest, MovesAreCountedByReasonAndOutcome) {
  options_.defaults.policy = "balanced";
  Restart();
  auto worker = ConnectReady();
  worker->Take();
  // Everything read is in HBM: more than alpha*, so the next plan pushes back.
  worker->Send(StepReading(0, {0, 1}));
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  ASSERT_EQ(plans[0].plan().evict_reason(), v1::MOVE_REASON_REBALANCE);
  v1::MoveReport report = Report(1, 2, {}, {0});
  report.mutable_phases(0)->set_failed(Ordered({1, 2, 3}));
  worker->Send(report);
  worker->Send(StepReading(1, {0, 1, 2}));
  EXPECT_EQ(moves(MoveReason::kRebalance, MoveOutcome::kDone), 1u);
  EXPECT_EQ(moves(MoveReason::kRebalance, MoveOutcome::kFailed), 1u);
  EXPECT_EQ(moves(MoveReason::kMiss, MoveOutcome::kFailed), 1u);
  EXPECT_EQ(moves(MoveReason::kPrefetch, MoveOutcome::kFailed), 1u);
  worker->Take();
  // Moves of the worker's own.
  worker->Send(Report(2, 0, {2}, {1}));
  worker->Send(StepReading(2, {2}));
  EXPECT_EQ(moves(MoveReason::kCapacity, MoveOutcome::kDone), 1u);
  EXPECT_EQ(moves(MoveReason::kMiss, MoveOutcome::kDone), 1u);
  // Operators see the same, in order of reason.
  const v1::DeviceStatus device_status = status();
  std::vector<std::vector<uint64_t>> told;
  for (const v1::MoveCounts& m : device_status.moves()) {
    told.push_back({static_cast<uint64_t>(m.reason()), m.done_blocks(),
                    m.failed_blocks(), m.expired_blocks()});
  }
  EXPECT_THAT(told,
              ElementsAre(ElementsAre(v1::MOVE_REASON_MISS, 1, 1, 0),
                          ElementsAre(v1::MOVE_REASON_PREFETCH, 0, 1, 0),
                          ElementsAre(v1::MOVE_REASON_CAPACITY, 1, 0, 0),
                          ElementsAre(v1::MOVE_REASON_REBALANCE, 1, 1, 0)));
}

TEST_F(PolicyTest, PlanLatencyIsOfThePlansThatWereHandedOver) {
  auto worker = ConnectReady();
  EXPECT_FALSE(status().has_plan_latency());
  worker->Take();
  EXPECT_EQ(status().plan_latency().plans(), 1u);
  EXPECT_EQ(status().plan_latency().longest_seconds(), 0);
  for (int64_t step = 0; step < 2; ++step) {
    worker->Send(StepReading(step, {0}));
    clock_.Advance(absl::Milliseconds(125 * (step + 1)));
    worker->Take();
  }
  const v1::PlanLatency latency = status().plan_latency();
  EXPECT_EQ(latency.plans(), 3u);
  EXPECT_EQ(latency.median_seconds(), 0.125);
  EXPECT_EQ(latency.p99_seconds(), 0.25);
  EXPECT_EQ(latency.longest_seconds(), 0.25);
}

TEST_F(PolicyTest, StatusesFollowTheSession) {
  auto worker = ConnectReady();
  worker->Take();
  v1::Step step = StepReading(0, {0, 1, 2});
  AddRange(2, 0, 0, 4, 1, Tier::kHbm, step.mutable_allocated());
  step.add_sequences()->set_sequence(2);
  step.mutable_sequences(0)->set_new_tokens(3);
  step.mutable_measured()->set_step_ns(1'000'000'000);
  ASSERT_EQ(worker->Send(step), Outcome::kApplied);
  const v1::DeviceStatus device_status = status();
  EXPECT_EQ(device_status.sequences(), 2u);
  EXPECT_EQ(device_status.live_blocks(), 9u);
  EXPECT_EQ(device_status.read_bytes(), 3u * 64);
  EXPECT_EQ(device_status.dram_read_bytes(), 64u);
  EXPECT_GT(device_status.step_seconds(), 0);
  EXPECT_GT(device_status.roofline_ratio(), 0);
  EXPECT_LE(device_status.roofline_ratio(), 1);
  // 192 bytes in the measured second, of 1100 at the peak.
  EXPECT_DOUBLE_EQ(device_status.utilization(), 192.0 / 1100);
  EXPECT_EQ(device_status.model(), "model-a");

  auto node = registry_->GetNode("node-a");
  ASSERT_THAT(node, IsOk());
  EXPECT_EQ(node->dram_capacity_bytes(), 1u << 20);
  EXPECT_EQ(node->dram_used_bytes(), 9u * 64);  // inclusive: every block

  auto sequences = ListSequences(*registry_, "node-a", 0);
  ASSERT_THAT(sequences, IsOk());
  ASSERT_THAT(*sequences, SizeIs(2));
  EXPECT_EQ((*sequences)[0].sequence(), 1u);
  EXPECT_EQ((*sequences)[0].live_blocks(), 8u);
  EXPECT_EQ((*sequences)[0].hbm_blocks(), 4u);
  EXPECT_EQ((*sequences)[1].new_tokens(), 3u);
  EXPECT_THAT(ListSequences(*registry_, "node-a", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("device_index")));

  const auto sessions = registry_->Sessions();
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].peer(), "peer");
  EXPECT_EQ(sessions[0].messages(), 3u);
  EXPECT_EQ(sessions[0].plans(), 1u);
  EXPECT_TRUE(sessions[0].ready());
  EXPECT_EQ(sessions[0].silent_seconds(), 0);
  clock_.Advance(absl::Milliseconds(1500));
  EXPECT_EQ(registry_->Sessions()[0].silent_seconds(), 1.5);
}

TEST_F(PolicyTest, RanksByWhatASequenceWouldCost) {
  WorkerHello full = SmallWorker();
  WorkerHello roomy = SmallWorker();
  roomy.node_id = "node-b";
  roomy.device.hbm_capacity = Bytes(64 * 14);
  WorkerHello small_dram = SmallWorker();
  small_dram.node_id = "node-c";
  small_dram.dram_capacity = Bytes(64 * 9);
  std::vector<std::shared_ptr<TestWorker>> workers;
  for (const WorkerHello& hello : {full, roomy, small_dram}) {
    workers.push_back(ConnectReady(hello));
    ASSERT_EQ(workers.back()->Send(StepReading(0, {0, 1, 2, 3})),
              Outcome::kApplied);
  }
  v1::RankNodesRequest request;
  request.set_tokens(5);  // two pages in each of two groups
  auto ranks = registry_->Rank(request);
  ASSERT_THAT(ranks, IsOk());
  std::vector<std::string> order;
  for (const auto& d : ranks->devices()) order.push_back(d.node_id());
  EXPECT_THAT(order, ElementsAre("node-b", "node-a", "node-c"));
  EXPECT_EQ(ranks->devices(0).needed_bytes(), 4u * 64);
  EXPECT_EQ(ranks->devices(0).hbm_free_bytes(), 10u * 64);
  EXPECT_TRUE(ranks->devices(1).fits());
  EXPECT_FALSE(ranks->devices(2).fits());
  for (const auto& d : ranks->devices()) {
    EXPECT_GT(d.predicted_step_seconds(), 0);
    EXPECT_GT(d.predicted_utilization(), 0);
    EXPECT_LE(d.predicted_utilization(), 1);
  }
  request.set_limit(1);
  EXPECT_EQ(registry_->Rank(request)->devices_size(), 1);
  request.set_model("another");
  EXPECT_EQ(registry_->Rank(request)->devices_size(), 0);
  request.set_tokens(0);
  EXPECT_THAT(
      registry_->Rank(request),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tokens is 0")));
  request.set_tokens(UINT64_MAX);
  request.set_model("");
  EXPECT_FALSE(registry_->Rank(request)->devices(0).fits());
}

}  // namespace
}  // namespace kvplace
