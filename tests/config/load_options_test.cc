#include "server/config/load_options.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/option_table.h"
#include "tests/config/config_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// A value that is not the default, for every option.
const std::map<std::string, std::string>& OtherValues() {
  static const auto* const kValues = new std::map<std::string, std::string>{
      {"listen", "[::1]:7"},
      {"metrics-listen", "off"},
      {"metrics-groups", "32"},
      {"status-listen", "off"},
      {"port-file", "/p"},
      {"keepalive-time", "1m"},
      {"keepalive-timeout", "3s"},
      {"reflection", "off"},
      {"channelz", "on"},
      {"tls-cert", "/c"},
      {"tls-key", "/k"},
      {"tls-client-ca", "/a"},
      {"tls-reload-interval", "1s"},
      {"admin-token-file", "/t"},
      {"policy", "balanced"},
      {"policy-param", "slack=0.25"},
      {"mode", "observe"},
      {"max-sessions", "7"},
      {"max-message-size", "1MiB"},
      {"max-blocks-per-session", "1000"},
      {"max-blocks-total", "100000"},
      {"heartbeat-timeout", "3s"},
      {"max-consecutive-resyncs", "3"},
      {"plan-lifetime-steps", "5"},
      {"drain-deadline", "1s"},
      {"drain-to", "other:1"},
      {"sample-every", "2"},
      {"max-sample-every", "8"},
      {"overload-lag", "20ms"},
      {"overload-recovery-steps", "9"},
      {"hindsight-window-steps", "0"},
      {"hindsight-cpu-share", "0.5"},
      {"record-dir", "/r"},
      {"record-file-size", "2MiB"},
      {"record-total-size", "3MiB"},
      {"record-queue-size", "5MiB"},
      {"log-format", "json"},
      {"log-level", "debug"},
  };
  return *kValues;
}

std::vector<std::string> OtherFlags() {
  std::vector<std::string> flags;
  for (const auto& [name, value] : OtherValues()) {
    flags.push_back(absl::StrCat("--", name, "=", value));
  }
  return flags;
}

std::string OtherYaml() {
  std::string yaml;
  for (const auto& [name, value] : OtherValues()) {
    if (name == "policy-param") {
      absl::StrAppend(&yaml, name, ": {slack: 0.25}\n");
    } else {
      absl::StrAppend(&yaml, name, ": '", value, "'\n");
    }
  }
  return yaml;
}

TEST(LoadOptionsTest, DefaultsAreSound) {
  const auto loaded = Load({});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(Compare(Options(), loaded->options).empty());
  EXPECT_TRUE(loaded->sources.empty());
}

TEST(LoadOptionsTest, EveryOptionIsAFlagAndAKey) {
  ASSERT_EQ(OtherValues().size(), OptionTable().size());
  const auto by_flag = Load(OtherFlags());
  const auto by_file = Load({}, OtherYaml());
  ASSERT_TRUE(by_flag.ok()) << by_flag.status();
  ASSERT_TRUE(by_file.ok()) << by_file.status();
  for (const OptionSpec& spec : OptionTable()) {
    EXPECT_EQ(ValueText(spec, by_flag->options), OtherValues().at(spec.name));
    EXPECT_EQ(ValueText(spec, by_file->options), OtherValues().at(spec.name));
    EXPECT_NE(ValueText(spec, Options()), OtherValues().at(spec.name));
    EXPECT_EQ(by_flag->sources.at(spec.name), "flag");
    EXPECT_THAT(by_file->sources.at(spec.name), HasSubstr("kvplaced.yaml:"));
  }
}

TEST(LoadOptionsTest, FlagOverFileOverDefault) {
  const auto loaded =
      Load({"--max-sessions=5", "--policy-param=hysteresis=0.5"},
           "max-sessions: 6\nplan-lifetime-steps: 7\n"
           "policy-param: {hysteresis: 0.75}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->options.service.max_sessions, 5u);
  EXPECT_EQ(loaded->options.service.plan_lifetime_steps, 7u);
  EXPECT_EQ(loaded->options.service.sample_every, 1u);
  EXPECT_THAT(loaded->options.service.defaults.parameters,
              ElementsAre(Pair("hysteresis", 0.5)));
  EXPECT_EQ(loaded->sources.at("max-sessions"), "flag");
}

TEST(LoadOptionsTest, AnEmptyFlagWinsToo) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--drain-to="}, {"--drain-to", ""}}) {
    const auto loaded = Load(flags, "drain-to: other:1\n");
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->options.drain_to, "");
  }
  EXPECT_EQ(Problem({"--max-sessions="}),
            "--max-sessions is \"\", expected 1..1000000");
}

