#include "server/config/command_line.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/option_table.h"
#include "tests/config/config_test_util.h"

namespace kvplace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

using Action = Invocation::Action;

Action ActionOf(const std::vector<std::string>& arguments) {
  const auto invocation = ParseCommandLine(arguments);
  EXPECT_TRUE(invocation.ok()) << invocation.status();
  return invocation.ok() ? invocation->action : Action::kServe;
}

TEST(CommandLineTest, Actions) {
  EXPECT_EQ(ActionOf({}), Action::kServe);
  EXPECT_EQ(ActionOf({"--help"}), Action::kHelp);
  EXPECT_EQ(ActionOf({"-h"}), Action::kHelp);
  EXPECT_EQ(ActionOf({"--version"}), Action::kShowVersion);
  EXPECT_EQ(ActionOf({"--check-config"}), Action::kCheckConfig);
  EXPECT_EQ(ActionOf({"--probe"}), Action::kProbe);
  // Help is given even to those who ask wrongly.
  EXPECT_EQ(ActionOf({"--help", "--nonsense"}), Action::kHelp);
}

TEST(CommandLineTest, Probe) {
  const auto invocation =
      ParseCommandLine({"--probe", "--probe-address=a:1", "--probe-service",
                        "x", "--probe-timeout=5s", "--probe-ca=c",
                        "--probe-cert=d", "--probe-key=k"});
  ASSERT_TRUE(invocation.ok()) << invocation.status();
  EXPECT_EQ(invocation->probe.address, "a:1");
  EXPECT_EQ(invocation->probe.service, "x");
  EXPECT_EQ(invocation->probe.timeout, absl::Seconds(5));
  EXPECT_EQ(invocation->probe.ca, "c");
  EXPECT_EQ(Problem({"--probe-service=x"}),
            "--probe-service is given, expected --probe with it");
  EXPECT_EQ(Problem({"--probe", "--probe-address=a"}),
            "--probe-address is \"a\", expected host:port");
  EXPECT_EQ(Problem({"--probe", "--probe-timeout=5"}),
            "--probe-timeout is \"5\", expected a duration in 1ms..1h");
  EXPECT_EQ(Problem({"--probe", "--probe-cert=c"}),
            "--probe-cert or --probe-key is missing, expected both or neither");
}

TEST(CommandLineTest, WrongUsage) {
  EXPECT_EQ(Problem({"--lisen=a:1"}),
            "no flag \"--lisen\", did you mean listen?");
  EXPECT_THAT(Problem({"--zzz"}), HasSubstr("no flag \"--zzz\", known are: "));
  EXPECT_EQ(Problem({"serve"}),
            "unexpected argument \"serve\", expected flags only");
  EXPECT_EQ(Problem({"--mode=act", "--mode=act"}),
            "--mode is given 2 times, expected once");
  EXPECT_THAT(Problem({"--listen"}), HasSubstr("--listen"));
}

TEST(CommandLineTest, HelpNamesEveryFlagAndGivesExamples) {
  const std::string help = HelpText();
  for (const OptionSpec& spec : OptionTable()) {
    EXPECT_THAT(help,
                HasSubstr(absl::StrCat("--", spec.name, " ", spec.value)));
  }
  for (const char* text : {"--check-config", "--version", "--probe-service",
                           "Examples:\n  kvplaced ", "127.0.0.1:50551"}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
}

std::string ReadDocument(const std::string& name) {
  const char* root = std::getenv("KVPLACE_SOURCE_DIR");
  std::ifstream file(absl::StrCat(root == nullptr ? "." : root, "/", name));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Flag, default, range and whether SIGHUP reloads it, of each row of the table
// in docs/operations.md, are those of the program.
TEST(CommandLineTest, TheDocumentedFlagsAreTheTable) {
  std::vector<std::string> documented;
  for (absl::string_view line :
       absl::StrSplit(ReadDocument("docs/operations.md"), '\n')) {
    if (!absl::StartsWith(line, "| `--")) continue;
    std::vector<std::string> cells =
        absl::StrSplit(absl::StrReplaceAll(line, {{"\\|", "/"}}), '|');
    ASSERT_EQ(cells.size(), 7u) << line;
    for (std::string& cell : cells) absl::StripAsciiWhitespace(&cell);
    documented.push_back(absl::StrCat(cells[1], " [", cells[2], "] [", cells[3],
                                      "] [", cells[4], "]"));
  }
  std::vector<std::string> table;
  for (const OptionSpec& spec : OptionTable()) {
    const bool range = absl::StrContains(spec.expected, "..");
    std::string expected = absl::StrReplaceAll(
        spec.expected, {{"a size in ", ""}, {"a duration in ", ""}});
    if (!range) expected = absl::StrReplaceAll(spec.value, {{"|", "/"}});
    table.push_back(absl::StrCat("`--", spec.name, "` [",
                                 ValueText(spec, Options()), "] [", expected,
                                 "] [", spec.reloadable ? "yes" : "", "]"));
  }
  EXPECT_THAT(documented, ElementsAreArray(table));
}

}  // namespace
}  // namespace kvplace
