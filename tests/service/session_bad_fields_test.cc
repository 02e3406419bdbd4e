// Fields that cannot be: each ends its stream with INVALID_ARGUMENT and its own
// name, and another session never notices.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

// Sent after step 0 was applied.
struct BadMessage {
  const char* name;
  std::function<void(v1::ConnectRequest*)> make;
  std::string field;
};

v1::Step& StepOf(v1::ConnectRequest* m) { return *m->mutable_step(); }

std::vector<BadMessage> BadReads() {
  using Request = v1::ConnectRequest;
  return {
      {"step repeated", [](Request* m) { StepOf(m) = StepReading(0, {0}); },
       "step.step is 0, expected more than 0"},
      {"step negative", [](Request* m) { StepOf(m).set_step(-5); },
       "step.step is -5"},
      {"step far ahead",
       [](Request* m) { StepOf(m).set_step(int64_t{1} << 40); },
       "step.step is 1099511627776"},
      {"group of reads out of range",
       [](Request* m) {
         StepOf(m) = StepReading(1, {0});
         StepOf(m).mutable_reads(0)->set_group(2);
       },
       "step.reads[0].group is 2, expected below 2"},
      {"group of reads twice",
       [](Request* m) {
         StepOf(m) = StepReading(1, {0});
         *StepOf(m).add_reads() = StepOf(m).reads(0);
       },
       "step.reads[1].group is 0, expected more than 0"},
      {"handle of reads out of range",
       [](Request* m) { StepOf(m) = StepReading(1, {16}); },
       "step.reads[0].handles: "},
      {"bitmap out of range",
       [](Request* m) {
         StepOf(m).set_step(1);
         v1::HandleBitmap* map = StepOf(m).add_reads()->mutable_bitmap();
         map->set_first_handle(8);
         map->set_bits(std::string("\0\1", 2));
       },
       "step.reads[0].bitmap.bits: "},
      {"varint cut off",
       [](Request* m) {
         StepOf(m) = StepReading(1, {0});
         StepOf(m).mutable_reads(0)->set_handles("\x80");
       },
       "step.reads[0].handles: byte 0"},
      {"near miss was read",
       [](Request* m) {
         StepOf(m) = StepReading(1, {0, 2});
         StepOf(m).mutable_reads(0)->set_near_misses(Ascending({2}));
       },
       "step.reads[0].near_misses: handle 2"},
      {"masses too short",
       [](Request* m) {
         StepOf(m) = StepReading(1, {0, 2});
         StepOf(m).mutable_reads(0)->set_masses("x");
       },
       "step.reads[0].masses has 1 bytes"},
      {"sequence listed twice",
       [](Request* m) {
         StepOf(m).set_step(1);
         v1::SequenceList* all = StepOf(m).add_reads()->mutable_all();
         all->add_sequences(1);
         all->add_sequences(1);
       },
       "step.reads[0].all.sequences has 1 twice"},
  };
}

