// What a session does when the picture of the device cannot be trusted.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ResyncTest : public SessionTest {
 protected:
  // The stream has one thing to say: Resync for this reason, naming that.
  void ExpectResync(TestWorker& worker, v1::ResyncReason reason,
                    const std::string& detail) {
    const auto out = worker.Take();
    ASSERT_THAT(out, SizeIs(1)) << worker.Status();
    ASSERT_TRUE(out[0].has_resync()) << out[0].ShortDebugString();
    EXPECT_EQ(out[0].resync().reason(), reason);
    EXPECT_THAT(out[0].resync().detail(), HasSubstr(detail));
  }
  uint64_t dropped() {
    return device()
        .dropped[static_cast<size_t>(DropReason::kAwaitingInventory)];
  }
  v1::Inventory Chunk(int from, int to, bool last) {
    v1::Inventory chunk;
    const v1::Inventory whole = SmallInventory();
    for (int i = from; i < to; ++i) *chunk.add_blocks() = whole.blocks(i);
    chunk.set_last(last);
    return chunk;
  }
};

TEST_F(ResyncTest, AGapAsksForTheInventoryAndDropsUntilThen) {
  auto worker = ConnectReady();
  worker->Take();
  worker->Skip();
  EXPECT_EQ(worker->Send(StepReading(0, {0})), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_SEQUENCE_GAP,
               "sequence_number is 4, expected 3");
  EXPECT_EQ(worker->Send(Report(1, 1, {}, {})), Outcome::kDropped);
  EXPECT_EQ(worker->Send(StepReading(1, {0})), Outcome::kDropped);
  EXPECT_THAT(worker->Take(), IsEmpty());
  EXPECT_EQ(dropped(), 3u);
  EXPECT_THAT(device().steps, IsEmpty());
  EXPECT_EQ(status().live_blocks(), 0u);
  ASSERT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  // Steps 0 and 1 were heard of, though not applied.
  EXPECT_EQ(plans[0].plan().basis_step(), 1);
  EXPECT_EQ(worker->Send(StepReading(2, {0, 3})), Outcome::kApplied);
  EXPECT_EQ(device().resyncs[static_cast<size_t>(ResyncCause::kSequenceGap)],
            1u);
  EXPECT_EQ(status().live_blocks(), 8u);
}

TEST_F(ResyncTest, ARepeatIsAGapToo) {
  auto worker = ConnectReady();
  worker->Take();
  v1::ConnectRequest message;
  message.set_sequence_number(3);
  *message.mutable_step() = StepReading(0, {0});
  EXPECT_EQ(worker->Send(message), Outcome::kApplied);
  worker->Take();
  EXPECT_EQ(worker->Send(message), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_SEQUENCE_GAP,
               "sequence_number is 3, expected 4");
}

TEST_F(ResyncTest, StepsBeforeTheFirstInventoryAreDropped) {
  auto worker = Connect();
  worker->Send(HelloMessage(SmallWorker()));
  worker->Take();
  EXPECT_EQ(worker->Send(StepReading(0, {0})), Outcome::kDropped);
  EXPECT_THAT(worker->Take(), IsEmpty());
  EXPECT_EQ(dropped(), 1u);
  EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
}

TEST_F(ResyncTest, AnInventoryMayComeAtAnyTime) {
  auto worker = ConnectReady();
  worker->Send(StepReading(0, {0}));
  worker->Take();
  v1::Inventory other;
  AddRange(9, 0, 0, 5, 1, Tier::kHbm, other.mutable_blocks());
  other.set_last(true);
  EXPECT_EQ(worker->Send(other), Outcome::kApplied);
  const auto plans = worker->Take();
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans[0].plan().basis_step(), 0);
  EXPECT_EQ(status().live_blocks(), 1u);
  EXPECT_EQ(worker->Send(StepReading(1, {5})), Outcome::kApplied);
}

