// Traces to JSON lines and back.
#include "server/trace/record_json.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/jsonl.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

// One record of each kind, with every form of list.
std::vector<v1::TraceRecord> Everything() {
  std::vector<v1::TraceRecord> records = {Header(3), Hello(3, 100),
                                          Inventory({}, false)};
  v1::Hello* hello = records[1].mutable_hello();
  hello->set_incarnation(1790000000123456789);
  hello->mutable_hbm()->set_capacity_bytes(0);
  hello->mutable_hbm()->set_bandwidth_bytes_per_second(4.9e12);
  hello->mutable_dram()->set_link_read_bytes_per_second(0.1 + 0.2);
  records.push_back(
      Inventory({Range(UINT64_MAX, 2, 5, 0, 3), Range(1, 0, 0, 50, 9)}));
  records.push_back(StepOf(4)
                        .Allocate(Range(1, 1, 9, 60, 1))
                        .Free(0, 2)
                        .Tokens(1, 1, true)
                        .Read(0, {1, 50, 51, 4000000000}, {52}, "\x01\xff\x80")
                        .ReadBitmap(1, 60, "\x81\x01")
                        .ReadAll(2, {UINT64_MAX, 1}, "abc"));
  records.back().mutable_step()->mutable_measured()->set_step_ns(12345);
  v1::TraceRecord moves;
  v1::PhaseMoves* phase = moves.mutable_move_report()->add_phases();
  phase->set_group(1);
  std::vector<BlockId> order = {BlockId(9), BlockId(3), BlockId(11)};
  EncodeOrdered(order, phase->mutable_promoted());
  EncodeOrdered(order, phase->mutable_failed());
  phase->set_failure(v1::MOVE_FAILURE_NO_ROOM);
  records.push_back(moves);
  v1::TraceRecord gap;
  gap.mutable_gap()->set_records(7);
  gap.mutable_gap()->set_reason("disk \"full\"\n\xc3\xa4");
  records.push_back(gap);
  // Bytes that are no list's one encoding.
  records.push_back(StepOf(5).ReadBitmap(0, 3, std::string("\x01\0\0", 3)));
  records.push_back(StepOf(6).ReadBitmap(0, 3, ""));
  records.push_back(StepOf(7));
  records.back().mutable_step()->add_reads()->set_handles("\x05\x00\x80");
  records.push_back(v1::TraceRecord());
  return records;
}

TEST(RecordJsonTest, RoundTripWithoutLoss) {
  for (const v1::TraceRecord& record : Everything()) {
    absl::StatusOr<std::string> json = RecordToJson(record);
    ASSERT_TRUE(json.ok()) << json.status();
    EXPECT_EQ(json->find('\n'), std::string::npos);
    v1::TraceRecord back;
    const absl::Status parsed = RecordFromJson(*json, &back);
    ASSERT_TRUE(parsed.ok()) << parsed << "\n" << *json;
    EXPECT_TRUE(Equal(record, back)) << *json;
    EXPECT_EQ(record.SerializeAsString(), back.SerializeAsString()) << *json;
  }
}

TEST(RecordJsonTest, ListsAreNumbers) {
  const v1::TraceRecord record = StepOf(4)
                                     .Read(0, {1, 300}, {2}, "\x01\xff\x07")
                                     .ReadBitmap(1, 60, "\x05");
  EXPECT_EQ(*RecordToJson(record),
            "{\"step\":{\"step\":\"4\",\"reads\":["
            "{\"handles\":[1,300],\"near_misses\":[2],\"masses\":[1,255,7]},"
            "{\"group\":1,\"bitmap\":{\"first_handle\":60,\"bits\":[60,62]}}"
            "]}}");
}

TEST(RecordJsonTest, PeopleMayWriteEitherSpelling) {
  v1::TraceRecord record;
  ASSERT_TRUE(RecordFromJson(
                  "{\"step\": {\"step\": 4, \"reads\": [{\"group\": 0, "
                  "\"handles\": [3], \"nearMisses\": [4], \"masses\": \"AQI=\""
                  "}]}}",
                  &record)
                  .ok());
  EXPECT_TRUE(Equal(record, StepOf(4).Read(0, {3}, {4}, "\x01\x02")));
}

std::string MessageOf(const std::string& json) {
  v1::TraceRecord record;
  const absl::Status status = RecordFromJson(json, &record);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(status.message());
}

