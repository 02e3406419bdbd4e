// Traces that break the contract: LoadWorkload names file, record and field.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/workload_fixture.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A step that breaks the contract, after a sound one.
struct BadStep {
  const char* name;
  v1::TraceRecord record;
  const char* says;
};

using WorkloadErrorsTest = WorkloadLoaderTest;

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

TEST_F(WorkloadErrorsTest, PagesLiveOnce) {
  std::vector<v1::TraceRecord> records = OneSequence();
  records.push_back(StepOf(3).Free(0, 1));
  records.push_back(StepOf(4).Allocate(Range(7, 0, 0, 0, 1)));
  EXPECT_THAT(MessageOf({Trace("a", records)}),
              HasSubstr("allocated[0].first_page: page 0 of sequence 7 in "
                        "group 0 begins a second time"));
}

TEST_F(WorkloadErrorsTest, TheOrderOfRecordsIsChecked) {
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

TEST_F(WorkloadErrorsTest, HelloIsChecked) {
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

TEST_F(WorkloadErrorsTest, TooManyIdsAreRefused) {
  const auto make = [&](uint32_t page) {
    return Trace("a", {Header(), Hello(1, 5),
                       Inventory({Range(7, 0, page, 0, 1)}), StepOf(0)});
  };
  EXPECT_THAT(MessageOf({make(UINT32_MAX - 2), make(UINT32_MAX - 2)}),
              HasSubstr("more than 2^32 - 2 ids"));
  EXPECT_THAT(MessageOf({make(UINT32_MAX - 1)}), HasSubstr("first_page"));
}

TEST_F(WorkloadErrorsTest, HugeRangesAreRefusedBeforeTheyTakeMemory) {
  EXPECT_THAT(MessageOf({Trace(
                  "a", {Header(), Hello(1, UINT32_MAX - 1),
                        Inventory({Range(7, 0, 0, 0, 1u << 31)}), StepOf(0)})}),
              HasSubstr("follows at most"));
}

}  // namespace
}  // namespace kvplace
