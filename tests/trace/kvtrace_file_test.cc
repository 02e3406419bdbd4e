// Writer and reader of .kvtrace files, sound files and hostile ones.
#include <signal.h>
#include <sys/resource.h>

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/kvtrace_reader.h"
#include "server/trace/kvtrace_writer.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A header and steps with a little of everything.
std::vector<v1::TraceRecord> SmallTrace(int64_t steps, uint64_t promised) {
  std::vector<v1::TraceRecord> records = {Header(promised), Hello(2, 20),
                                          Inventory({Range(7, 0, 0, 0, 3)})};
  for (int64_t s = 0; s < steps; ++s) {
    records.push_back(
        StepOf(s).Tokens(7, 1).Read(0, {0, 1, 2}, {}, "abc").Read(1, {}));
  }
  return records;
}

// The file's bytes, in frames of about two steps.
std::string SmallFile(const TempDir& dir, uint64_t promised) {
  WriteTrace(dir.File("t"), SmallTrace(8, promised), 60);
  return ReadFile(dir.File("t"));
}

TEST(KvtraceFileTest, BeginsAsDocumented) {
  TempDir dir;
  const std::string bytes = SmallFile(dir, 0);
  EXPECT_EQ(bytes.substr(0, 20),
            std::string("\x5b\x2a\x4d\x18\x0c\0\0\0kvtrace\0\x01\0\0\0", 20));
  EXPECT_EQ(bytes.substr(20, 4), "\x28\xb5\x2f\xfd");
}

TEST(KvtraceFileTest, RoundTripInOneFrameAndInMany) {
  const std::vector<v1::TraceRecord> records = SmallTrace(50, 50);
  for (const size_t frame_bytes : {size_t{1}, size_t{100}, kTraceFrameBytes}) {
    TempDir dir;
    WriteTrace(dir.File("t"), records, frame_bytes);
    const TraceContent content = ReadTrace(dir.File("t"));
    ASSERT_TRUE(content.status.ok()) << content.status;
    EXPECT_FALSE(content.truncated);
    EXPECT_EQ(content.records.size(), records.size());
    EXPECT_TRUE(IsPrefix(content.records, records));
  }
}

TEST(KvtraceFileTest, RecordsLargerThanAFrame) {
  TempDir dir;
  std::vector<v1::TraceRecord> records = SmallTrace(2, 2);
  std::mt19937_64 random(1);
  std::string noise(5 << 20, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  records.push_back(StepOf(9).Read(0, {}, {}, noise));
  WriteTrace(dir.File("t"), records);
  const TraceContent content = ReadTrace(dir.File("t"));
  ASSERT_TRUE(content.status.ok()) << content.status;
  EXPECT_EQ(content.records.size(), records.size());
  EXPECT_TRUE(IsPrefix(content.records, records));
}

TEST(KvtraceFileTest, CutOffAtAnyByteLosesTheTailOnlyAndSaysSo) {
  TempDir dir;
  const std::vector<v1::TraceRecord> records = SmallTrace(8, 8);
  const std::string bytes = SmallFile(dir, 8);
  size_t most = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    WriteFile(dir.File("cut"), bytes.substr(0, size));
    const TraceContent content = ReadTrace(dir.File("cut"));
    ASSERT_TRUE(IsPrefix(content.records, records));
    ASSERT_LT(content.records.size(), records.size());
    if (content.status.ok()) {
      ASSERT_TRUE(content.truncated);
      ASSERT_THAT(content.truncation, HasSubstr("the file ends"));
    } else {
      ASSERT_THAT(content.records, IsEmpty());
      ASSERT_THAT(std::string(content.status.message()),
                  HasSubstr(dir.File("cut")));
    }
    ASSERT_GE(content.records.size(), most);
    most = content.records.size();
  }
  // All but the last frame.
  EXPECT_GE(most, records.size() - 3);
}

TEST(KvtraceFileTest, LiveRecordingCutOffBetweenFramesIsWhole) {
  TempDir dir;
  auto writer = KvtraceWriter::Create(dir.File("live"), {});
  ASSERT_TRUE(writer.ok());
  const std::vector<v1::TraceRecord> records = SmallTrace(8, 0);
  for (size_t i = 0; i < 5; ++i) {
    ASSERT_TRUE((*writer)->Write(records[i]).ok());
  }
  ASSERT_TRUE((*writer)->Flush().ok());
  ASSERT_TRUE((*writer)->Write(records[5]).ok());
  EXPECT_EQ((*writer)->records(), 6u);
  // What is on disk while it is written.
  const TraceContent content = ReadTrace(dir.File("live"));
  EXPECT_TRUE(content.status.ok()) << content.status;
  EXPECT_FALSE(content.truncated);
  EXPECT_EQ(content.records.size(), 5u);
  // Without Close the destructor writes the rest.
  writer->reset();
  EXPECT_EQ(ReadTrace(dir.File("live")).records.size(), 6u);
}

