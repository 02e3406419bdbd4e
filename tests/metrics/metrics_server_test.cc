#include "server/metrics/metrics_server.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/metrics/metrics_test_util.h"
#include "tests/testing/http_get.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of a command that succeeds.
std::string OutputOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "no pipe";
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) {
    output.push_back(static_cast<char>(c));
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return output;
}

class MetricsServerTest : public ::testing::Test {
 protected:
  PrometheusSink sink_{{}};
  std::unique_ptr<DeviceMetrics> device_ = TouchEverything(sink_);
};

TEST_F(MetricsServerTest, ServesOnTheChosenPort) {
  auto server = MetricsServer::Start("127.0.0.1:0", sink_.registry());
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_GT((*server)->port(), 0);
  EXPECT_THAT(testing::HttpGet((*server)->port(), "/metrics"),
              HasSubstr("\nkvplace_steps_total{device=\"3\",node=\"n0\"} 1"));
  EXPECT_THAT(testing::HttpGet((*server)->port(), "/else"),
              HasSubstr("404 Not Found"));
}

TEST_F(MetricsServerTest, CompressesForWhoAsks) {
  auto server = MetricsServer::Start("127.0.0.1:0", sink_.registry());
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string answer =
      testing::HttpGet((*server)->port(), "/metrics",
                       "Host: a\r\nAccept-Encoding: deflate, gzip\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Encoding: gzip\r\n"));
  const std::string packed = testing::HttpBody(answer);
  const std::string file = ::testing::TempDir() + "/metrics.gz";
  std::ofstream(file, std::ios::binary) << packed;
  EXPECT_EQ(OutputOf("gzip -dc " + file), Scrape(sink_));
  EXPECT_LT(packed.size(), Scrape(sink_).size() / 4);
}

TEST_F(MetricsServerTest, RefusesOtherMethods) {
  auto server = MetricsServer::Start("127.0.0.1:0", sink_.registry());
  ASSERT_TRUE(server.ok()) << server.status();
  for (const char* method : {"POST", "PUT", "DELETE"}) {
    const std::string answer =
        testing::HttpGet((*server)->port(), "/metrics", "Host: a\r\n", method);
    EXPECT_THAT(answer, HasSubstr("405 Method Not Allowed")) << method;
  }
  const std::string head =
      testing::HttpGet((*server)->port(), "/metrics", "Host: a\r\n", "HEAD");
  EXPECT_THAT(head, HasSubstr("200 OK"));
  EXPECT_THAT(testing::HttpBody(head), IsEmpty());
}

TEST_F(MetricsServerTest, SaysWhichAddressIsTaken) {
  auto first = MetricsServer::Start("127.0.0.1:0", sink_.registry());
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = absl::StrCat("127.0.0.1:", (*first)->port());
  auto second = MetricsServer::Start(address, sink_.registry());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

TEST_F(MetricsServerTest, PromtoolHasNoComplaint) {
  if (std::system("command -v promtool > /dev/null") != 0) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  const std::string file = ::testing::TempDir() + "/metrics.txt";
  std::ofstream(file) << Scrape(sink_);
  EXPECT_THAT(OutputOf("promtool check metrics < " + file + " 2>&1"),
              IsEmpty());
}

}  // namespace
}  // namespace kvplace