std::vector<BadMessage> BadBlocks() {
  using Request = v1::ConnectRequest;
  return {
      {"allocated out of range",
       [](Request* m) {
         StepOf(m).set_step(1);
         AddRange(1, 0, 4, 15, 2, Tier::kDram, StepOf(m).mutable_allocated());
       },
       "step.allocated[0].first_handle is 15 with count 2"},
      {"allocated nothing",
       [](Request* m) {
         StepOf(m).set_step(1);
         AddRange(1, 0, 4, 5, 0, Tier::kDram, StepOf(m).mutable_allocated());
       },
       "step.allocated[0].count is 0"},
      {"allocated nowhere",
       [](Request* m) {
         StepOf(m).set_step(1);
         AddRange(1, 0, 4, 5, 1, Tier::kNone, StepOf(m).mutable_allocated());
       },
       "step.allocated[0].tier is 0"},
      {"freed out of range",
       [](Request* m) {
         StepOf(m).set_step(1);
         StepOf(m).add_freed()->set_first(16);
         StepOf(m).mutable_freed(0)->set_count(1);
       },
       "step.freed[0].first is 16"},
      {"freed twice",
       [](Request* m) {
         StepOf(m).set_step(1);
         for (int i = 0; i < 2; ++i) {
           StepOf(m).add_freed()->set_first(1);
           StepOf(m).mutable_freed(i)->set_count(1);
         }
       },
       "step.freed has handle 1 twice"},
      {"freed more than there are",
       [](Request* m) {
         StepOf(m).set_step(1);
         for (int i = 0; i < 5; ++i) {
           StepOf(m).add_freed()->set_count(4);
         }
       },
       "step.freed names 20 handles"},
      {"sequence progresses twice",
       [](Request* m) {
         StepOf(m).set_step(1);
         StepOf(m).add_sequences()->set_sequence(1);
         StepOf(m).add_sequences()->set_sequence(1);
       },
       "step.sequences[1].sequence is 1 a second time"},
      {"measured nothing",
       [](Request* m) {
         StepOf(m).set_step(1);
         StepOf(m).mutable_measured();
       },
       "step.measured.step_ns is 0"},
      {"measured too much",
       [](Request* m) {
         StepOf(m).set_step(1);
         StepOf(m).mutable_measured()->set_step_ns(1);
         StepOf(m).mutable_measured()->set_dram_read_bytes(uint64_t{1} << 63);
       },
       "step.measured.dram_read_bytes"},
  };
}

std::vector<BadMessage> BadReports() {
  using Request = v1::ConnectRequest;
  return {
      {"report out of range",
       [](Request* m) { *m->mutable_move_report() = Report(1, 1, {16}, {}); },
       "move_report.phases[0].promoted: "},
      {"report of an unknown group",
       [](Request* m) {
         *m->mutable_move_report() = Report(1, 1, {}, {});
         m->mutable_move_report()->mutable_phases(0)->set_group(9);
       },
       "move_report.phases[0].group is 9"},
      {"report of a group twice",
       [](Request* m) {
         *m->mutable_move_report() = Report(1, 1, {}, {});
         *m->mutable_move_report()->add_phases() = m->move_report().phases(0);
       },
       "move_report.phases[1].group is 0"},
      {"report of absurd bytes",
       [](Request* m) {
         m->mutable_move_report()->set_moved_bytes(uint64_t{1} << 61);
       },
       "move_report.moved_bytes"},
      {"inventory out of range",
       [](Request* m) {
         AddRange(1, 5, 0, 0, 1, Tier::kHbm,
                  m->mutable_inventory()->mutable_blocks());
       },
       "inventory.blocks[0].group is 5"},
  };
}

TEST_F(SessionTest, BadFieldsEndTheStreamAndOnlyThatStream) {
  WorkerHello other = SmallWorker();
  other.device_index = 1;
  auto bystander = ConnectReady(other);
  ASSERT_EQ(bystander->Send(StepReading(0, {0})), Outcome::kApplied);
  int64_t step = 0;
  uint64_t malformed = 0;
  std::vector<BadMessage> cases = BadReads();
  for (const auto& more : {BadBlocks(), BadReports()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  for (const BadMessage& bad : cases) {
    SCOPED_TRACE(bad.name);
    auto worker = ConnectReady();
    ASSERT_EQ(worker->Send(StepReading(0, {0})), Outcome::kApplied);
    v1::ConnectRequest message;
    bad.make(&message);
    message.set_sequence_number(4);
    EXPECT_EQ(worker->Send(message), Outcome::kEnded);
    EXPECT_THAT(worker->Status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr(bad.field)));
    EXPECT_EQ(metrics_.rejected(RejectReason::kMalformed), ++malformed);
    ASSERT_EQ(bystander->Send(StepReading(++step, {0, 1})), Outcome::kApplied);
  }
  EXPECT_EQ(registry_->live_sessions(), 1u);
  EXPECT_EQ(device("node-a/1").steps.size(), static_cast<size_t>(step) + 1);
  EXPECT_EQ(device("node-a/1").resyncs, decltype(device().resyncs){});
}

}  // namespace
}  // namespace kvplace