TEST(KvtraceFileTest, AnyFlippedBitIsNoticedOrHarmless) {
  TempDir dir;
  const std::vector<v1::TraceRecord> records = SmallTrace(8, 8);
  const std::string bytes = SmallFile(dir, 8);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(::testing::Message() << "byte " << at << " bit " << bit);
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      WriteFile(dir.File("flip"), flipped);
      const TraceContent content = ReadTrace(dir.File("flip"));
      ASSERT_TRUE(IsPrefix(content.records, records));
      if (content.status.ok() && !content.truncated) {
        // zstd has a bit without a meaning in each frame's header.
        ASSERT_EQ(content.records.size(), records.size());
      } else if (!content.status.ok()) {
        ASSERT_THAT(std::string(content.status.message()),
                    HasSubstr(dir.File("flip")));
      }
    }
  }
}

TEST(KvtraceFileTest, RandomBytesDoNotCrash) {
  TempDir dir;
  const std::string bytes = SmallFile(dir, 8);
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const std::vector<v1::TraceRecord> records = SmallTrace(8, 8);
  for (int round = 0; round < 2000; ++round) {
    std::string bad = bytes;
    for (uint64_t n = 1 + random() % 4; n > 0; --n) {
      bad[20 + random() % (bad.size() - 20)] = static_cast<char>(random());
    }
    WriteFile(dir.File("bad"), bad);
    ASSERT_TRUE(IsPrefix(ReadTrace(dir.File("bad")).records, records));
  }
}

TEST(KvtraceFileTest, DamageIsReportedWithFileFrameRecordAndByte) {
  TempDir dir;
  std::string bytes = SmallFile(dir, 8);
  // The last four bytes are the last frame's checksum.
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteFile(dir.File("bad"), bytes);
  const TraceContent content = ReadTrace(dir.File("bad"));
  EXPECT_EQ(content.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(
      std::string(content.status.message()),
      AllOf(HasSubstr(dir.File("bad") + ": frame "), HasSubstr(" at byte "),
            HasSubstr("after record "), HasSubstr("checksum")));
  // What was sound before was handed out.
  EXPECT_GT(content.records.size(), 3u);
}

TEST(KvtraceFileTest, ErrorsStay) {
  TempDir dir;
  std::string bytes = SmallFile(dir, 8);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteFile(dir.File("bad"), bytes);
  auto reader = KvtraceReader::Open(dir.File("bad"));
  ASSERT_TRUE(reader.ok());
  v1::TraceRecord record;
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = (*reader)->Next(&record);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ((*reader)->Next(&record).status(), more.status());
}

TEST(KvtraceFileTest, OtherFilesAreRefused) {
  TempDir dir;
  const auto status_of = [&](const std::string& bytes) {
    WriteFile(dir.File("f"), bytes);
    return ReadTrace(dir.File("f")).status;
  };
  EXPECT_EQ(status_of("steps,layer,tokens\n0,0,\"[1]\"\n").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of("\x28\xb5\x2f\xfd something else").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of("").code(), absl::StatusCode::kDataLoss);

  std::string newer = SmallFile(dir, 8);
  newer[16] = 2;
  const absl::Status version = status_of(newer);
  EXPECT_EQ(version.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(version.message()),
              HasSubstr("format version 2; this program reads version 1"));

  EXPECT_EQ(ReadTrace(dir.File("absent")).status.code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadTrace(dir.File("")).status.ok());
}

TEST(KvtraceFileTest, TheFirstRecordMustBeAHeaderOfThisVersion) {
  TempDir dir;
  WriteTrace(dir.File("t"), {Hello(1, 1)});
  EXPECT_THAT(std::string(ReadTrace(dir.File("t")).status.message()),
              HasSubstr("expected a header as the first record"));
  v1::TraceRecord header = Header();
  header.mutable_header()->set_format_version(9);
  WriteTrace(dir.File("t"), {header});
  EXPECT_THAT(std::string(ReadTrace(dir.File("t")).status.message()),
              HasSubstr("header.format_version 9"));
}

// A frame with checksum around any bytes.
std::string FrameOf(const std::string& content) {
  ZstdCompressor compressor(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_checksumFlag, 1);
  std::string frame(ZSTD_compressBound(content.size()), '\0');
  frame.resize(ZSTD_compress2(compressor.get(), frame.data(), frame.size(),
                              content.data(), content.size()));
  return frame;
}

TEST(KvtraceFileTest, HostileContentOfSoundFrames) {
  TempDir dir;
  WriteTrace(dir.File("t"), {Header()});
  const std::string start = ReadFile(dir.File("t"));
  const auto status_of = [&](const std::string& frame) {
    WriteFile(dir.File("f"), start + FrameOf(frame));
    return ReadTrace(dir.File("f")).status;
  };
  // A record of 2^56 bytes, one of 5 where 2 follow, a length that never ends,
  // bytes that are no record.
  EXPECT_THAT(
      std::string(status_of("\xff\xff\xff\xff\xff\xff\xff\x7f").message()),
      AllOf(HasSubstr("record 2 (frame 2 at byte "),
            HasSubstr("exceeds the 0 bytes left")));
  EXPECT_THAT(std::string(status_of("\x05xx").message()),
              HasSubstr("length 5 exceeds the 2 bytes left"));
  EXPECT_THAT(std::string(status_of(std::string(12, '\xff')).message()),
              HasSubstr("not a varint"));
  EXPECT_THAT(std::string(status_of("\x03\xff\xff\xff").message()),
              HasSubstr("are not a TraceRecord"));
  EXPECT_EQ(status_of("\x03\xff\xff\xff").code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(status_of("").ok());
}

TEST(KvtraceFileTest, FramesThatHoldTooMuchAreRefused) {
  TempDir dir;
  WriteTrace(dir.File("t"), {Header()});
  // 8 MiB of zeros in less than a kilobyte.
  const std::string bomb = FrameOf(std::string(8 << 20, '\0'));
  ASSERT_LT(bomb.size(), 1024u);
  WriteFile(dir.File("f"), ReadFile(dir.File("t")) + bomb);
  KvtraceReader::Options options;
  options.max_frame_bytes = 1 << 20;
  const absl::Status status = ReadTrace(dir.File("f"), options).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("holds more than 1048576 bytes"));
}

TEST(KvtraceFileTest, FramesWithoutAChecksumAreRefused) {
  TempDir dir;
  WriteTrace(dir.File("t"), {Header()});
  std::string plain(64, '\0');
  plain.resize(ZSTD_compress(plain.data(), plain.size(), "\0", 1, 3));
  WriteFile(dir.File("f"), ReadFile(dir.File("t")) + plain);
  EXPECT_THAT(std::string(ReadTrace(dir.File("f")).status.message()),
              HasSubstr("no checksum"));
}

TEST(KvtraceWriterTest, ReplacesTheFileOnlyWhenClosed) {
  TempDir dir;
  WriteFile(dir.File("t"), "old");
  KvtraceWriter::Options options;
  options.mode = OutputFile::Mode::kReplaceOnClose;
  {
    auto writer = KvtraceWriter::Create(dir.File("t"), options);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Write(Header()).ok());
    EXPECT_EQ(ReadFile(dir.File("t")), "old");
  }
  EXPECT_EQ(ReadFile(dir.File("t")), "old");
  EXPECT_THAT(dir.List(), ElementsAre("t"));
  auto writer = KvtraceWriter::Create(dir.File("t"), options);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write(Header()).ok());
  ASSERT_TRUE((*writer)->Close().ok());
  EXPECT_THAT(dir.List(), ElementsAre("t"));
  EXPECT_TRUE(ReadTrace(dir.File("t")).status.ok());
}

