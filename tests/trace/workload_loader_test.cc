// LoadWorkload on small traces made by hand: what docs/cli.md promises, and
// what is refused.
#include "server/trace/workload_loader.h"

#include <sys/resource.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WorkloadLoaderTest : public ::testing::Test {
 protected:
  // Writes a file and returns its path.
  std::string Trace(const std::string& name,
                    const std::vector<v1::TraceRecord>& records) {
    WriteTrace(dir_.File(name), records);
    return dir_.File(name);
  }
  static Workload Load(const std::vector<std::string>& files,
                       const WorkloadOptions& options = {}) {
    auto workload = LoadWorkload(files, options);
    EXPECT_TRUE(workload.ok()) << workload.status();
    return workload.ok() ? *std::move(workload) : Workload();
  }
  static std::string MessageOf(const std::vector<std::string>& files,
                               const WorkloadOptions& options = {}) {
    auto workload = LoadWorkload(files, options);
    EXPECT_FALSE(workload.ok());
    return std::string(workload.status().message());
  }
  static std::vector<uint32_t> Values(std::span<const BlockId> ids) {
    std::vector<uint32_t> values;
    for (const BlockId id : ids) values.push_back(id.value());
    return values;
  }
  static std::vector<std::pair<uint32_t, uint32_t>> Writes(
      const Workload& workload, size_t phase) {
    std::vector<std::pair<uint32_t, uint32_t>> writes;
    for (const KvWrite& write : workload.kv_writes[phase]) {
      writes.emplace_back(write.block.value(), write.tokens);
    }
    return writes;
  }

  TempDir dir_;
};

// Two groups, pages of 4 tokens; sequence 7 has two pages, its third begins
// with step 1.
std::vector<v1::TraceRecord> OneSequence() {
  return {Header(3),
          Hello(2, 10),
          Inventory({Range(7, 0, 0, 0, 2), Range(7, 1, 0, 10, 2)}),
          StepOf(0).Tokens(7, 1).Read(0, {0}).Read(1, {10, 11}),
          StepOf(1)
              .Allocate(Range(7, 0, 2, 5, 1))
              .Allocate(Range(7, 1, 2, 12, 1))
              .Tokens(7, 1)
              .Read(0, {0, 5}),
          StepOf(2).Tokens(7, 1).Read(1, {12})};
}

