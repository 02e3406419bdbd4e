// A server from its first line to its last.
#include <signal.h>

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/daemon_process.h"
#include "tests/server/test_client.h"
#include "tests/testing/http_get.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kReflection[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
// ServerReflectionRequest{list_services: ""}
const std::string kListServices("\x3a\x00", 2);

RunResult Probe(const TestServer& server, std::vector<std::string> flags = {}) {
  flags.insert(flags.begin(),
               {"--probe", "--probe-address=" + server.address()});
  return RunProgram(flags);
}

TEST(LifecycleTest, ServesAndEndsOnSigterm) {
  TestServer server;
  for (const char* service :
       {"", "kvplace.v1.SessionService", "kvplace.v1.AdminService"}) {
    const RunResult probe =
        Probe(server, {absl::StrCat("--probe-service=", service)});
    EXPECT_EQ(probe.status, 0) << service << ": " << probe.err;
    EXPECT_EQ(probe.out, "SERVING\n");
  }
  EXPECT_EQ(Probe(server, {"--probe-service=nothing"}).status, 1);
  EXPECT_TRUE(ListNodes(Connect(server.address())).ok());

  const absl::Time told = absl::Now();
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
  EXPECT_LT(absl::Now() - told, absl::Seconds(10));
  EXPECT_THAT(server.process().err(), HasSubstr("msg=\"serving\""));
  EXPECT_THAT(server.process().err(), HasSubstr("msg=\"ended\""));
  EXPECT_EQ(Probe(server).status, 1);
}

TEST(LifecycleTest, SigintDoesTheSame) {
  TestServer server;
  server.process().Signal(SIGINT);
  EXPECT_EQ(server.process().Wait(), 0);
}

TEST(LifecycleTest, DrainTellsSessionsAndWaitsForThem) {
  TestServer server({"--drain-deadline=1h", "--drain-to=elsewhere:50551"});
  TestWorker worker(Connect(server.address()), "n0");
  v1::ConnectResponse m;
  ASSERT_TRUE(worker.Await(v1::ConnectResponse::kWelcome, &m));
  // A watch must not hold up the end.
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::WatchUtilizationResponse update;
  const auto admin = v1::AdminService::NewStub(Connect(server.address()));
  auto watch = admin->WatchUtilization(&context, v1::WatchUtilizationRequest());
  ASSERT_TRUE(watch->Read(&update));
  EXPECT_EQ(update.nodes(0).node_id(), "n0");

  server.process().Signal(SIGTERM);
  ASSERT_TRUE(worker.Await(v1::ConnectResponse::kDrain, &m));
  EXPECT_EQ(m.drain().reconnect_to(), "elsewhere:50551");
  EXPECT_TRUE(Eventually([&] {
    const RunResult probe =
        Probe(server, {"--probe-service=kvplace.v1.SessionService"});
    return probe.status == 1 && probe.out == "NOT_SERVING\n";
  }));
  EXPECT_EQ(Probe(server).out, "NOT_SERVING\n");
  EXPECT_TRUE(server.process().running());
  EXPECT_THAT(testing::HttpGet(server.metrics_port(), "/metrics"),
              HasSubstr("\nkvplace_draining 1\n"));
  // New ones are not taken.
  TestWorker late(Connect(server.address()), "n1");
  EXPECT_EQ(late.Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);

  EXPECT_TRUE(worker.Finish().ok());
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
}

TEST(LifecycleTest, DrainEndsAtItsDeadline) {
  TestServer server({"--drain-deadline=100ms"});
  TestWorker worker(Connect(server.address()), "n0");
  v1::ConnectResponse m;
  ASSERT_TRUE(worker.Await(v1::ConnectResponse::kWelcome, &m));
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
}

TEST(LifecycleTest, ASecondSignalEndsItAtOnce) {
  TestServer server({"--drain-deadline=1h"});
  TestWorker worker(Connect(server.address()), "n0");
  v1::ConnectResponse m;
  ASSERT_TRUE(worker.Await(v1::ConnectResponse::kWelcome, &m));
  server.process().Signal(SIGTERM);
  ASSERT_TRUE(worker.Await(v1::ConnectResponse::kDrain, &m));
  EXPECT_TRUE(server.process().Logs("draining"));
  server.process().Signal(SIGINT);
  EXPECT_EQ(server.process().Wait(absl::Seconds(10)), 128 + SIGINT);
}

TEST(LifecycleTest, ReflectionAndChannelzAreSwitches) {
  TestServer on({"--channelz=on"});
  const ChannelPtr channel = Connect(on.address());
  const RawAnswer listed = CallRaw(channel, kReflection, kListServices);
  EXPECT_TRUE(listed.status.ok()) << listed.status.error_message();
  EXPECT_THAT(listed.bytes, HasSubstr("kvplace.v1.SessionService"));
  EXPECT_THAT(listed.bytes, HasSubstr("kvplace.v1.AdminService"));
  const RawAnswer servers =
      CallRaw(channel, "/grpc.channelz.v1.Channelz/GetServers", "");
  EXPECT_TRUE(servers.status.ok()) << servers.status.error_message();

  TestServer off({"--reflection=off"});
  EXPECT_EQ(CallRaw(Connect(off.address()), kReflection, kListServices)
                .status.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(CallRaw(Connect(off.address()),
                    "/grpc.channelz.v1.Channelz/GetServers", "")
                .status.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST(LifecycleTest, MetricsAreServed) {
  TestServer server;
  TestWorker worker(Connect(server.address()), "n0");
  worker.SendInventory();
  worker.SendStep();
  v1::ConnectResponse m;
  ASSERT_TRUE(worker.Await(v1::ConnectResponse::kPlan, &m))
      << server.process().err();
  const auto metrics = [&server] {
    return testing::HttpBody(
        testing::HttpGet(server.metrics_port(), "/metrics"));
  };
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(
        metrics(), "\nkvplace_steps_total{device=\"0\",node=\"n0\"} 1\n");
  })) << metrics();
  const std::string text = metrics();
  EXPECT_THAT(text, HasSubstr("\nkvplace_sessions 1\n"));
  EXPECT_THAT(text, HasSubstr("kvplace_build_info{"));
  EXPECT_THAT(text, Not(HasSubstr("process_start_time_seconds 0\n")));
  // 8 blocks of 64 bytes, all read.
  EXPECT_THAT(text, HasSubstr("kvplace_read_bytes_total{device=\"0\",node="
                              "\"n0\",tier=\"dram\"} 512\n"));
}

