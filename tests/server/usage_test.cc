// What kvplaced says to people who start it rightly and wrongly.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/daemon_process.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

// Lines of a text.
int64_t Lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

TEST(UsageTest, VersionAndHelp) {
  const RunResult version = RunProgram({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, MatchesRegex("kvplaced [0-9]+\\.[0-9]+\\.[0-9]+ "
                                        "\\(.+\\)\n"));
  EXPECT_THAT(version.err, IsEmpty());
  const RunResult help = RunProgram({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("--max-sessions"));
}

TEST(UsageTest, WrongUsageExitsWithTwoAndNamesTheFlag) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--lisen=a:1"}, "kvplaced: no flag \"--lisen\", did you mean listen?"},
      {{"--max-sessions=0"}, "kvplaced: --max-sessions is \"0\", expected"},
      {{"--policy=belady"}, "policy belady knows the future"},
      {{"--policy=annealed-oracle"}, "annealed-oracle knows the future"},
      {{"--tls-cert=x"}, "kvplaced: --tls-key is empty"},
      {{"--config=/nowhere"}, "kvplaced: --config: cannot read /nowhere"},
  };
  for (const auto& [arguments, text] : cases) {
    const RunResult run = RunProgram(arguments);
    EXPECT_EQ(run.status, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr(text));
    EXPECT_EQ(Lines(run.err), 1) << run.err;
    EXPECT_THAT(run.out, IsEmpty());
  }
}

TEST(UsageTest, CheckConfigPrintsWhatIsInForce) {
  TempDir dir;
  WriteFile(dir.File("k.yaml"), "mode: observe\nmax-sessions: 9\n");
  const RunResult run = RunProgram(
      {"--check-config", "--config", dir.File("k.yaml"), "--max-sessions=10"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out,
              HasSubstr("\nmode: observe  # " + dir.File("k.yaml") + ":1\n"));
  EXPECT_THAT(run.out, HasSubstr("\nmax-sessions: 10  # flag\n"));
  // It is a configuration again.
  WriteFile(dir.File("again.yaml"), run.out);
  const RunResult again =
      RunProgram({"--check-config", "--config", dir.File("again.yaml")});
  EXPECT_EQ(again.status, 0) << again.err;
}

TEST(UsageTest, CheckConfigNamesFileLineAndKey) {
  TempDir dir;
  const std::string path = dir.File("k.yaml");
  WriteFile(path, "mode: act\nmax_sessions: 9\n");
  const RunResult run = RunProgram({"--check-config", "--config", path});
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.err, "kvplaced: " + path +
                         ":2: no option \"max_sessions\", did you mean "
                         "max-sessions?\n");
}

TEST(UsageTest, TheExampleConfigurationIsGood) {
  const RunResult run = RunProgram(
      {"--check-config", "--config", SourcePath("deploy/kvplaced.yaml")});
  EXPECT_EQ(run.status, 0) << run.err;
}

// The block of YAML in docs/operations.md.
TEST(UsageTest, TheDocumentedConfigurationIsGood) {
  const std::string document = ReadFile(SourcePath("docs/operations.md"));
  const size_t begin = document.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const size_t end = document.find("```", begin + 8);
  TempDir dir;
  WriteFile(dir.File("k.yaml"), document.substr(begin + 8, end - begin - 8));
  const RunResult run =
      RunProgram({"--check-config", "--config", dir.File("k.yaml")});
  EXPECT_EQ(run.status, 0) << run.err;
}

TEST(UsageTest, APortInUseIsNamedWithItsFlag) {
  TestServer server;
  const RunResult grpc =
      RunProgram({"--listen=" + server.address(), "--metrics-listen=off",
                  "--status-listen=off"});
  EXPECT_EQ(grpc.status, 2);
  EXPECT_THAT(grpc.err, HasSubstr("--listen " + server.address() +
                                  ": Address already in use"));
  EXPECT_EQ(Lines(grpc.err), 1) << grpc.err;
  const std::string metrics = absl::StrCat("127.0.0.1:", server.metrics_port());
  const RunResult http =
      RunProgram({"--listen=127.0.0.1:0", "--metrics-listen=" + metrics,
                  "--status-listen=off"});
  EXPECT_EQ(http.status, 2);
  EXPECT_THAT(http.err, HasSubstr("--metrics-listen " + metrics +
                                  ": Address already in use"));
  EXPECT_EQ(Lines(http.err), 1) << http.err;
  const std::string page = absl::StrCat("127.0.0.1:", server.status_port());
  const RunResult status =
      RunProgram({"--listen=127.0.0.1:0", "--metrics-listen=off",
                  "--status-listen=" + page});
  EXPECT_EQ(status.status, 2);
  EXPECT_THAT(status.err, HasSubstr("--status-listen " + page +
                                    ": Address already in use"));
  EXPECT_EQ(Lines(status.err), 1) << status.err;
  // And the one that was there is still well.
  EXPECT_TRUE(server.process().running());
}

TEST(UsageTest, FilesThatCannotBeUsedStopTheStart) {
  TempDir dir;
  WriteFile(dir.File("short"), "secret");
  WriteFile(dir.File("cert"), "no certificate");
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--port-file=/nowhere/p"}, "--port-file /nowhere/p: "},
      {{"--admin-token-file=/nowhere"}, "--admin-token-file /nowhere: "},
      {{"--admin-token-file=" + dir.File("short")}, "holds 6 characters"},
      {{"--record-dir=/proc/x"}, "--record-dir: cannot make the folder"},
      {{"--record-dir=" + dir.File("short")}, "--record-dir: cannot "},
      {{"--tls-cert=/nowhere", "--tls-key=/nowhere"}, "--tls-cert /nowhere: "},
      {{"--tls-cert=" + dir.File("cert"), "--tls-key=" + dir.File("cert")},
       "holds no certificate"},
      {{"--listen=192.0.2.1:1"}, "Cannot assign requested address"},
  };
  for (const auto& [flags, text] : cases) {
    std::vector<std::string> arguments = {"--metrics-listen=off",
                                          "--status-listen=off"};
    if (flags[0].rfind("--listen", 0) != 0) {
      arguments.push_back("--listen=127.0.0.1:0");
    }
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const RunResult run = RunProgram(arguments);
    EXPECT_EQ(run.status, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr(text));
    EXPECT_EQ(Lines(run.err), 1) << run.err;
  }
}

TEST(UsageTest, AProbeWithoutAServerFails) {
  const RunResult run = RunProgram({"--probe", "--probe-address=127.0.0.1:1"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.err, StartsWith("kvplaced: 127.0.0.1:1: "));
}

}  // namespace
}  // namespace kvplace