TEST(KvtraceWriterTest, RecordersNeverOverwrite) {
  TempDir dir;
  WriteFile(dir.File("t"), "old");
  const absl::Status status = KvtraceWriter::Create(dir.File("t"), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir.File("t")));
  EXPECT_EQ(KvtraceWriter::Create(dir.File("no/t"), {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(KvtraceWriterTest, OptionsAreChecked) {
  TempDir dir;
  EXPECT_EQ(KvtraceWriter::Create(dir.File("t"), {.level = 40}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      KvtraceWriter::Create(dir.File("t"), {.frame_bytes = 0}).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(dir.List(), IsEmpty());
}

// Files of this process may not grow beyond a size, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST(KvtraceWriterTest, FullDiskLosesOneFrameAndTheFileStaysSound) {
  TempDir dir;
  std::mt19937_64 random(2);
  std::string noise(4000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  auto writer = KvtraceWriter::Create(dir.File("t"), {});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write(Header()).ok());
  ASSERT_TRUE((*writer)->Flush().ok());
  const uint64_t sound = (*writer)->file_bytes();
  {
    FullDisk full(sound + 100);
    ASSERT_TRUE((*writer)->Write(StepOf(0).Read(0, {}, {}, noise)).ok());
    const absl::Status status = (*writer)->Flush();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(dir.File("t")));
  }
  EXPECT_EQ((*writer)->records_lost(), 1u);
  EXPECT_EQ((*writer)->file_bytes(), sound);
  EXPECT_EQ(std::filesystem::file_size(dir.File("t")), sound);
  // There is room again.
  ASSERT_TRUE((*writer)->Write(StepOf(1)).ok());
  ASSERT_TRUE((*writer)->Close().ok());
  const TraceContent content = ReadTrace(dir.File("t"));
  ASSERT_TRUE(content.status.ok()) << content.status;
  ASSERT_EQ(content.records.size(), 2u);
  EXPECT_EQ(content.records[1].step().step(), 1);
}

TEST(KvtraceWriterTest, FullDiskKeepsAnImporterFromReplacing) {
  TempDir dir;
  WriteFile(dir.File("t"), "old");
  KvtraceWriter::Options options;
  options.mode = OutputFile::Mode::kReplaceOnClose;
  auto writer = KvtraceWriter::Create(dir.File("t"), options);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write(Header()).ok());
  {
    FullDisk full(25);
    EXPECT_FALSE((*writer)->Close().ok());
  }
  writer->reset();
  EXPECT_EQ(ReadFile(dir.File("t")), "old");
  EXPECT_THAT(dir.List(), UnorderedElementsAre("t"));
}

}  // namespace
}  // namespace kvplace
