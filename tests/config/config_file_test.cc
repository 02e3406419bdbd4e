#include "server/config/config_file.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/config/config_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ConfigFileTest, UnknownKeysNameFileLineAndWhatIsNear) {
  EXPECT_EQ(Problem({}, "listen: a:1\n\nmax-sesions: 4\n"),
            "kvplaced.yaml:3: no option \"max-sesions\", did you mean "
            "max-sessions?");
  EXPECT_EQ(Problem({}, "log_level: info\n"),
            "kvplaced.yaml:1: no option \"log_level\", did you mean "
            "log-level?");
  EXPECT_THAT(Problem({}, "tls: {cert: a}\n"),
              HasSubstr("did you mean tls-key or tls-cert or tls-client-ca?"));
  EXPECT_THAT(Problem({}, "quorum: 3\n"),
              StartsWith("kvplaced.yaml:1: no option \"quorum\", known are: "
                         "listen, metrics-listen,"));
  // What is a flag only is no key.
  EXPECT_THAT(Problem({}, "check-config: true\n"), HasSubstr("no option"));
}

TEST(ConfigFileTest, WrongValuesNameFileLineAndKey) {
  EXPECT_EQ(Problem({}, "\nmax-sessions: lots\n"),
            "kvplaced.yaml:2: max-sessions is \"lots\", expected 1..1000000");
  EXPECT_EQ(Problem({}, "max-sessions: [1]\n"),
            "kvplaced.yaml:1: max-sessions is a list, expected 1..1000000");
  EXPECT_EQ(Problem({}, "max-sessions:\n"),
            "kvplaced.yaml:1: max-sessions is empty, expected 1..1000000");
  EXPECT_EQ(Problem({}, "policy: {name: lfu}\n"),
            "kvplaced.yaml:1: policy is a map, expected one of static, "
            "reactive-layer, reactive-page, lru, lfu, balanced, shadow-price");
  EXPECT_EQ(Problem({}, "policy-param: decay=0.5\n"),
            "kvplaced.yaml:1: policy-param is one value, expected a map, "
            "name: number");
  EXPECT_EQ(Problem({}, "policy-param:\n  decay: [1]\n"),
            "kvplaced.yaml:2: policy-param: expected name: number");
  EXPECT_EQ(Problem({}, "policy-param:\n  decay: much\n"),
            "kvplaced.yaml:2: policy-param is \"decay=much\", expected "
            "name=number");
  EXPECT_EQ(Problem({}, "mode: act\nmode: act\n"),
            "kvplaced.yaml:2: mode is given twice, first in line 1");
  // A flag for the same does not hide it.
  EXPECT_EQ(Problem({"--max-sessions=4"}, "max-sessions: lots\n"),
            "kvplaced.yaml:1: max-sessions is \"lots\", expected 1..1000000");
}

TEST(ConfigFileTest, WhatIsNoMapOfOptions) {
  EXPECT_EQ(Problem({}, "- listen\n"),
            "kvplaced.yaml:1: expected a map of options to values");
  EXPECT_THAT(Problem({}, "listen: [\n"), HasSubstr(": not YAML: "));
  EXPECT_THAT(Problem({}, "a: 1\n\tb: 2\n"), HasSubstr("kvplaced.yaml:2: not"));
  EXPECT_EQ(Problem({}, "[a]: 1\n"),
            "kvplaced.yaml:1: expected the name of an option");
  EXPECT_EQ(Problem({}, "mode: act\n---\nmode: act\n"),
            "kvplaced.yaml:2: a second YAML document, expected one");
  EXPECT_EQ(Problem({}, "# nothing\n"), "no problem");
  EXPECT_EQ(Problem({}, std::string(2 << 20, '#')),
            "kvplaced.yaml: is larger than 1MiB, expected a file of options");
}

TEST(ConfigFileTest, FilesThatCannotBeRead) {
  EXPECT_EQ(Problem({"--config=/nowhere/k.yaml"}),
            "--config: cannot read /nowhere/k.yaml: No such file or directory");
  EXPECT_THAT(Problem({"--config=/"}), HasSubstr("cannot read /: "));
}

// Whatever the file says, the answer is settings or an error.
TEST(ConfigFileTest, SurvivesGarbage) {
  std::mt19937 random(20260101);
  const std::string alphabet = "listen:policy-param{}[],&*!|>'\"#%@`\n\t -0a";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (unsigned n = random() % 60; n > 0; --n) {
      text.push_back(alphabet[random() % alphabet.size()]);
    }
    const auto parsed = ParseConfig("f", text);
    if (!parsed.ok()) {
      EXPECT_THAT(std::string(parsed.status().message()), StartsWith("f:"))
          << text;
    }
  }
}

}  // namespace
}  // namespace kvplace
