// Generated traces in which requests arrive and leave: what LoadWorkload makes
// of them.
#include <map>
#include <set>
#include <span>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/synthetic_trace.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

class SyntheticRequestsTest : public ::testing::Test {
 protected:
  absl::Status Write(const SyntheticOptions& options) {
    KvtraceWriter::Options writer_options;
    writer_options.mode = OutputFile::Mode::kReplaceOnClose;
    auto writer = KvtraceWriter::Create(dir_.File("t"), writer_options);
    if (!writer.ok()) return writer.status();
    auto summary = WriteSyntheticTrace(options, writer->get());
    if (!summary.ok()) return summary.status();
    return (*writer)->Close();
  }
  Workload Make(const SyntheticOptions& options,
                const WorkloadOptions& window = {.masses = true}) {
    const absl::Status written = Write(options);
    EXPECT_TRUE(written.ok()) << written;
    const std::string path = dir_.File("t");
    auto workload = LoadWorkload({&path, 1}, window);
    EXPECT_TRUE(workload.ok()) << workload.status();
    return workload.ok() ? *std::move(workload) : Workload();
  }
  // The header's example of request_schedule.h with prompts of 2.5, 1, 3 and 5
  // pages.
  static SyntheticOptions Example() {
    SyntheticOptions options;
    options.layers = 2;
    options.requests = {
        {1000, 40, 2}, {1000, 16, 4}, {1000, 48, 1}, {1400, 80, 1}};
    options.admission.max_active = 2;
    options.select_share = 0.5;
    options.near_misses = 1;
    return options;
  }
  TempDir dir_;
};

// Pages of one group's list, by sequence.
std::map<uint32_t, std::vector<uint32_t>> BySequence(
    const Workload& workload, std::span<const BlockId> blocks) {
  std::map<uint32_t, std::vector<uint32_t>> pages;
  for (const BlockId id : blocks) {
    pages[workload.SequenceOf(id)].push_back(workload.PageOf(id));
  }
  return pages;
}

TEST_F(SyntheticRequestsTest, RequestsArriveDecodeAndLeave) {
  using Pages = std::map<uint32_t, std::vector<uint32_t>>;
  const Workload workload = Make(Example());
  // Shorter than was asked for: the last request ends in step 9.
  EXPECT_EQ(workload.steps, 10u);
  EXPECT_EQ(workload.sequences, 4u);
  EXPECT_TRUE(workload.initial.empty());
  EXPECT_TRUE(workload.warnings.empty());
  std::map<uint32_t, Pages> births = {
      {0, {{0, {0, 1, 2}}, {1, {0}}}}, {1, {{1, {1}}}},
      {3, {{2, {0, 1, 2}}}},           {4, {{2, {3}}}},
      {8, {{3, {0, 1, 2, 3, 4}}}},     {9, {{3, {5}}}}};
  std::map<uint32_t, Pages> freed = {{2, {{0, {0, 1, 2}}}},
                                     {4, {{1, {0, 1}}, {2, {0, 1, 2, 3}}}},
                                     {9, {{3, {0, 1, 2, 3, 4, 5}}}}};
  std::map<uint32_t, std::set<uint32_t>> readers = {
      {1, {0, 1}}, {2, {0, 1}}, {3, {1}}, {4, {1, 2}}, {9, {3}}};
  for (uint32_t step = 0; step < 10; ++step) {
    SCOPED_TRACE(step);
    for (uint32_t g = 0; g < 2; ++g) {
      const uint32_t phase = step * 2 + g;
      EXPECT_EQ(BySequence(workload, workload.births[phase]), births[step]);
      EXPECT_EQ(BySequence(workload, workload.freed[phase]), freed[step]);
      std::set<uint32_t> reading;
      for (const BlockId id : workload.reads[phase]) {
        reading.insert(workload.SequenceOf(id));
      }
      EXPECT_EQ(reading, readers[step]);
    }
  }
}

