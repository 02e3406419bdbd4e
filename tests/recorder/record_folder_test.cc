#include "server/recorder/record_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const absl::Time kBegun = absl::FromUnixSeconds(1'700'000'000);

TEST(RecordFolderTest, NamesSayWhatIsInTheFile) {
  const SessionKey key{"gpu-7.rack_2", 3, 99, 12};
  const std::string name = RecordFileName(key, kBegun, 5);
  EXPECT_EQ(name, "gpu-7.rack_2-3-12-20231114T221320Z-0005.kvtrace");
  ASSERT_TRUE(RecordFileAge(name).has_value());
  EXPECT_EQ(RecordFileAge(name)->first, "20231114T221320Z");
  EXPECT_EQ(RecordFileAge(name)->second, 5u);
}

TEST(RecordFolderTest, NamesFromOutsideDoNoHarm) {
  for (const std::string& node :
       {std::string("../../etc/passwd"), std::string("a/b"), std::string(".."),
        std::string(".hidden"), std::string("-rf"), std::string(""),
        std::string("a\0b", 3), std::string("a\nb"), std::string("\xff\xfe"),
        std::string(1000, 'x'), std::string("$(reboot)"), std::string("~")}) {
    const std::string name = RecordFileName({node, 0, 1, 2}, kBegun, 0);
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
                                     "pqrstuvwxyz0123456789._-"),
              std::string::npos)
        << name;
    EXPECT_NE(name[0], '.') << name;
    EXPECT_NE(name[0], '-') << name;
    EXPECT_LT(name.size(), 255u);
    EXPECT_TRUE(RecordFileAge(name).has_value()) << name;
  }
}

TEST(RecordFolderTest, OtherNamesAreNotOurs) {
  for (const char* name :
       {"", "a.kvtrace", "bible-sample.kvtrace", "a-0-1-20231114T221320Z-0001",
        "a-0-1-20231114T221320Z-1.kvtrace", "a-0-1-2023-0001.kvtrace",
        "a-x-1-20231114T221320Z-0001.kvtrace",
        "-0-1-20231114T221320Z-0001.kvtrace"}) {
    EXPECT_EQ(RecordFileAge(name), std::nullopt) << name;
  }
}

TEST(RecordFolderTest, CountsItsFilesAndDeletesTheOldest) {
  TempDir dir;
  const auto name = [](uint32_t n) {
    return RecordFileName({"n", 0, 1, n}, kBegun + absl::Seconds(n), 0);
  };
  for (uint32_t n = 0; n < 5; ++n) {
    WriteFile(dir.File(name(n)), std::string(100, 'x'));
  }
  WriteFile(dir.File("mine.kvtrace"), std::string(100000, 'x'));
  std::filesystem::create_directory(dir.File(name(9)));

  RecordFolder folder(dir.File(""));
  ASSERT_THAT(folder.Open(), IsOk());
  EXPECT_EQ(folder.total_bytes(), 500u);
  folder.Set(name(0), 100, true);
  EXPECT_EQ(folder.DeleteOldest(500), 0);
  // The oldest is being written.
  EXPECT_EQ(folder.DeleteOldest(250), 3);
  EXPECT_EQ(folder.total_bytes(), 200u);
  EXPECT_THAT(dir.List(),
              UnorderedElementsAre(name(0), name(4), name(9), "mine.kvtrace"));
  folder.Set(name(0), 150, false);
  EXPECT_EQ(folder.total_bytes(), 250u);
  EXPECT_EQ(folder.DeleteOldest(0), 2);
  EXPECT_EQ(folder.total_bytes(), 0u);
}

TEST(RecordFolderTest, AFileThatIsGoneIsNoError) {
  TempDir dir;
  RecordFolder folder(dir.File(""));
  ASSERT_THAT(folder.Open(), IsOk());
  folder.Set(RecordFileName({"n", 0, 1, 1}, kBegun, 0), 100, false);
  EXPECT_EQ(folder.DeleteOldest(0), 1);
  EXPECT_THAT(folder.last_error(), IsOk());
}

TEST(RecordFolderTest, MakesItsFolderForItsOwnerAndGroup) {
  TempDir dir;
  RecordFolder folder(dir.File("new"));
  ASSERT_THAT(folder.Open(), IsOk());
  struct stat status {};
  ASSERT_EQ(stat(dir.File("new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007, 0u);
}

TEST(RecordFolderTest, SaysWhyItCannotOpen) {
  TempDir dir;
  EXPECT_THAT(RecordFolder(dir.File("a/b/c")).Open(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("a/b/c: No such file or directory")));
  WriteFile(dir.File("file"), "x");
  EXPECT_THAT(
      RecordFolder(dir.File("file")).Open(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("file: ")));
}

}  // namespace
}  // namespace kvplace