TEST(LoadOptionsTest, WhatIsPrintedReadsBack) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, OtherFlags()}) {
    const auto loaded = Load(flags);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto again = Load({}, ToYaml(*loaded));
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << ToYaml(*loaded);
    EXPECT_TRUE(Compare(loaded->options, again->options).empty());
  }
}

TEST(LoadOptionsTest, PrintsWhereValuesComeFrom) {
  const auto loaded = Load({"--mode=advise"}, "\n\nlog-level: error\n");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const std::string yaml = ToYaml(*loaded);
  EXPECT_THAT(yaml, HasSubstr("\nmode: advise  # flag\n"));
  EXPECT_THAT(yaml, HasSubstr("\nlisten: 127.0.0.1:50551  # default\n"));
  EXPECT_THAT(yaml, HasSubstr("kvplaced.yaml:3\n"));
}

TEST(LoadOptionsTest, BadFlagsAreNamed) {
  EXPECT_EQ(Problem({"--max-sessions=0"}),
            "--max-sessions is \"0\", expected 1..1000000");
  EXPECT_EQ(Problem({"--max-sessions", "many"}),
            "--max-sessions is \"many\", expected 1..1000000");
  EXPECT_EQ(Problem({"--max-message-size=1GB"}),
            "--max-message-size is \"1GB\", expected a size in 1KiB..512MiB");
  EXPECT_EQ(Problem({"--heartbeat-timeout=10"}),
            "--heartbeat-timeout is \"10\", expected a duration in 10ms..1h");
  EXPECT_EQ(Problem({"--listen=localhost"}),
            "--listen is \"localhost\", expected host:port, port 0 for any");
  EXPECT_EQ(Problem({"--mode=play"}),
            "--mode is \"play\", expected one of act, advise, observe");
  EXPECT_EQ(Problem({"--reflection=maybe"}),
            "--reflection is \"maybe\", expected one of on, off");
  EXPECT_EQ(Problem({"--policy-param=decay"}),
            "--policy-param is \"decay\", expected name=number");
  EXPECT_EQ(Problem({"--policy-param=decay=1", "--policy-param=decay=1"}),
            "--policy-param is \"decay=1\", expected each name once");
}

TEST(LoadOptionsTest, BadHindsightOptionsAreNamed) {
  EXPECT_EQ(Problem({"--hindsight-window-steps=1025"}),
            "--hindsight-window-steps is \"1025\", expected 0..1024");
  for (const char* bad : {"0", "1.5", "nan", "5%", "inf", "-1"}) {
    EXPECT_EQ(Problem({absl::StrCat("--hindsight-cpu-share=", bad)}),
              absl::StrCat("--hindsight-cpu-share is \"", bad,
                           "\", expected 0.001..1"));
  }
}

TEST(LoadOptionsTest, PoliciesAreChecked) {
  EXPECT_THAT(Problem({"--policy=best"}),
              StartsWith("--policy cannot be used: policy is \"best\", "
                         "expected one of static,"));
  for (const std::string name :
       {"lookahead-1", "slack-oracle", "annealed-oracle", "belady"}) {
    EXPECT_THAT(Problem({"--policy=" + name}),
                StartsWith("--policy cannot be used: policy " + name +
                           " knows the future"));
    EXPECT_THAT(Problem({}, "policy: " + name + "\n"),
                StartsWith("kvplaced.yaml:1: policy cannot be used: policy " +
                           name + " knows the future"));
  }
  EXPECT_THAT(Problem({}, "policy: lfu\npolicy-param: {decay: 3}\n"),
              StartsWith("kvplaced.yaml:1: policy cannot be used: parameter "
                         "decay of policy lfu is 3, expected 0.01.."));
  EXPECT_THAT(Problem({"--policy=lru", "--policy-param=decay=0.5"}),
              HasSubstr("policy lru has no parameter decay"));
}