TEST_F(SyntheticRequestsTest, PromptsAndTokensAreWritten) {
  const Workload workload = Make(Example());
  std::map<uint32_t, uint64_t> tokens;
  for (const KvWrite& write : workload.kv_writes.items()) {
    tokens[workload.SequenceOf(write.block)] += write.tokens;
  }
  // In each of two groups.
  EXPECT_EQ(tokens, (std::map<uint32_t, uint64_t>{
                        {0, 2 * 42}, {1, 2 * 20}, {2, 2 * 49}, {3, 2 * 81}}));
}

TEST_F(SyntheticRequestsTest, StepsBoundTheRun) {
  SyntheticOptions options = Example();
  options.steps = 4;
  const Workload workload = Make(options);
  EXPECT_EQ(workload.steps, 4u);
  EXPECT_EQ(workload.sequences, 3u);
  EXPECT_EQ(workload.pages_max, 3u);
}

TEST_F(SyntheticRequestsTest, HandlesAreUsedAgain) {
  ASSERT_TRUE(Write(Example()).ok());
  const TraceContent content = ReadTrace(dir_.File("t"));
  // Two places of 6 pages.
  EXPECT_EQ(content.records[1].hello().groups(0).handles(), 12u);
  EXPECT_EQ(content.records[0].header().steps(), 10u);
  EXPECT_EQ(content.records[0].header().source(),
            "synthetic, seed 1, 4 requests");
}

TEST_F(SyntheticRequestsTest, AWindowBeginsWithWhatIsThere) {
  const Workload workload = Make(Example(), {.first_step = 4, .masses = true});
  EXPECT_EQ(workload.steps, 6u);
  EXPECT_EQ(workload.sequences, 3u);
  EXPECT_EQ(workload.initial.size(), 2u * (2 + 3));
}

TEST_F(SyntheticRequestsTest, ReadingEverything) {
  SyntheticOptions options = Example();
  options.select_share = 1;
  const Workload workload = Make(options);
  EXPECT_EQ(workload.reads[2 * 4].size(), 2u + 4);
  EXPECT_EQ(workload.reads[2 * 9].size(), 6u);
  EXPECT_EQ(workload.read_masses.size(), workload.reads.items().size());
}

TEST_F(SyntheticRequestsTest, ARequestReadsTheSameWhateverRunsBesideIt) {
  SyntheticOptions options = Example();
  options.requests = {{0, 600, 30}, {0, 900, 50}};
  const Workload both = Make(options);
  options.requests.pop_back();
  const Workload alone = Make(options);
  for (uint32_t phase = 0; phase < alone.phases(); ++phase) {
    EXPECT_EQ(BySequence(both, both.reads[phase])[0],
              BySequence(alone, alone.reads[phase])[0]);
  }
}

TEST_F(SyntheticRequestsTest, SameSeedSameTraceEverywhere) {
  SyntheticOptions options = Example();
  const auto requests = ReadRequests(TestData("requests.jsonl"), 0);
  ASSERT_TRUE(requests.ok()) << requests.status();
  options.requests = *requests;
  options.shift_every = 20;
  options.near_misses = 8;
  ASSERT_TRUE(Write(options).ok());
  const TraceContent content = ReadTrace(dir_.File("t"));
  ASSERT_GT(content.records.size(), 50u);
  // Written down on x86-64 with gcc 12: other platforms must agree.
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 3; i < content.records.size(); ++i) {
    for (const v1::GroupReads& reads : content.records[i].step().reads()) {
      for (const char c : reads.handles() + reads.masses()) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
      }
    }
  }
  EXPECT_EQ(hash, 7228068394880314234u);
}

TEST_F(SyntheticRequestsTest, WhatNobodyCouldLoadIsRefused) {
  SyntheticOptions options = Example();
  options.requests.assign(3, {0, 1u << 30, 5});
  options.layers = 32;
  const absl::Status status = Write(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("requests: 3 sequences of 32 groups of 67108865 pages "
                        "are more than 2^32 - 2 blocks"));
  options.admission.max_active = 0;
  EXPECT_THAT(std::string(Write(options).message()),
              HasSubstr("max active is 0"));
}

}  // namespace
}  // namespace kvplace
