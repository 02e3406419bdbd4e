#include "server/metrics/metrics_page.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

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

class MetricsPageTest : public ::testing::Test {
 protected:
  // Ending the server takes up to 2 s, so the tests share one.
  static void SetUpTestSuite() {
    device_ = TouchEverything(sink());
    auto server = HttpServer::Start(
        "127.0.0.1:0",
        [](const HttpRequest& request) {
          return AnswerScrape(*sink().registry(), request);
        },
        [](int status) { return PlainAnswer(status, ""); });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  static void TearDownTestSuite() {
    server_.reset();
    device_.reset();
  }

  static PrometheusSink& sink() {
    static PrometheusSink sink({});
    return sink;
  }
  int port() const { return server_->port(); }

  inline static std::unique_ptr<DeviceMetrics> device_;
  inline static std::unique_ptr<HttpServer> server_;
};

TEST_F(MetricsPageTest, ServesMetricsAndNothingElse) {
  EXPECT_THAT(testing::HttpGet(port(), "/metrics"),
              HasSubstr("\nkvplace_steps_total{device=\"3\",node=\"n0\"} 1"));
  EXPECT_THAT(testing::HttpGet(port(), "/else"), HasSubstr("404 Not Found"));
}

TEST_F(MetricsPageTest, CompressesForWhoAsks) {
  const std::string answer = testing::HttpGet(
      port(), "/metrics", "Host: a\r\nAccept-Encoding: deflate, gzip\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Encoding: gzip\r\n"));
  const std::string packed = testing::HttpBody(answer);
  const std::string file = ::testing::TempDir() + "/metrics.gz";
  std::ofstream(file, std::ios::binary) << packed;
  EXPECT_EQ(OutputOf("gzip -dc " + file), Scrape(sink()));
  EXPECT_LT(packed.size(), Scrape(sink()).size() / 4);
}

TEST_F(MetricsPageTest, RefusesOtherMethods) {
  for (const char* method : {"POST", "PUT", "DELETE"}) {
    const std::string answer =
        testing::HttpGet(port(), "/metrics", "Host: a\r\n", method);
    EXPECT_THAT(answer, HasSubstr("405 Method Not Allowed")) << method;
  }
  const std::string head =
      testing::HttpGet(port(), "/metrics", "Host: a\r\n", "HEAD");
  EXPECT_THAT(head, HasSubstr("200 OK"));
  EXPECT_THAT(testing::HttpBody(head), IsEmpty());
}

TEST_F(MetricsPageTest, PromtoolHasNoComplaint) {
  if (std::system("command -v promtool > /dev/null") != 0) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  const std::string file = ::testing::TempDir() + "/metrics.txt";
  std::ofstream(file) << Scrape(sink());
  EXPECT_THAT(OutputOf("promtool check metrics < " + file + " 2>&1"),
              IsEmpty());
}

}  // namespace
}  // namespace kvplace