TEST(LoadOptionsTest, WhatDoesNotFitTogetherIsNamed) {
  EXPECT_EQ(Problem({"--tls-cert=a"}),
            "--tls-key is empty, expected the key of tls-cert");
  EXPECT_EQ(Problem({"--tls-key=a"}),
            "--tls-cert is empty, expected the certificate of tls-key");
  EXPECT_EQ(Problem({}, "tls-client-ca: a\n"),
            "kvplaced.yaml:1: tls-client-ca asks for clients' certificates, "
            "expected tls-cert and tls-key too");
  EXPECT_EQ(Problem({"--max-blocks-total=1"}),
            "--max-blocks-total is 1, expected at least the 4194304 of "
            "max-blocks-per-session");
  EXPECT_EQ(Problem({"--sample-every=65"}),
            "--sample-every is 65, expected at most the 64 of "
            "max-sample-every");
  EXPECT_EQ(Problem({"--record-total-size=1MiB"}),
            "--record-total-size is 1MiB, expected at least the 256MiB of "
            "record-file-size");
}

// The table's ranges are the service's own.
TEST(LoadOptionsTest, TheServiceTakesEveryValueInRange) {
  for (const std::vector<std::string>& flags : {
           std::vector<std::string>{"--max-sessions=1000000",
                                    "--max-message-size=512MiB"},
           {"--max-sessions=1", "--max-message-size=1KiB"},
           {"--max-blocks-per-session=268435456",
            "--max-blocks-total=1099511627776"},
           {"--max-blocks-per-session=1", "--max-blocks-total=1"},
           {"--heartbeat-timeout=1h", "--drain-deadline=1h"},
           {"--heartbeat-timeout=10ms", "--drain-deadline=0s"},
           {"--max-consecutive-resyncs=1000", "--plan-lifetime-steps=1000000"},
           {"--max-sample-every=1024", "--sample-every=1024"},
           {"--max-sample-every=1", "--sample-every=1"},
           {"--overload-lag=1m", "--overload-recovery-steps=1000000"},
           {"--overload-lag=100us", "--overload-recovery-steps=1"},
           {"--hindsight-window-steps=1024", "--hindsight-cpu-share=1"},
           {"--hindsight-window-steps=0", "--hindsight-cpu-share=0.001"},
       }) {
    const auto loaded = Load(flags);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
  }
}

// The example of docs/operations.md, "Capacity".
TEST(LoadOptionsTest, TheDocumentedSizesFit) {
  const uint64_t pages = 32768 / 16;
  const uint64_t handles = 64 * pages * 32;
  EXPECT_EQ(handles, 4'194'304u);
  EXPECT_EQ(Options().service.max_blocks_per_session, handles);
  EXPECT_EQ(64 * handles, 268'435'456u);
  EXPECT_LT(Options().service.max_blocks_total, 64 * handles);
  EXPECT_EQ(Problem({"--max-blocks-total=268435456"}), "no problem");
  EXPECT_EQ(64 * handles * 64, uint64_t{16} << 30);
}

TEST(LoadOptionsTest, ComparesAndTakesOverWhatIsReloadable) {
  const auto before = Load({});
  const auto after = Load({"--log-level=debug", "--max-sessions=9",
                           "--policy=balanced", "--policy-param=slack=0.1"});
  ASSERT_TRUE(before.ok() && after.ok());
  const auto change = [](const char* option, const char* from, const char* to,
                         bool reloadable) {
    return AllOf(Field(&OptionChange::option, option),
                 Field(&OptionChange::before, from),
                 Field(&OptionChange::after, to),
                 Field(&OptionChange::reloadable, reloadable));
  };
  EXPECT_THAT(
      Compare(before->options, after->options),
      UnorderedElementsAre(change("log-level", "info", "debug", true),
                           change("max-sessions", "4096", "9", false),
                           change("policy", "shadow-price", "balanced", true),
                           change("policy-param", "", "slack=0.1", true)));
  const Options merged = WithReloadable(before->options, after->options);
  EXPECT_EQ(merged.log_level, Severity::kDebug);
  EXPECT_EQ(merged.service.max_sessions, 4096u);
  EXPECT_EQ(merged.service.defaults.policy, "balanced");
  EXPECT_THAT(merged.service.defaults.parameters,
              ElementsAre(Pair("slack", 0.1)));
  EXPECT_TRUE(WithReloadable(after->options, before->options)
                  .service.defaults.parameters.empty());
}

}  // namespace
}  // namespace kvplace
