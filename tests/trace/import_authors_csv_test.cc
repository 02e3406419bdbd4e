// The importer of the authors' CSV files.
#include "server/trace/import_authors_csv.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AuthorsCsvTest : public ::testing::Test {
 protected:
  absl::Status Import(const std::string& text,
                      const AuthorsCsvOptions& options = {}) {
    WriteFile(dir_.File("c.csv"), text);
    KvtraceWriter::Options writer_options;
    writer_options.mode = OutputFile::Mode::kReplaceOnClose;
    auto writer = KvtraceWriter::Create(dir_.File("t"), writer_options);
    if (!writer.ok()) return writer.status();
    auto summary = ImportAuthorsCsv(dir_.File("c.csv"), options, writer->get());
    if (!summary.ok()) return summary.status();
    return (*writer)->Close();
  }
  std::string MessageOf(const std::string& text) {
    const absl::Status status = Import(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(dir_.File("c.csv") + ": "));
    EXPECT_THAT(dir_.List(), ElementsAre("c.csv"));
    return std::string(status.message());
  }
  Workload Load() {
    const std::string path = dir_.File("t");
    auto workload = LoadWorkload({&path, 1}, {});
    EXPECT_TRUE(workload.ok()) << workload.status();
    return workload.ok() ? *std::move(workload) : Workload();
  }
  static std::vector<uint32_t> Pages(const Workload& workload, size_t phase) {
    std::vector<uint32_t> pages;
    for (const BlockId id : workload.reads[phase]) {
      pages.push_back(workload.PageOf(id));
    }
    return pages;
  }

  TempDir dir_;
};

// The example of the header, also in docs/trace_format.md.
TEST_F(AuthorsCsvTest, WorkedExample) {
  const absl::Status imported = Import(
      "0, 0, \"[0, 1, 2, 17]\"\n"
      "0, 1, \"[0, 16, 17]\"\n"
      "1, 0, \"[0, 18]\"\n");
  ASSERT_TRUE(imported.ok()) << imported;
  const Workload workload = Load();
  EXPECT_EQ(workload.steps, 2u);
  EXPECT_EQ(workload.groups, 2u);
  EXPECT_EQ(workload.page_tokens, 16u);
  EXPECT_EQ(workload.kv_bytes_per_token, Bytes(16384));
  // n_prefill 17: two pages, and tokens 17 and 18 are in the second.
  EXPECT_EQ(workload.initial.size(), 4u);
  EXPECT_EQ(workload.blocks, 4u);
  EXPECT_THAT(Pages(workload, 0), ElementsAre(0, 1));
  EXPECT_THAT(Pages(workload, 1), ElementsAre(0, 1));
  EXPECT_THAT(Pages(workload, 2), ElementsAre(0, 1));
  EXPECT_THAT(Pages(workload, 3), IsEmpty());
}

TEST_F(AuthorsCsvTest, StepsCountFromTheFirstRowAndPagesBegin) {
  // Token 7 at step 1 of the renumbered steps: n_prefill 6; page 3 (of 2
  // tokens) begins with step 0, page 4 with step 2. Step 1 has no row of layer
  // 0.
  AuthorsCsvOptions options;
  options.page_tokens = 2;
  options.kv_bytes_per_token = 3;
  ASSERT_TRUE(Import("step,layer,tokens\r\n"
                     "100,0,\"[5,1]\"\r\n"
                     "101,1,\"[7]\"\r\n"
                     "\r\n"
                     "103,0,\"[]\"\r\n",
                     options)
                  .ok());
  const Workload workload = Load();
  EXPECT_EQ(workload.steps, 4u);
  EXPECT_EQ(workload.initial.size(), 6u);
  EXPECT_THAT(Pages(workload, 0), ElementsAre(0, 2));
  EXPECT_THAT(Pages(workload, 2), IsEmpty());
  EXPECT_THAT(Pages(workload, 3), ElementsAre(3));
  EXPECT_EQ(workload.births[0].size(), 1u);
  EXPECT_EQ(workload.births[2].size(), 0u);
  EXPECT_EQ(workload.births[4].size(), 1u);
  EXPECT_EQ(workload.PageOf(workload.births[5][0]), 4u);
}

