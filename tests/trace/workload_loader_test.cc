// LoadWorkload on small traces made by hand: what docs/cli.md promises.
#include "server/trace/workload_loader.h"

#include <sys/resource.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/workload_fixture.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  EXPECT_THAT(w.source_ends, ElementsAre(1, 2));
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

TEST_F(WorkloadLoaderTest, TokensOfPagesThatEndedAreNotWritten) {
  // A sliding window gave page 0 up before its tokens came; tokens beyond the
  // last page go as far as that goes.
  const Workload w = Load(
      {Trace("a", {Header(), Hello(1, 10), Inventory({}),
                   StepOf(0).Allocate(Range(1, 0, 0, 0, 3)).Free(0, 1),
                   StepOf(1).Tokens(1, 5), StepOf(2).Tokens(1, UINT32_MAX)})});
  EXPECT_THAT(Writes(w, 1), ElementsAre(std::pair(1, 1)));
  EXPECT_THAT(Writes(w, 2), ElementsAre(std::pair(1, 3), std::pair(2, 4)));
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