TEST(RecordJsonTest, ErrorsNameTheField) {
  const auto reads = [](const std::string& fields) {
    return "{\"step\":{\"reads\":[{},{" + fields + "}]}}";
  };
  EXPECT_THAT(MessageOf(reads("\"handles\":[3,3]")),
              HasSubstr("record.step.reads[1].handles: entry 1: 3; expected "
                        "more than the entry before"));
  EXPECT_THAT(MessageOf(reads("\"handles\":[3,-4]")), HasSubstr("entry 1: -4"));
  EXPECT_THAT(MessageOf(reads("\"handles\":[4294967295]")),
              HasSubstr("entry 0: 4294967295"));
  EXPECT_THAT(MessageOf(reads("\"handles\":[1e3]")), HasSubstr("1000.0"));
  EXPECT_THAT(MessageOf(reads("\"masses\":[256]")),
              HasSubstr("record.step.reads[1].masses: entry 0: 256; expected "
                        "0..255"));
  EXPECT_THAT(
      MessageOf(reads("\"bitmap\":{\"first_handle\":9,\"bits\":[8]}")),
      HasSubstr("bitmap.bits: entry 0: 8; expected at least first_handle 9"));
  EXPECT_THAT(MessageOf(reads("\"nonsense\":1")), HasSubstr("nonsense"));
  EXPECT_THAT(MessageOf(reads("\"group\":-1")),
              HasSubstr("not a trace record"));
  EXPECT_THAT(MessageOf("{\"step\":"), HasSubstr("not JSON"));
  EXPECT_THAT(MessageOf("[1]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(MessageOf("{\"gap\":{\"reason\":\"\xff\"}}"),
              HasSubstr("not JSON"));
}

TEST(RecordJsonTest, HostileTextDoesNotCrash) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> lines;
  for (const v1::TraceRecord& record : Everything()) {
    lines.push_back(*RecordToJson(record));
  }
  v1::TraceRecord record;
  EXPECT_FALSE(RecordFromJson(std::string(100000, '['), &record).ok());
  for (int round = 0; round < 1000; ++round) {
    std::string line = lines[random() % lines.size()];
    for (uint64_t n = random() % 3; n > 0; --n) {
      line[random() % line.size()] = "[]{},:\"0-9e\\\xff"[random() % 13];
    }
    RecordFromJson(line, &record).IgnoreError();
  }
}

class JsonlTest : public ::testing::Test {
 protected:
  absl::Status ImportLines(const std::string& text) {
    WriteFile(dir_.File("l"), text);
    KvtraceWriter::Options options;
    options.mode = OutputFile::Mode::kReplaceOnClose;
    auto writer = KvtraceWriter::Create(dir_.File("back"), options);
    if (!writer.ok()) return writer.status();
    auto summary = ImportJsonl(dir_.File("l"), nullptr, writer->get());
    if (!summary.ok()) return summary.status();
    return (*writer)->Close();
  }
  std::string Export(const std::string& path) {
    auto reader = KvtraceReader::Open(path);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::string text;
    EXPECT_TRUE(ExportJsonl(reader->get(), [&](absl::string_view line) {
                  text.append(line.data(), line.size());
                  return absl::OkStatus();
                }).ok());
    return text;
  }
  TempDir dir_;
};

TEST_F(JsonlTest, ExportThenImportGivesTheSameRecords) {
  const std::vector<v1::TraceRecord> records = Everything();
  WriteTrace(dir_.File("t"), records, 200);
  const std::string text = Export(dir_.File("t"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), records.size());
  const absl::Status imported = ImportLines("\n" + text + "  \n");
  ASSERT_TRUE(imported.ok()) << imported;
  const TraceContent content = ReadTrace(dir_.File("back"));
  ASSERT_TRUE(content.status.ok()) << content.status;
  EXPECT_EQ(content.records.size(), records.size());
  EXPECT_TRUE(IsPrefix(content.records, records));
}

TEST_F(JsonlTest, ErrorsNameFileAndLine) {
  const std::string header = "{\"header\":{\"format_version\":1}}\n";
  absl::Status status = ImportLines(header + "{\"step\":{\"x\":1}}\n");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(dir_.File("l") + ": line 2: "));
  status = ImportLines("{\"step\":{}}\n");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("line 1: expected a header with format_version 1"));
  status = ImportLines("");
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected at least"));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("back")));
}

TEST_F(JsonlTest, TheSampleSurvives) {
  const std::string sample = TestData("bible-sample.kvtrace");
  const absl::Status imported = ImportLines(Export(sample));
  ASSERT_TRUE(imported.ok()) << imported;
  const TraceContent before = ReadTrace(sample);
  const TraceContent after = ReadTrace(dir_.File("back"));
  ASSERT_EQ(before.records.size(), 403u);
  ASSERT_EQ(after.records.size(), before.records.size());
  EXPECT_TRUE(IsPrefix(after.records, before.records));
}

}  // namespace
}  // namespace kvplace