TEST_F(ResyncTest, UnknownHandles) {
  struct Case {
    const char* name;
    std::function<void(v1::Step*)> change;
    std::string detail;
  };
  const std::vector<Case> cases = {
      {"read",
       [](v1::Step* s) {
         *s = StepReading(0, {0, 7});
       },
       "handle 7"},
      {"of another group", [](v1::Step* s) { *s = StepReading(0, {8}); },
       "handle 8"},
      {"freed",
       [](v1::Step* s) {
         s->add_freed()->set_first(5);
         s->mutable_freed(0)->set_count(1);
       },
       "step.freed[0]: handle 5"},
      {"all of an unknown sequence",
       [](v1::Step* s) { s->add_reads()->mutable_all()->add_sequences(77); },
       "77"},
      {"tokens of an unknown sequence",
       [](v1::Step* s) {
         s->add_sequences()->set_sequence(78);
         s->mutable_sequences(0)->set_new_tokens(1);
       },
       "step.sequences[0].sequence is 78"},
      {"near miss",
       [](v1::Step* s) {
         *s = StepReading(0, {0});
         s->mutable_reads(0)->set_near_misses(Ascending({6}));
       },
       "near_misses: handle 6"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto worker = ConnectReady();
    worker->Take();
    v1::Step step;
    c.change(&step);
    EXPECT_EQ(worker->Send(step), Outcome::kDropped);
    ExpectResync(*worker, v1::RESYNC_REASON_UNKNOWN_HANDLE, c.detail);
    EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
    EXPECT_EQ(worker->Send(StepReading(1, {0})), Outcome::kApplied);
  }
}

TEST_F(ResyncTest, AFreedBlockIsUnknown) {
  auto worker = ConnectReady();
  v1::Step step = StepReading(0, {0, 3});
  step.add_freed()->set_first(3);
  step.mutable_freed(0)->set_count(1);
  ASSERT_EQ(worker->Send(step), Outcome::kApplied);
  worker->Take();
  EXPECT_EQ(worker->Send(StepReading(1, {3})), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_UNKNOWN_HANDLE, "handle 3");
}

TEST_F(ResyncTest, AnEndedSequenceIsUnknown) {
  auto worker = ConnectReady();
  v1::Step step = StepReading(0, {0, 3});
  step.add_sequences()->set_sequence(1);
  step.mutable_sequences(0)->set_ended(true);
  ASSERT_EQ(worker->Send(step), Outcome::kApplied);
  worker->Take();
  EXPECT_EQ(status().live_blocks(), 0u);
  EXPECT_EQ(worker->Send(StepReading(1, {0})), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_UNKNOWN_HANDLE, "handle 0");
}

TEST_F(ResyncTest, ALiveHandleIsNotAllocatedAgain) {
  auto worker = ConnectReady();
  worker->Take();
  v1::Step step;
  AddRange(1, 0, 4, 3, 1, Tier::kDram, step.mutable_allocated());
  EXPECT_EQ(worker->Send(step), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_LIVE_HANDLE, "handle 3");
}

TEST_F(ResyncTest, TheLedgerBelievesNoImpossibleMove) {
  struct Case {
    const char* name;
    v1::MoveReport report;
    std::string detail;
  };
  v1::MoveReport routed = Report(0, 1, {}, {});
  routed.mutable_phases(0)->set_routed_reads(2);
  const std::vector<Case> cases = {
      {"promoted what is in HBM", Report(0, 1, {0}, {}), "handle 0"},
      {"evicted what is in DRAM", Report(0, 1, {}, {2}), "handle 2"},
      {"promoted twice", Report(0, 1, {2, 2}, {}), "handle 2"},
      {"no room", Report(0, 1, {2, 3, 10}, {}), "does not fit"},
      {"more routed than read", routed, "routed_reads is 2"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto worker = ConnectReady();
    worker->Take();
    ASSERT_EQ(worker->Send(c.report), Outcome::kApplied);
    EXPECT_EQ(worker->Send(StepReading(0, {0})), Outcome::kDropped);
    ExpectResync(*worker, v1::RESYNC_REASON_LEDGER_MISMATCH, c.detail);
    EXPECT_TRUE(device().ledger_always_fits);
  }
}

TEST_F(ResyncTest, AnInventoryThatDoesNotFitIsAskedForAgain) {
  auto worker = Connect();
  worker->Send(HelloMessage(SmallWorker()));
  worker->Take();
  v1::Inventory too_much;
  AddRange(1, 0, 0, 0, 7, Tier::kHbm, too_much.mutable_blocks());
  EXPECT_EQ(worker->Send(too_much), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_LEDGER_MISMATCH,
               "inventory.blocks[0].");
  // The rest of it is on its way and belongs to it.
  EXPECT_EQ(worker->Send(Chunk(0, 1, false)), Outcome::kDropped);
  EXPECT_EQ(worker->Send(Chunk(1, 2, true)), Outcome::kDropped);
  EXPECT_THAT(worker->Take(), IsEmpty());
  EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  EXPECT_THAT(worker->Take(), SizeIs(1));
}

TEST_F(ResyncTest, LostChunksDoNotMakeAnInventory) {
  auto worker = Connect();
  worker->Send(HelloMessage(SmallWorker()));
  worker->Take();
  EXPECT_EQ(worker->Send(Chunk(0, 1, false)), Outcome::kApplied);
  worker->Skip();
  EXPECT_EQ(worker->Send(Chunk(2, 3, false)), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_SEQUENCE_GAP, "sequence_number");
  EXPECT_EQ(worker->Send(Chunk(3, 4, true)), Outcome::kDropped);
  // Was that the old one's end or the new one's? It is asked for once more.
  ExpectResync(*worker, v1::RESYNC_REASON_SEQUENCE_GAP, "chunks");
  EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  EXPECT_EQ(status().live_blocks(), 8u);
}

TEST_F(ResyncTest, AStepBetweenChunksIsNotGuessedAbout) {
  auto worker = Connect();
  worker->Send(HelloMessage(SmallWorker()));
  worker->Take();
  EXPECT_EQ(worker->Send(Chunk(0, 2, false)), Outcome::kApplied);
  EXPECT_EQ(worker->SendHeartbeat(), Outcome::kApplied);
  EXPECT_EQ(worker->Send(StepReading(0, {0})), Outcome::kDropped);
  ExpectResync(*worker, v1::RESYNC_REASON_SEQUENCE_GAP,
               "step between inventory chunks");
  EXPECT_EQ(worker->Send(Chunk(2, 4, true)), Outcome::kDropped);
  EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
}

TEST_F(ResyncTest, AWaitingPlanIsNotSentAfterAResync) {
  auto worker = ConnectReady();
  worker->Take();
  worker->Send(StepReading(0, {0}));  // its plan waits
  worker->Skip();
  worker->Send(StepReading(1, {0}));
  ExpectResync(*worker, v1::RESYNC_REASON_SEQUENCE_GAP, "sequence_number");
  EXPECT_EQ(status().hbm_reserved_bytes(), 0u);
}

TEST_F(ResyncTest, TooManyInARowEndTheSession) {
  options_.max_consecutive_resyncs = 3;
  Restart();
  auto worker = ConnectReady();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(worker->Send(StepReading(i, {7})), Outcome::kDropped);
    EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  }
  // A good step starts the count anew.
  EXPECT_EQ(worker->Send(StepReading(3, {0})), Outcome::kApplied);
  for (int i = 4; i < 7; ++i) {
    EXPECT_EQ(worker->Send(StepReading(i, {7})), Outcome::kDropped);
    EXPECT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  }
  EXPECT_EQ(worker->Send(StepReading(7, {7})), Outcome::kEnded);
  EXPECT_THAT(worker->Status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("resynchronized 4 times"),
                             HasSubstr("handle 7"))));
  EXPECT_EQ(metrics_.rejected(RejectReason::kTooManyResyncs), 1u);
}

TEST_F(ResyncTest, AReportBelongsToTheStepThatFollows) {
  auto worker = ConnectReady();
  ASSERT_EQ(worker->Send(Report(0, 1, {}, {})), Outcome::kApplied);
  EXPECT_EQ(worker->Send(StepReading(1, {0})), Outcome::kEnded);
  EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("move_report.step is 0")));
  auto again = ConnectReady();
  ASSERT_EQ(again->Send(Report(0, 1, {}, {})), Outcome::kApplied);
  EXPECT_EQ(again->Send(Report(1, 1, {}, {})), Outcome::kEnded);
  EXPECT_THAT(again->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("move_report.step is 1")));
}

}  // namespace
}  // namespace kvplace
