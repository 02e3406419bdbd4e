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
  // What the HTTP library adds about itself is not ours to name.
  std::ofstream(file) << Scrape(sink_);
  FILE* pipe = popen(
      absl::StrCat("promtool check metrics < ", file, " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) {
    output.push_back(static_cast<char>(c));
  }
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_THAT(output, IsEmpty());
}

}  // namespace
}  // namespace kvplace