TEST_F(WorkloadLoaderTest, OneFile) {
  const Workload w = Load({Trace("a", OneSequence())});
  EXPECT_EQ(w.sequences, 1u);
  EXPECT_EQ(w.groups, 2u);
  EXPECT_EQ(w.pages_max, 3u);
  EXPECT_EQ(w.page_tokens, 4u);
  EXPECT_EQ(w.kv_bytes_per_token, Bytes(8));
  EXPECT_EQ(w.block_bytes(), Bytes(32));
  EXPECT_EQ(w.steps, 3u);
  EXPECT_EQ(w.phases(), 6u);
  EXPECT_EQ(w.blocks, 6u);
  EXPECT_EQ(w.peak_live_blocks, 6u);
  EXPECT_THAT(w.live_at_start, ElementsAre(true));
  EXPECT_THAT(w.sources, ElementsAre(dir_.File("a")));
  EXPECT_THAT(w.warnings, IsEmpty());
  // Group 0 has ids 0..2, group 1 has 3..5.
  EXPECT_THAT(Values(w.initial), ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(Values(w.reads[0]), ElementsAre(0));
  EXPECT_THAT(Values(w.reads[1]), ElementsAre(3, 4));
  EXPECT_THAT(Values(w.reads[2]), ElementsAre(0, 2));
  EXPECT_THAT(Values(w.reads[3]), IsEmpty());
  EXPECT_THAT(Values(w.births[2]), ElementsAre(2));
  EXPECT_THAT(Values(w.births[3]), ElementsAre(5));
  EXPECT_THAT(Writes(w, 0), ElementsAre(std::pair(1, 1)));
  EXPECT_THAT(Writes(w, 3), ElementsAre(std::pair(5, 1)));
  EXPECT_THAT(Writes(w, 4), ElementsAre(std::pair(2, 1)));
  // It ends together with the run: nothing is freed.
  EXPECT_EQ(w.freed.items().size(), 0u);
  EXPECT_EQ(w.freed.phases(), 6u);
}

TEST_F(WorkloadLoaderTest, TheSameFileTwiceAreTwoSequences) {
  const std::string a = Trace("a", OneSequence());
  const Workload w = Load({a, a});
  EXPECT_EQ(w.sequences, 2u);
  EXPECT_EQ(w.blocks, 12u);
  EXPECT_THAT(Values(w.reads[2]), ElementsAre(0, 2, 6, 8));
  EXPECT_THAT(Values(w.births[2]), ElementsAre(2, 8));
  EXPECT_THAT(Writes(w, 2), ElementsAre(std::pair(2, 1), std::pair(8, 1)));
  EXPECT_THAT(w.live_at_start, ElementsAre(true, true));
}

TEST_F(WorkloadLoaderTest, AShorterFileFreesItsBlocksInItsLastStep) {
  std::vector<v1::TraceRecord> shorter = OneSequence();
  shorter.pop_back();
  shorter[0] = Header(2);
  const Workload w = Load({Trace("a", shorter), Trace("b", OneSequence())});
  EXPECT_EQ(w.steps, 3u);
  EXPECT_THAT(Values(w.freed[2]), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values(w.freed[3]), ElementsAre(3, 4, 5));
  EXPECT_EQ(w.freed.items().size(), 6u);
  // 8 initial; phase 2 has 2 births before 3 ends, phase 3 begins with 7 + 2.
  EXPECT_EQ(w.peak_live_blocks, 10u);
  EXPECT_THAT(Values(w.reads[5]), ElementsAre(11));
}

TEST_F(WorkloadLoaderTest, WindowsAreRenumberedAndKeepWhatExists) {
  const std::string a = Trace("a", OneSequence());
  WorkloadOptions options;
  options.first_step = 1;
  options.end_step = 2;
  const Workload w = Load({a}, options);
  EXPECT_EQ(w.steps, 1u);
  EXPECT_THAT(Values(w.initial), ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(Values(w.births[0]), ElementsAre(2));
  EXPECT_THAT(Values(w.reads[0]), ElementsAre(0, 2));
  options.first_step = 2;
  options.end_step.reset();
  const Workload last = Load({a}, options);
  EXPECT_EQ(last.steps, 1u);
  EXPECT_EQ(last.initial.size(), 6u);
  EXPECT_EQ(last.births.items().size(), 0u);
  // pages_max is that of the window.
  options.first_step = 0;
  options.end_step = 1;
  EXPECT_EQ(Load({a}, options).pages_max, 2u);
  EXPECT_THAT(Values(Load({a}, options).reads[1]), ElementsAre(2, 3));
}

TEST_F(WorkloadLoaderTest, NothingBehindTheWindowIsLookedAt) {
  std::vector<v1::TraceRecord> records = OneSequence();
  records.push_back(StepOf(3).Read(0, {9}));
  const std::string a = Trace("a", records);
  WorkloadOptions options;
  options.end_step = 3;
  EXPECT_EQ(Load({a}, options).steps, 3u);
  EXPECT_THAT(MessageOf({a}), HasSubstr("handle 9 is not alive"));
}

TEST_F(WorkloadLoaderTest, StepsThatNoFileHasAreAnError) {
  const std::string a = Trace("a", OneSequence());
  WorkloadOptions options;
  options.end_step = 4;
  EXPECT_THAT(MessageOf({a}, options),
              HasSubstr("has no steps 0:4; expected a range within 0:3"));
  options.first_step = 3;
  EXPECT_THAT(MessageOf({a}, options), HasSubstr("has no steps 3:4"));
  options.first_step = 4;
  EXPECT_THAT(MessageOf({a}, options), HasSubstr("expected 0 <= first < end"));
}

TEST_F(WorkloadLoaderTest, SequencesArriveAndEnd) {
  // Sequence 9 arrives with 6 tokens in step 1, has 8 after step 3 and ends;
  // the first of its handles is then used again by sequence 4.
  const std::string a = Trace(
      "a",
      {Header(), Hello(1, 10), Inventory({Range(7, 0, 0, 0, 1)}),
       StepOf(10).Tokens(7, 1).ReadAll(0, {7}),
       StepOf(11)
           .Allocate(Range(9, 0, 0, 3, 2))
           .Tokens(7, 1)
           .Tokens(9, 6)
           .ReadAll(0, {9, 7}),
       StepOf(12).Tokens(9, 1).Tokens(7, 1, true).ReadAll(0, {9}),
       StepOf(13).Tokens(9, 1, true).Read(0, {3, 4}).Free(4, 1),
       StepOf(14).Allocate(Range(4, 0, 0, 3, 1)).Tokens(4, 2).Read(0, {3})});
  const Workload w = Load({a});
  EXPECT_EQ(w.sequences, 3u);
  EXPECT_EQ(w.pages_max, 2u);
  EXPECT_THAT(w.live_at_start, ElementsAre(true, false, false));
  EXPECT_EQ(w.blocks, 4u);
  EXPECT_EQ(w.peak_live_blocks, 3u);
  EXPECT_THAT(Values(w.reads[0]), ElementsAre(0));
  EXPECT_THAT(Values(w.births[1]), ElementsAre(2, 3));
  EXPECT_THAT(Values(w.reads[1]), ElementsAre(0, 2, 3));
  EXPECT_THAT(Writes(w, 1),
              ElementsAre(std::pair(0, 1), std::pair(2, 4), std::pair(3, 2)));
  EXPECT_THAT(Values(w.freed[2]), ElementsAre(0));
  EXPECT_THAT(Writes(w, 2), ElementsAre(std::pair(0, 1), std::pair(3, 1)));
  EXPECT_THAT(Values(w.freed[3]), ElementsAre(2, 3));
  EXPECT_THAT(Values(w.reads[4]), ElementsAre(4));
  EXPECT_THAT(Writes(w, 4), ElementsAre(std::pair(4, 2)));
  // From step 3 on sequence 7 is gone and not counted.
  WorkloadOptions options;
  options.first_step = 3;
  const Workload later = Load({a}, options);
  EXPECT_EQ(later.sequences, 2u);
  EXPECT_THAT(Values(later.initial), ElementsAre(0, 1));
  EXPECT_THAT(Values(later.freed[0]), ElementsAre(0, 1));
  EXPECT_THAT(Values(later.births[1]), ElementsAre(2));
}

TEST_F(WorkloadLoaderTest, APrefillIsSpreadOverItsPages) {
  // 10 tokens over three pages in two chunks of 5, all pages allocated at once.
  const Workload w =
      Load({Trace("a", {Header(), Hello(1, 10), Inventory({}),
                        StepOf(0).Allocate(Range(1, 0, 0, 0, 3)).Tokens(1, 5),
                        StepOf(1).Tokens(1, 5), StepOf(2).Tokens(1, 1)})});
  EXPECT_THAT(Writes(w, 0), ElementsAre(std::pair(0, 4), std::pair(1, 1)));
  EXPECT_THAT(Writes(w, 1), ElementsAre(std::pair(1, 3), std::pair(2, 2)));
  EXPECT_THAT(Writes(w, 2), ElementsAre(std::pair(2, 1)));
}

TEST_F(WorkloadLoaderTest, SequencesBeginAnewUnderTheSameName) {
  const Workload w = Load({Trace(
      "a", {Header(), Hello(1, 10), Inventory({Range(7, 0, 0, 0, 1)}),
            StepOf(0).Tokens(7, 1, true).ReadAll(0, {7}),
            StepOf(1).Allocate(Range(7, 0, 0, 4, 1)).Tokens(7, 1).Free(4, 1),
            StepOf(2).Allocate(Range(7, 0, 0, 0, 1)).ReadAll(0, {7})})});
  EXPECT_EQ(w.sequences, 3u);
  EXPECT_THAT(Values(w.births[1]), ElementsAre(1));
  EXPECT_THAT(Values(w.freed[1]), ElementsAre(1));
  EXPECT_THAT(Values(w.reads[2]), ElementsAre(2));
}

TEST_F(WorkloadLoaderTest, MassesFollowTheirBlocks) {
  // Handles fall while pages rise: masses are sorted along.
  const std::string a =
      Trace("a", {Header(), Hello(1, 10),
                  Inventory({Range(7, 0, 0, 9, 1), Range(7, 0, 1, 4, 1),
                             Range(7, 0, 2, 2, 1), Range(7, 0, 3, 1, 1)}),
                  StepOf(0).Read(0, {4, 9}, {1, 2}, "abcd"),
                  StepOf(1).ReadAll(0, {7}, "wxyz")});
  WorkloadOptions options;
  EXPECT_THAT(Load({a}).read_masses, IsEmpty());
  EXPECT_EQ(Load({a}).near_misses.phases(), 2u);
  options.masses = true;
  const Workload w = Load({a}, options);
  EXPECT_THAT(w.read_masses, ElementsAre('b', 'a', 'w', 'x', 'y', 'z'));
  ASSERT_EQ(w.near_misses[0].size(), 2u);
  EXPECT_EQ(w.near_misses[0][0].block, BlockId(2));
  EXPECT_EQ(w.near_misses[0][0].mass, 'd');
  EXPECT_EQ(w.near_misses[0][1].block, BlockId(3));
  EXPECT_EQ(w.near_misses[0][1].mass, 'c');
  // One file without masses: none are used.
  const std::string b =
      Trace("b", {Header(), Hello(1, 10), Inventory({Range(7, 0, 0, 9, 1)}),
                  StepOf(0).Read(0, {9})});
  const Workload both = Load({a, b}, options);
  EXPECT_THAT(both.read_masses, IsEmpty());
  EXPECT_THAT(both.near_misses.items(), IsEmpty());
  EXPECT_EQ(both.near_misses.phases(), 2u);
}

TEST_F(WorkloadLoaderTest, PartsWithoutMassesAreWarnedOf) {
  const std::string a =
      Trace("a", {Header(), Hello(1, 10), Inventory({Range(7, 0, 0, 9, 1)}),
                  StepOf(0).Read(0, {9}), StepOf(1).Read(0, {9}, {}, "a")});
  WorkloadOptions options;
  options.masses = true;
  const Workload w = Load({a}, options);
  EXPECT_THAT(w.read_masses, IsEmpty());
  EXPECT_THAT(w.warnings,
              ElementsAre(AllOf(HasSubstr(a), HasSubstr("no masses"))));
}

TEST_F(WorkloadLoaderTest, FilesThatDoNotFitTogether) {
  const std::string a = Trace("a", OneSequence());
  std::vector<v1::TraceRecord> records = OneSequence();
  records[1] = Hello(3, 10);
  EXPECT_THAT(MessageOf({a, Trace("b", records)}),
              AllOf(HasSubstr(dir_.File("b") + ": has 3 layer groups"),
                    HasSubstr(dir_.File("a") + " has 2")));
  records[1] = Hello(2, 10, 8, 4);
  EXPECT_THAT(MessageOf({a, Trace("b", records)}),
              AllOf(HasSubstr(dir_.File("b") + ": has blocks of 8 * 4"),
                    HasSubstr(dir_.File("a") + " of 4 * 8")));
}

TEST_F(WorkloadLoaderTest, CutOffFilesAreLoadedAsFarAsTheyGo) {
  WriteTrace(dir_.File("a"), OneSequence(), 1);
  const std::string bytes = ReadFile(dir_.File("a"));
  WriteFile(dir_.File("cut"), bytes.substr(0, bytes.size() - 10));
  const Workload w = Load({dir_.File("cut")});
  EXPECT_EQ(w.steps, 2u);
  EXPECT_THAT(w.warnings,
              ElementsAre(AllOf(HasSubstr(dir_.File("cut")),
                                HasSubstr("in the middle of frame"),
                                HasSubstr("the 2 steps before are taken"))));
  // What was asked for is there: no warning. More: what there is.
  WorkloadOptions options;
  options.end_step = 2;
  EXPECT_THAT(Load({dir_.File("cut")}, options).warnings, IsEmpty());
  options.end_step = 3;
  EXPECT_EQ(Load({dir_.File("cut")}, options).steps, 2u);
}

TEST_F(WorkloadLoaderTest, GapsAndNewSessionsEndARecording) {
  v1::TraceRecord gap;
  gap.mutable_gap()->set_records(5);
  gap.mutable_gap()->set_reason("overload");
  for (const v1::TraceRecord& record :
       {gap, Hello(2, 10), Inventory({Range(7, 0, 0, 0, 2)})}) {
    std::vector<v1::TraceRecord> records = OneSequence();
    records.insert(records.begin() + 5, record);
    const Workload w = Load({Trace("a", records)});
    EXPECT_EQ(w.steps, 2u);
    EXPECT_THAT(w.warnings, ElementsAre(HasSubstr("not read")));
  }
}

TEST_F(WorkloadLoaderTest, SampledStepsAreWarnedOf) {
  std::vector<v1::TraceRecord> records = OneSequence();
  records[4].mutable_step()->set_decode_steps(4);
  EXPECT_THAT(Load({Trace("a", records)}).warnings,
              ElementsAre(HasSubstr("1 of 3 steps stand for several")));
}

// A step that breaks the contract, after a sound one.
struct BadStep {
  const char* name;
  v1::TraceRecord record;
  const char* says;
};

class BadStepTest : public WorkloadLoaderTest,
                    public ::testing::WithParamInterface<BadStep> {};

TEST_P(BadStepTest, IsRefusedByFileRecordAndField) {
  std::vector<v1::TraceRecord> records = OneSequence();
  records.resize(4);
  records.push_back(GetParam().record);
  const std::string path = Trace("a", records);
  WorkloadOptions options;
  options.masses = true;
  const absl::Status status = LoadWorkload({&path, 1}, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(path + ": record 5 (frame 1 at byte 20): "),
                    HasSubstr(GetParam().says)));
}

v1::TraceRecord WithMasses(const std::string& masses) {
  return StepOf(1).Read(0, {0, 1}, {}, masses);
}

INSTANTIATE_TEST_SUITE_P(
    , BadStepTest,
    ::testing::Values(
        BadStep{"StepDoesNotRise", StepOf(0), "step 0: step: expected more"},
        BadStep{"NegativeStep", StepOf(-5), "expected more than 0"},
        BadStep{"ReadOfADeadHandle", StepOf(1).Read(0, {0, 2}),
                "reads[0].handles: handle 2 is not alive"},
        BadStep{"ReadOfAHandleOutOfRange", StepOf(1).Read(0, {0, 20}),
                "reads[0].handles: byte 1 (entry 1): handle 20 is not below"},
        BadStep{"ReadOfAnotherGroup", StepOf(1).Read(0, {0, 10}),
                "handle 10 belongs to group 1, not 0"},
        BadStep{"GroupOutOfRange", StepOf(1).Read(2, {0}),
                "reads[0].group: 2 is not below the 2 groups"},
        BadStep{"GroupTwice", StepOf(1).Read(1, {10}).Read(1, {11}),
                "reads[1].group: 1 again, or out of order"},
        BadStep{"GroupsFall", StepOf(1).Read(1, {10}).Read(0, {0}),
                "reads[1].group: 0 again, or out of order"},
        BadStep{"BitmapOutOfRange", StepOf(1).ReadBitmap(0, 16, "\x11"),
                "reads[0].bitmap.bits: byte 0 (entry 1): handle 20"},
        BadStep{"BitmapOfDead", StepOf(1).ReadBitmap(0, 0, "\x04"),
                "bitmap.bits: handle 2 is not alive"},
        BadStep{"AllOfUnknown", StepOf(1).ReadAll(0, {8}),
                "reads[0].all.sequences: sequence 8 has no block"},
        BadStep{"AllTwice", StepOf(1).ReadAll(0, {7, 7}),
                "all.sequences: sequence 7 twice"},
        BadStep{"TooFewMasses", WithMasses("a"),
                "reads[0].masses: 1 bytes for 2 reads and 0 near misses"},
        BadStep{"TooManyMasses", WithMasses("abc"), "masses: 3 bytes"},
        BadStep{"NearMissWasRead", StepOf(1).Read(0, {0, 1}, {1}, "abc"),
                "near_misses: handle 1 was read"},
        BadStep{"NearMissIsDead", StepOf(1).Read(0, {0, 1}, {3}, "abc"),
                "near_misses: handle 3 is not alive"},
        BadStep{"AllocatedTwice", StepOf(1).Allocate(Range(7, 0, 2, 1, 1)),
                "allocated[0].first_handle: handle 1 is alive already, as "
                "page 1 of group 0"},
        BadStep{"PageTwice", StepOf(1).Allocate(Range(7, 0, 1, 5, 1)),
                "allocated[0].first_page: page 1 of sequence 7 in group 0 is "
                "alive already"},
        BadStep{"AllocatedGroup", StepOf(1).Allocate(Range(7, 2, 2, 5, 1)),
                "allocated[0].group: 2 is not below"},
        BadStep{"AllocatedNothing", StepOf(1).Allocate(Range(7, 0, 2, 5, 0)),
                "allocated[0].count: 0"},
        BadStep{"AllocatedOutOfRange",
                StepOf(1).Allocate(Range(7, 0, 2, 19, 2)),
                "allocated[0].first_handle: 19 + count 2 exceeds the 20"},
        BadStep{"AllocatedOverflow",
                StepOf(1).Allocate(Range(7, 0, 2, UINT32_MAX, UINT32_MAX)),
                "exceeds the 20 handles"},
        BadStep{"PageOverflow",
                StepOf(1).Allocate(Range(7, 0, UINT32_MAX - 1, 5, 2)),
                "first_page: 4294967294 + count 2 exceeds"},
        BadStep{"FreedTwice", StepOf(1).Free(0, 1).Free(0, 1),
                "freed[1].first: handle 0 is not alive"},
        BadStep{"FreedNothing", StepOf(1).Free(0, 0), "freed[0].count: 0"},
        BadStep{"FreedOutOfRange", StepOf(1).Free(19, UINT32_MAX),
                "freed[0].first: 19 + count 4294967295 exceeds"},
        BadStep{"TokensOfUnknown", StepOf(1).Tokens(8, 1),
                "sequences[0].sequence: 8 has no block"},
        BadStep{"TokensTwice", StepOf(1).Tokens(7, 1).Tokens(7, 1),
                "sequences[1].sequence: 7 twice"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(WorkloadLoaderTest, PagesLiveOnce) {
  std::vector<v1::TraceRecord> records = OneSequence();
  records.push_back(StepOf(3).Free(0, 1));
  records.push_back(StepOf(4).Allocate(Range(7, 0, 0, 0, 1)));
  EXPECT_THAT(MessageOf({Trace("a", records)}),
              HasSubstr("allocated[0].first_page: page 0 of sequence 7 in "
                        "group 0 begins a second time"));
}

TEST_F(WorkloadLoaderTest, TheOrderOfRecordsIsChecked) {
  const std::vector<v1::TraceRecord> all = OneSequence();
  EXPECT_THAT(MessageOf({Trace("a", {all[0], all[2]})}),
              HasSubstr("record 2 (frame 1 at byte 20): expected Hello"));
  EXPECT_THAT(
      MessageOf({Trace("a", {all[0], all[1], all[3]})}),
      HasSubstr("record 3 (frame 1 at byte 20): expected an inventory"));
  EXPECT_THAT(MessageOf({Trace("a", {all[0]})}), HasSubstr("has no Hello"));
  EXPECT_THAT(MessageOf({Trace("a", {Header(), all[1], all[2]})}),
              HasSubstr("has no steps 0:"));
}

TEST_F(WorkloadLoaderTest, HelloIsChecked) {
  const auto message = [&](const v1::TraceRecord& hello) {
    return MessageOf({Trace("a", {Header(), hello, Inventory({})})});
  };
  EXPECT_THAT(message(Hello(0, 5)), HasSubstr("hello.groups: 0 of them"));
  EXPECT_THAT(message(Hello(1, 0)), HasSubstr("0 handles in all"));
  EXPECT_THAT(message(Hello(2, UINT32_MAX)), HasSubstr("handles in all"));
  EXPECT_THAT(message(Hello(1, 5, 0)), HasSubstr("groups[0]: page_tokens 0"));
  v1::TraceRecord hello = Hello(2, 5);
  hello.mutable_hello()->mutable_groups(1)->set_page_tokens(9);
  EXPECT_THAT(message(hello), HasSubstr("groups[1]: blocks of 9 * 8 bytes"));
  EXPECT_THAT(message(Hello(1, 5, 16, uint64_t{1} << 60)),
              HasSubstr("more than 2^60 bytes"));
}

TEST_F(WorkloadLoaderTest, TooManyIdsAreRefused) {
  const auto make = [&](uint32_t page) {
    return Trace("a", {Header(), Hello(1, 5),
                       Inventory({Range(7, 0, page, 0, 1)}), StepOf(0)});
  };
  EXPECT_THAT(MessageOf({make(UINT32_MAX - 2), make(UINT32_MAX - 2)}),
              HasSubstr("more than 2^32 - 2 ids"));
  EXPECT_THAT(MessageOf({make(UINT32_MAX - 1)}), HasSubstr("first_page"));
}

TEST_F(WorkloadLoaderTest, HugeRangesAreRefusedBeforeTheyTakeMemory) {
  EXPECT_THAT(MessageOf({Trace(
                  "a", {Header(), Hello(1, UINT32_MAX - 1),
                        Inventory({Range(7, 0, 0, 0, 1u << 31)}), StepOf(0)})}),
              HasSubstr("follows at most"));
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
             1e-6;
}

// Three of the committed sample side by side: 2.3 million reads.
TEST_F(WorkloadLoaderTest, TheSampleSideBySideLoadsFast) {
  const std::string sample = TestData("bible-sample.kvtrace");
  WorkloadOptions options;
  options.masses = true;
  const double begin = CpuSeconds();
  const Workload w = Load({sample, sample, sample}, options);
  const double seconds = CpuSeconds() - begin;
  RecordProperty("load_milliseconds", static_cast<int>(seconds * 1000));
  // 0.06 s where it was written; sanitizers take many times as long.
  EXPECT_LT(seconds, 10);
  EXPECT_EQ(w.reads.items().size(), 3u * 400 * 30 * 64);
  EXPECT_EQ(w.read_masses.size(), w.reads.items().size());
  EXPECT_EQ(w.sequences, 3u);
  EXPECT_EQ(w.blocks, 3u * 14190);
}

}  // namespace
}  // namespace kvplace
