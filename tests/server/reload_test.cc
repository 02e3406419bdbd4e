// SIGHUP, and who may call AdminService.
#include <signal.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/daemon_process.h"
#include "tests/server/test_client.h"
#include "tests/testing/http_get.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "a-token-that-nobody-guesses";
constexpr char kOtherToken[] = "another-token-just-as-long";

class ReloadTest : public ::testing::Test {
 protected:
  void Configure(const std::string& yaml) {
    // In one step: the server may read at any time.
    WriteFile(dir_.File("draft"), yaml);
    std::filesystem::rename(dir_.File("draft"), dir_.File("k.yaml"));
  }
  std::string ConfigFlag() { return "--config=" + dir_.File("k.yaml"); }
  // Reloads until the log has so many lines of it.
  void Reload(TestServer& server, const std::string& wait_for) {
    server.process().Signal(SIGHUP);
    EXPECT_TRUE(server.process().Logs(wait_for)) << server.process().err();
  }
  static bool MetricIs(const TestServer& server, const std::string& line) {
    return Eventually([&] {
      return absl::StrContains(
          testing::HttpGet(server.metrics_port(), "/metrics"),
          "\n" + line + "\n");
    });
  }

  TempDir dir_;
};

TEST_F(ReloadTest, WhatCanChangeChangesAndTheRestIsNamed) {
  Configure("log-level: info\nmax-sessions: 10\n");
  TestServer server({ConfigFlag()});
  const ChannelPtr channel = Connect(server.address());
  EXPECT_EQ(GetPolicy(channel).settings().policy(), "shadow-price");
  Configure(
      "log-level: debug\nmax-sessions: 20\npolicy: balanced\n"
      "policy-param: {slack: 0.25}\nmode: observe\n");
  Reload(server, "changes=5");
  const v1::GetPolicyResponse policy = GetPolicy(channel);
  EXPECT_EQ(policy.settings().policy(), "balanced");
  EXPECT_EQ(policy.settings().parameters().at("slack"), 0.25);
  EXPECT_EQ(policy.settings().mode(), v1::MODE_OBSERVE);
  const std::string log = server.process().err();
  EXPECT_THAT(log, HasSubstr("msg=\"changed\" cause=reload option=policy "
                             "before=shadow-price after=balanced"));
  EXPECT_THAT(log, HasSubstr("level=warning msg=\"needs a restart\" "
                             "cause=reload option=max-sessions before=10 "
                             "after=20"));
  EXPECT_TRUE(
      MetricIs(server, "kvplace_config_reloads_total{result=\"ok\"} 1"));
  // What needs a restart is said again, what was done is not.
  Reload(server, "changes=1");
}

TEST_F(ReloadTest, ABadFileKeepsTheOldSettings) {
  Configure("mode: advise\n");
  TestServer server({ConfigFlag()});
  Configure("mode: act\nmax_sessions: 3\n");
  Reload(server, "the old settings stay");
  EXPECT_THAT(server.process().err(),
              HasSubstr("k.yaml:2: no option \\\"max_sessions\\\", did you "
                        "mean max-sessions?"));
  EXPECT_EQ(GetPolicy(Connect(server.address())).settings().mode(),
            v1::MODE_ADVISE);
  EXPECT_TRUE(MetricIs(server, "kvplace_config_last_reload_successful 0"));
  Configure("mode: act\n");
  Reload(server, "option=mode before=advise after=act");
  EXPECT_TRUE(MetricIs(server, "kvplace_config_last_reload_successful 1"));
}

TEST_F(ReloadTest, WhatWasSetByCallsStaysIfTheFileDoesNotSayOtherwise) {
  Configure("log-level: info\n");
  TestServer server({ConfigFlag()});
  const ChannelPtr channel = Connect(server.address());
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::SetPolicyRequest request;
  request.mutable_settings()->set_policy("lru");
  v1::SetPolicyResponse response;
  ASSERT_TRUE(v1::AdminService::NewStub(channel)
                  ->SetPolicy(&context, request, &response)
                  .ok());
  Configure("log-level: debug\n");
  Reload(server, "changes=1");
  EXPECT_EQ(GetPolicy(channel).settings().policy(), "lru");
}

TEST_F(ReloadTest, AFlagStaysAFlag) {
  Configure("mode: advise\n");
  TestServer server({ConfigFlag(), "--mode=observe"});
  Configure("mode: act\n");
  Reload(server, "changes=0");
  EXPECT_EQ(GetPolicy(Connect(server.address())).settings().mode(),
            v1::MODE_OBSERVE);
}

TEST_F(ReloadTest, TheAdminTokenIsAskedForAndReloaded) {
  WriteFile(dir_.File("token"), std::string(kToken) + "\n");
  TestServer server({"--admin-token-file=" + dir_.File("token")});
  const ChannelPtr channel = Connect(server.address());
  EXPECT_EQ(ListNodes(channel).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ListNodes(channel, kOtherToken).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(ListNodes(channel, kToken).ok());
  // Neither health nor sessions need it.
  EXPECT_EQ(
      RunProgram({"--probe", "--probe-address=" + server.address()}).status, 0);
  TestWorker worker(channel, "n0");
  v1::ConnectResponse m;
  EXPECT_TRUE(worker.Await(v1::ConnectResponse::kWelcome, &m));

  WriteFile(dir_.File("token"), kOtherToken);
  Reload(server, "changes=0");
  EXPECT_TRUE(ListNodes(channel, kOtherToken).ok());
  EXPECT_EQ(ListNodes(channel, kToken).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  // An empty file must not open the door.
  WriteFile(dir_.File("token"), "");
  Reload(server, "the old settings stay");
  EXPECT_TRUE(ListNodes(channel, kOtherToken).ok());
  EXPECT_FALSE(ListNodes(channel).ok());
  EXPECT_THAT(server.process().err(), Not(HasSubstr(kToken)));
  EXPECT_THAT(server.process().err(), Not(HasSubstr(kOtherToken)));
  EXPECT_TRUE(MetricIs(
      server, "kvplace_rejected_messages_total{reason=\"unauthorized\"} 4"));
}

}  // namespace
}  // namespace kvplace
