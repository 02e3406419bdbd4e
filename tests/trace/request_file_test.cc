// Files of requests: what is read from them, and what is refused by line.
#include "server/trace/request_file.h"

#include <zstd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGood[] =
    R"({"timestamp": 7, "input_length": 3, "output_length": 2})"
    "\n";

class RequestFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<Request>> Read(const std::string& text,
                                            uint64_t limit = 0) {
    WriteFile(dir_.File("r"), text);
    return ReadRequests(dir_.File("r"), limit);
  }
  // Of a file that is refused, behind its name.
  std::string Error(const std::string& text) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    const std::string message(status.message());
    const std::string name = dir_.File("r") + ": ";
    EXPECT_THAT(message, StartsWith(name));
    return message.substr(std::min(name.size(), message.size()));
  }
  TempDir dir_;
};

TEST_F(RequestFileTest, FieldsOtherKeysAndEmptyLines) {
  const auto requests = Read(
      "\n  \r\n"
      R"({"hash_ids":[1,[2]],"output_length":1,"input_length":1073741824,)"
      R"("timestamp":0})"
      "\r\n\n"
      R"({"timestamp":9007199254740992,"input_length":1,"output_length":2})");
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 2u);
  EXPECT_EQ((*requests)[0].timestamp_ms, 0u);
  EXPECT_EQ((*requests)[0].input_tokens, 1u << 30);
  EXPECT_EQ((*requests)[0].output_tokens, 1u);
  EXPECT_EQ((*requests)[1].timestamp_ms, uint64_t{1} << 53);
}

TEST_F(RequestFileTest, SampleOfTheRepository) {
  const auto requests = ReadRequests(TestData("requests.jsonl"), 0);
  ASSERT_TRUE(requests.ok()) << requests.status();
  EXPECT_EQ(requests->size(), 8u);
}

TEST_F(RequestFileTest, ZstdIsRecognised) {
  const std::string text = std::string(kGood) + kGood;
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  const auto requests = Read(packed);
  ASSERT_TRUE(requests.ok()) << requests.status();
  EXPECT_EQ(requests->size(), 2u);
  EXPECT_FALSE(Read(packed.substr(0, packed.size() - 3)).ok());
}

TEST_F(RequestFileTest, BehindTheLimitNothingIsLookedAt) {
  const std::string text = std::string(kGood) + kGood + "nonsense\n";
  const auto requests = Read(text, 2);
  ASSERT_TRUE(requests.ok()) << requests.status();
  EXPECT_EQ(requests->size(), 2u);
  EXPECT_THAT(Error(text), StartsWith("line 3: expected a JSON object"));
}

TEST_F(RequestFileTest, BadLinesAreNamed) {
  EXPECT_THAT(Error(""), HasSubstr("has no request"));
  EXPECT_THAT(Error("\n\n"), HasSubstr("has no request"));
  for (const std::string bad :
       {"[]", "3", "{", "{\"timestamp\": 1", "\"x\"", "{}{}", "\x80\xff",
        "{\"timestamp\": nan}", "'a'"}) {
    const std::string after = absl::StrCat(kGood, "\n", bad, "\n");
    EXPECT_THAT(Error(after), StartsWith("line 3: expected a JSON object"));
  }
  EXPECT_THAT(Error(std::string(100000, '[')),
              StartsWith("line 1: expected a JSON object"));
}

TEST_F(RequestFileTest, BadFieldsAreNamed) {
  const auto with = [&](const std::string& timestamp, const std::string& input,
                        const std::string& output) {
    return Error("{\"timestamp\":" + timestamp + ",\"input_length\":" + input +
                 ",\"output_length\":" + output + "}");
  };
  EXPECT_EQ(with("-1", "1", "1"),
            "line 1: timestamp is -1; expected a whole number "
            "0..9007199254740992");
  EXPECT_THAT(with("9007199254740993", "1", "1"), HasSubstr("timestamp is"));
  EXPECT_THAT(with("1e3", "1", "1"), HasSubstr("timestamp is 1000.0;"));
  EXPECT_THAT(with("99999999999999999999", "1", "1"), HasSubstr("timestamp"));
  EXPECT_EQ(with("1", "0", "1"),
            "line 1: input_length is 0; expected a whole number 1..1073741824");
  EXPECT_THAT(with("1", "1073741825", "1"), HasSubstr("input_length is"));
  EXPECT_THAT(with("1", "\"7\"", "1"), HasSubstr("input_length is \"7\";"));
  EXPECT_THAT(with("1", "1", "null"), HasSubstr("output_length is null;"));
  EXPECT_THAT(with("1", "1", "[" + std::string(9000, ' ') + "]"),
              HasSubstr("output_length is [];"));
  EXPECT_THAT(with("1", "1", "\"" + std::string(9000, 'x') + "\""),
              AllOf(HasSubstr("xxx...;"), EndsWith("1..1073741824")));
  EXPECT_THAT(Error("{\"timestamp\":1,\"input_length\":1}"),
              HasSubstr("line 1: output_length is missing; expected"));
}

TEST_F(RequestFileTest, TimeDoesNotRunBackwards) {
  EXPECT_EQ(Error(std::string(kGood) + kGood +
                  R"({"timestamp": 6, "input_length": 3, "output_length": 2})"),
            "line 3: timestamp is 6; expected at least 7, that of the request "
            "before");
}

TEST_F(RequestFileTest, NoFile) {
  EXPECT_THAT(
      std::string(ReadRequests(dir_.File("absent"), 0).status().message()),
      HasSubstr(dir_.File("absent")));
}

}  // namespace
}  // namespace kvplace