TEST(LifecycleTest, MetricsCanBeOff) {
  TempDir dir;
  DaemonProcess process({"--listen=127.0.0.1:0", "--metrics-listen=off",
                         "--status-listen=off",
                         "--port-file=" + dir.File("p")});
  ASSERT_TRUE(Eventually([&] { return !ReadFile(dir.File("p")).empty(); }));
  EXPECT_TRUE(
      nlohmann::json::parse(ReadFile(dir.File("p")))["metrics"].is_null());
}

TEST(LifecycleTest, TheStatusPageFollowsWorkersAndADrain) {
  TestServer server({"--drain-deadline=1h"});
  EXPECT_THAT(testing::HttpGet(server.status_port(), "/"),
              HasSubstr("<title>kvplace status</title>"));
  const auto document = [&server] {
    return nlohmann::json::parse(testing::HttpBody(
        testing::HttpGet(server.status_port(), "/api/v1/status")));
  };
  EXPECT_EQ(document()["server"]["listen"], server.address());
  EXPECT_TRUE(document()["nodes"].empty());
  TestWorker worker(Connect(server.address()), "n0");
  worker.SendInventory();
  worker.SendStep();
  EXPECT_TRUE(Eventually([&] {
    const auto nodes = document()["nodes"];
    return nodes.size() == 1 && nodes[0]["devices"][0]["steps"] == 1;
  })) << document();
  EXPECT_EQ(document()["sessions"][0]["node_id"], "n0");
  EXPECT_EQ(document()["server"]["draining"], false);
  server.process().Signal(SIGTERM);
  EXPECT_TRUE(
      Eventually([&] { return document()["server"]["draining"] == true; }));
  EXPECT_TRUE(worker.Finish().ok());
  EXPECT_EQ(server.process().Wait(), 0) << server.process().err();
}

TEST(LifecycleTest, TheStatusPageCanBeOff) {
  for (const char* off : {"--status-listen=off", "--status-listen="}) {
    TempDir dir;
    DaemonProcess process({"--listen=127.0.0.1:0", "--metrics-listen=off", off,
                           "--port-file=" + dir.File("p")});
    ASSERT_TRUE(Eventually([&] { return !ReadFile(dir.File("p")).empty(); }));
    EXPECT_TRUE(
        nlohmann::json::parse(ReadFile(dir.File("p")))["status"].is_null())
        << off;
  }
}

TEST(LifecycleTest, TheLogIsJsonIfAskedFor) {
  TestServer server({"--log-format=json"});
  server.process().Signal(SIGTERM);
  ASSERT_EQ(server.process().Wait(), 0);
  std::istringstream lines(server.process().err());
  int n = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << line;
    EXPECT_TRUE(json.contains("ts") && json.contains("level") &&
                json.contains("msg") && json.contains("cause"));
  }
  EXPECT_GE(n, 3);
}

TEST(LifecycleTest, WarnsOfWhatOthersReach) {
  TempDir dir;
  DaemonProcess process({"--listen=0.0.0.0:0", "--metrics-listen=off",
                         "--status-listen=off",
                         "--port-file=" + dir.File("p")});
  EXPECT_TRUE(process.Logs("plaintext on an address that others reach"));
  EXPECT_TRUE(process.Logs("set --admin-token-file"));
  DaemonProcess page({"--listen=127.0.0.1:0", "--metrics-listen=off",
                      "--status-listen=0.0.0.0:0",
                      "--port-file=" + dir.File("q")});
  EXPECT_TRUE(page.Logs("whoever reaches the status page reads"));
}

TEST(LifecycleTest, RecordsSessions) {
  TempDir dir;
  {
    TestServer server({"--record-dir=" + dir.File("traces")});
    TestWorker worker(Connect(server.address()), "n0");
    worker.SendInventory();
    for (int i = 0; i < 5; ++i) worker.SendStep();
    v1::ConnectResponse m;
    ASSERT_TRUE(worker.Await(v1::ConnectResponse::kPlan, &m));
    EXPECT_TRUE(worker.Finish().ok());
    server.process().Signal(SIGTERM);
    ASSERT_EQ(server.process().Wait(), 0) << server.process().err();
    EXPECT_THAT(server.process().err(), Not(HasSubstr("recorder")));
  }
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(dir.File("traces"))) {
    names.push_back(entry.path());
  }
  ASSERT_EQ(names.size(), 1u);
  EXPECT_THAT(names[0], HasSubstr("/n0-0-"));
  const TraceContent trace = ReadTrace(names[0]);
  EXPECT_TRUE(trace.status.ok()) << trace.status;
  // Header, Hello, inventory and the steps.
  ASSERT_EQ(trace.records.size(), 8u);
  EXPECT_EQ(trace.records[1].hello().node_id(), "n0");
  EXPECT_EQ(trace.records[7].step().step(), 4);
}

}  // namespace
}  // namespace kvplace