TEST_F(AuthorsCsvTest, OneTokenNeedsNoQuotes) {
  EXPECT_THAT(MessageOf("0,0,[5, 6]\n"),
              AllOf(HasSubstr("row 1, column 3 (token ids)"),
                    HasSubstr("a quote before the list")));
  EXPECT_TRUE(Import("0,0,[5]\n0,1,[]\n").ok());
}

TEST_F(AuthorsCsvTest, BadRowsAreNamedByRowAndColumn) {
  const std::string good = "0,0,\"[1, 2]\"\n";
  const auto bad = [&](const std::string& row) {
    return MessageOf(good + row + "\n");
  };
  EXPECT_THAT(bad("x,1,\"[1]\""),
              HasSubstr("row 2, column 1 (step): expected a whole number "
                        "0..1099511627776, found \"x,1,\"[1]\"\""));
  EXPECT_THAT(bad("-1,1,\"[1]\""), HasSubstr("row 2, column 1 (step)"));
  EXPECT_THAT(bad("99999999999999999999,1,\"[1]\""),
              HasSubstr("row 2, column 1 (step)"));
  EXPECT_THAT(bad("0.5,1,\"[1]\""),
              HasSubstr("column 1 (step): expected a comma after it"));
  EXPECT_THAT(bad("0"), HasSubstr("found the end of the row"));
  EXPECT_THAT(bad("0,,\"[1]\""), HasSubstr("row 2, column 2 (layer)"));
  EXPECT_THAT(bad("0,4096,\"[1]\""),
              HasSubstr("column 2 (layer): expected a whole number 0..4095"));
  EXPECT_THAT(bad("0,1"), HasSubstr("column 2 (layer): expected a comma"));
  EXPECT_THAT(bad("0,1,"), HasSubstr("column 3 (token ids): expected a list"));
  EXPECT_THAT(bad("0,1,\"1, 2\""), HasSubstr("expected a list"));
  EXPECT_THAT(bad("0,1,\"[1, -2]\""),
              HasSubstr("expected a whole number 0..2147483647, found \"-2]"));
  EXPECT_THAT(bad("0,1,\"[1, 2147483648]\""), HasSubstr("column 3"));
  EXPECT_THAT(bad("0,1,\"[1 2]\""), HasSubstr("expected a comma or ]"));
  EXPECT_THAT(bad("0,1,\"[1, 2"), HasSubstr("expected a comma or ]"));
  EXPECT_THAT(bad("0,1,\"[1, ]\""), HasSubstr("expected a whole number"));
  EXPECT_THAT(bad("0,1,\"[1, 2]"),
              HasSubstr("expected a quote after the list"));
  EXPECT_THAT(bad("0,1,\"[1]\",7"), HasSubstr("expected the end of the row"));
}

TEST_F(AuthorsCsvTest, RowsMustRise) {
  EXPECT_THAT(MessageOf("0,0,\"[1]\"\n0,1,\"[1]\"\n0,1,\"[1]\"\n"),
              HasSubstr("row 3: step 0, layer 1 is not in ascending order; "
                        "expected more than step 0, layer 1"));
  EXPECT_THAT(MessageOf("5,0,\"[1]\"\n4,1,\"[1]\"\n"), HasSubstr("row 2"));
  EXPECT_THAT(MessageOf("0,0,\"[1]\"\n5000000,0,\"[1]\"\n"),
              HasSubstr("row 2, column 1 (step): 5000000"));
}

TEST_F(AuthorsCsvTest, EmptyFiles) {
  EXPECT_THAT(MessageOf(""), HasSubstr("has no row"));
  EXPECT_THAT(MessageOf("step,layer,tokens\n"), HasSubstr("has no row"));
}

TEST_F(AuthorsCsvTest, TooManyBlocksAreRefused) {
  EXPECT_THAT(MessageOf("0,4095,\"[2147483647]\"\n"),
              HasSubstr("more than 2^32 - 2 blocks"));
}

}  // namespace
}  // namespace kvplace
