// The parts of the process that need no process.
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/daemon/log_output.h"
#include "server/daemon/port_file.h"
#include "server/daemon/secrets.h"
#include "server/daemon/service_log.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

TEST(ServiceLogTest, LinesOfSessionsGetFields) {
  const ServiceLine line =
      ParseServiceLine("gpu-7/3 epoch 12: resync: sequence_gap: 4, not 3");
  EXPECT_EQ(line.cause, "resync");
  EXPECT_EQ(line.message, "resync: sequence_gap: 4, not 3");
  EXPECT_EQ(line.node, "gpu-7");
  EXPECT_THAT(line.device, Optional(3u));
  EXPECT_THAT(line.epoch, Optional(12u));
}

TEST(ServiceLogTest, LinesOfNodesGetTheNode) {
  const ServiceLine line = ParseServiceLine("gpu-7: drain, 2 sessions told");
  EXPECT_EQ(line.cause, "drain");
  EXPECT_EQ(line.node, "gpu-7");
  EXPECT_EQ(line.message, "drain, 2 sessions told");
  EXPECT_THAT(line.epoch, Eq(std::nullopt));
  EXPECT_EQ(ParseServiceLine("n: policy lru, version 2").cause, "policy");
}

TEST(ServiceLogTest, OtherLinesAreKeptWhole) {
  for (const char* text :
       {"refused ipv4:10.0.0.1:99: hello.node_id: is \"a/b epoch 1: x\"",
        "drain of the server, 3 sessions told", "recorder: cannot write", "a/b",
        "x: y", ""}) {
    const ServiceLine line = ParseServiceLine(text);
    EXPECT_EQ(line.message, text);
    EXPECT_EQ(line.node, "") << text;
  }
  EXPECT_EQ(ParseServiceLine("refused ipv4:1").cause, "refused");
  EXPECT_EQ(ParseServiceLine("1 and only").cause, "service");
  // Digits are no part of a cause: there would be one per worker.
  EXPECT_EQ(ParseServiceLine("node17 is odd").cause, "node");
}

TEST(ServiceLogTest, WritesIntoTheLog) {
  FakeClock clock;
  std::vector<std::string> lines;
  StructuredLog log({.format = LogFormat::kJson}, &clock,
                    [&](absl::string_view line) { lines.emplace_back(line); });
  const LogFunction write = LogInto(&log);
  write(LogLevel::kWarning, "n/0 epoch 5: throttle: one step in 2");
  write(LogLevel::kInfo, "n: policy lru, version 2, 0 sessions");
  log.SetMinimum(Severity::kError);
  write(LogLevel::kWarning, "n/0 epoch 5: throttle: one step in 4");
  ASSERT_EQ(lines.size(), 2u);
  const auto first = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(first["cause"], "throttle");
  EXPECT_EQ(first["node"], "n");
  EXPECT_EQ(first["device"], 0);
  EXPECT_EQ(first["epoch"], 5);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["node"], "n");
}

// Standard error as a pipe that nobody reads until told to.
class StuckStderr {
 public:
  StuckStderr() : before_(dup(2)) {
    EXPECT_EQ(pipe(ends_), 0);
    dup2(ends_[1], 2);
    close(ends_[1]);
  }
  void Read() {
    reader_ = std::thread([this] {
      char buffer[4096];
      while (read(ends_[0], buffer, sizeof(buffer)) > 0) {
      }
    });
  }
  ~StuckStderr() {
    // With the last writer gone the reader ends.
    dup2(before_, 2);
    close(before_);
    if (reader_.joinable()) reader_.join();
    close(ends_[0]);
  }

 private:
  const int before_;
  int ends_[2] = {-1, -1};
  std::thread reader_;
};

TEST(LogOutputTest, AStuckReaderHoldsNobodyUp) {
  StuckStderr stderr_pipe;
  {
    LogOutput output;
    const std::string line(200, 'x');
    // Were it written at once, this would not return.
    for (int i = 0; i < 20000; ++i) output.Write(line);
    EXPECT_GT(output.dropped(), 5000u);
    stderr_pipe.Read();
  }
}

TEST(AdminTokenFileTest, IsReadWithoutWhiteSpaceAround) {
  TempDir dir;
  const std::string path = dir.File("token");
  WriteFile(path, "  0123456789abcdef\n");
  const auto token = ReadAdminToken(path);
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ(*token, "0123456789abcdef");
  EXPECT_EQ(*ReadAdminToken(""), "");
  chmod(path.c_str(), 0640);
  EXPECT_FALSE(ReadableByAll(path));
  chmod(path.c_str(), 0644);
  EXPECT_TRUE(ReadableByAll(path));
}

TEST(AdminTokenFileTest, RefusesWhatIsNoSecretAndDoesNotSayIt) {
  TempDir dir;
  const std::string path = dir.File("token");
  EXPECT_THAT(ReadAdminToken(path),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("token: No such file or directory")));
  EXPECT_THAT(ReadAdminToken(dir.File("")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  for (const std::string& content :
       {std::string(), std::string("short"), std::string(5000, 'x'),
        std::string("0123456789 abcdef"), std::string("0123456789\0abcdef", 17),
        std::string("0123456789abcdef\xff")}) {
    WriteFile(path, content);
    const auto token = ReadAdminToken(path);
    EXPECT_THAT(token, StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("--admin-token-file")));
    EXPECT_THAT(std::string(token.status().message()),
                Not(HasSubstr("0123456789")));
  }
}

TEST(PortFileTest, SaysWhatWasOpened) {
  TempDir dir;
  const std::string path = dir.File("ports.json");
  ASSERT_THAT(WritePortFile(
                  path, {"127.0.0.1:5", 5, "127.0.0.1:6", 6, "127.0.0.1:7", 7}),
              IsOk());
  auto json = nlohmann::json::parse(ReadFile(path));
  EXPECT_EQ(json["listen"], "127.0.0.1:5");
  EXPECT_EQ(json["grpc_port"], 5);
  EXPECT_EQ(json["metrics"], "127.0.0.1:6");
  EXPECT_EQ(json["metrics_port"], 6);
  EXPECT_EQ(json["status"], "127.0.0.1:7");
  EXPECT_EQ(json["status_port"], 7);
  EXPECT_TRUE(json["pid"].is_number());
  ASSERT_THAT(WritePortFile(path, {"[::1]:5", 5, "", std::nullopt}), IsOk());
  json = nlohmann::json::parse(ReadFile(path));
  EXPECT_TRUE(json["metrics"].is_null());
  EXPECT_TRUE(json["metrics_port"].is_null());
  EXPECT_TRUE(json["status"].is_null());
  EXPECT_TRUE(json["status_port"].is_null());
  // Nothing else is left behind.
  EXPECT_THAT(dir.List(), ElementsAre("ports.json"));
}

TEST(PortFileTest, SaysWhyItCannotBeWritten) {
  EXPECT_THAT(WritePortFile("/nowhere/p", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("--port-file /nowhere/p: No such file")));
}

}  // namespace
}  // namespace kvplace
