// `kvplacectl trace` from argv to exit code, stdout and stderr, in one process.
#include "client/cli/trace_commands.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "client/cli/command.h"
#include "client/cli/completion.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Outcome {
  int exit_code;
  std::string out;
  std::string err;
};

Outcome Ctl(std::vector<std::string> words) {
  CLI::App app("test", "kvplacectl");
  app.require_subcommand(1);
  RegisterTraceCommands(app);
  RegisterCompletionCommand(app);
  words.insert(words.begin(), "kvplacectl");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_code =
      ParseAndRun(&app, static_cast<int>(argv.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

class TraceCommandsTest : public ::testing::Test {
 protected:
  TraceCommandsTest() {
    // 3 steps, 2 layers, 5 pages stored of which 4 are used.
    std::string masses;
    for (const int32_t field : {3, 2, 5, 10, 4}) {
      masses.append({static_cast<char>(field), 0, 0, 0});
    }
    for (int i = 0; i < 30; ++i) masses.push_back(static_cast<char>(i * 7));
    WriteFile(dir_.File("m"), masses);
  }

  Outcome Import(std::vector<std::string> more) {
    std::vector<std::string> words = {"trace",
                                      "import",
                                      "--from",
                                      "attention-mass",
                                      dir_.File("m"),
                                      "--out",
                                      dir_.File("t.kvtrace")};
    words.insert(words.end(), more.begin(), more.end());
    return Ctl(words);
  }

  TempDir dir_;
};

TEST_F(TraceCommandsTest, ImportThenInfoAsJson) {
  const Outcome import = Import({"--select", "top:3", "--near-misses", "1",
                                 "--kv-bytes-per-token", "1KiB"});
  EXPECT_EQ(import.exit_code, 0) << import.err;
  EXPECT_THAT(import.out, IsEmpty());
  EXPECT_THAT(import.err, IsEmpty());
  const Outcome info =
      Ctl({"trace", "info", dir_.File("t.kvtrace"), "--format", "json"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
  const nlohmann::json json = nlohmann::json::parse(info.out);
  EXPECT_EQ(json["schema"], "kvplace.trace_info/1");
  EXPECT_EQ(json["steps"], 3);
  EXPECT_EQ(json["groups"], 2);
  EXPECT_EQ(json["sequences"], 1);
  EXPECT_EQ(json["page_tokens"], 4);
  EXPECT_EQ(json["kv_bytes_per_token"], 1024);
  EXPECT_EQ(json["block_bytes"], 4096);
  // Pages 0..2 exist before, page 3 begins with step 2.
  EXPECT_EQ(json["blocks"], 8);
  EXPECT_EQ(json["bytes"], 8 * 4096);
  EXPECT_EQ(json["reads"], 18);
  EXPECT_EQ(json["near_misses"], 2);
  EXPECT_EQ(json["masses"], true);
  EXPECT_EQ(json["by_group"].size(), 2u);
  // {0,1,2}, {0,1,2}, {0,2,3}: 5 of 6.
  EXPECT_DOUBLE_EQ(json["overlap"], 5.0 / 6);
  EXPECT_DOUBLE_EQ(json["by_group"][1]["overlap"], 5.0 / 6);
  EXPECT_EQ(json["warnings"].size(), 0u);
}

TEST_F(TraceCommandsTest, InfoAsTable) {
  ASSERT_EQ(Import({}).exit_code, 0);
  const Outcome info = Ctl({"trace", "info", dir_.File("t.kvtrace")});
  EXPECT_EQ(info.exit_code, 0);
  EXPECT_THAT(info.out,
              AllOf(HasSubstr("steps       3\n"), HasSubstr("sequences   1\n"),
                    HasSubstr("\ngroup      reads  overlap\n")));
}

TEST_F(TraceCommandsTest, ExportThenImportGivesTheSameFile) {
  ASSERT_EQ(Import({"--steps", "1:3"}).exit_code, 0);
  const Outcome text =
      Ctl({"trace", "export", "--to", "jsonl", dir_.File("t.kvtrace")});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, StartsWith("{\"header\":{\"format_version\":1,"));
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), 5);
  const Outcome file = Ctl({"trace", "export", "--to", "jsonl", "--out",
                            dir_.File("l"), dir_.File("t.kvtrace")});
  EXPECT_EQ(file.exit_code, 0) << file.err;
  EXPECT_EQ(ReadFile(dir_.File("l")), text.out);
  ASSERT_EQ(Ctl({"trace", "import", "--from", "jsonl", dir_.File("l"), "--out",
                 dir_.File("back")})
                .exit_code,
            0);
  EXPECT_EQ(ReadFile(dir_.File("back")), ReadFile(dir_.File("t.kvtrace")));
}

TEST_F(TraceCommandsTest, SynthIsRepeatable) {
  const auto synth = [&](const std::string& out, const std::string& seed) {
    const Outcome outcome =
        Ctl({"trace", "synth", "--layers", "2", "--sequences", "2", "--context",
             "300", "--steps", "5", "--select-share", "0.25", "--locality",
             "sticky", "--seed", seed, "--out", dir_.File(out)});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return ReadFile(dir_.File(out));
  };
  EXPECT_EQ(synth("a", "5"), synth("b", "5"));
  EXPECT_NE(synth("a", "5"), synth("b", "6"));
}

TEST_F(TraceCommandsTest, SynthOfRequests) {
  const Outcome synth =
      Ctl({"trace", "synth", "--requests", TestData("requests.jsonl"),
           "--first-requests", "3", "--max-active", "2", "--scale-tokens", "2",
           "--time-per-step", "0.1s", "--layers", "2", "--out",
           dir_.File("t.kvtrace")});
  EXPECT_EQ(synth.exit_code, 0) << synth.err;
  const Outcome info =
      Ctl({"trace", "info", dir_.File("t.kvtrace"), "--format", "json"});
  const nlohmann::json json = nlohmann::json::parse(info.out);
  // Outputs 12, 4 and 1: steps 0-12, 0-4 and 5-6.
  EXPECT_EQ(json["steps"], 13);
  EXPECT_EQ(json["sequences"], 3);
  // 140, 54 and 321 tokens.
  EXPECT_EQ(json["blocks"], 2 * (9 + 4 + 21));
}

TEST_F(TraceCommandsTest, FlagsOfSynthThatDoNotBelongTogether) {
  const auto error = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"trace", "synth", "--out", dir_.File("s")});
    const Outcome outcome = Ctl(more);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(dir_.List(), ElementsAre("m"));
    return outcome.err;
  };
  const std::string requests = TestData("requests.jsonl");
  EXPECT_THAT(error({"--requests", requests, "--sequences", "2"}),
              HasSubstr("--sequences: not with --requests"));
  EXPECT_THAT(error({"--requests", requests, "--context", "64"}),
              HasSubstr("--context: not with --requests"));
  for (const std::string flag :
       {"--first-requests", "--max-active", "--scale-tokens"}) {
    EXPECT_THAT(error({flag, "2"}), HasSubstr(flag + ": only with --requests"));
    EXPECT_THAT(error({"--requests", requests, flag, "-1"}), HasSubstr(flag));
  }
  EXPECT_THAT(error({"--time-per-step", "50ms"}), HasSubstr("only with"));
  for (const std::string bad : {"0s", "1.5ms", "-1s", "50", "25h", "inf"}) {
    EXPECT_THAT(error({"--requests", requests, "--time-per-step", bad}),
                HasSubstr("--time-per-step: \"" + bad +
                          "\": expected whole milliseconds"));
  }
}

TEST_F(TraceCommandsTest, CutOffTracesAreWarnedOf) {
  ASSERT_EQ(Import({}).exit_code, 0);
  const std::string bytes = ReadFile(dir_.File("t.kvtrace"));
  WriteTrace(dir_.File("small"), ReadTrace(dir_.File("t.kvtrace")).records, 1);
  const std::string frames = ReadFile(dir_.File("small"));
  WriteFile(dir_.File("cut"), frames.substr(0, frames.size() - 5));
  const Outcome info = Ctl({"trace", "info", dir_.File("cut")});
  EXPECT_EQ(info.exit_code, 0);
  EXPECT_THAT(info.err, StartsWith("kvplacectl: warning: "));
  const Outcome text =
      Ctl({"trace", "export", "--to", "jsonl", dir_.File("cut")});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.err, HasSubstr("the file ends at byte"));
}

TEST_F(TraceCommandsTest, EveryHelpHasAnExample) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"trace"},
                                             {"trace", "import"},
                                             {"trace", "export"},
                                             {"trace", "synth"},
                                             {"trace", "info"},
                                             {"completion"}}) {
    std::vector<std::string> help = words;
    help.push_back("--help");
    const Outcome outcome = Ctl(help);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("\nExample"), HasSubstr("kvplacectl ")));
  }
}

TEST_F(TraceCommandsTest, WrongUsageIs2AndNamesTheFlag) {
  const auto error = [&](const std::vector<std::string>& more) {
    const Outcome outcome = Import(more);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(dir_.List(), ElementsAre("m"));
    return outcome.err;
  };
  EXPECT_THAT(error({"--select", "top:2"}),
              AllOf(StartsWith("kvplacectl: --select: \"top:2\": "),
                    HasSubstr("at least top:3")));
  EXPECT_THAT(error({"--select", "64"}), HasSubstr("expected top:K"));
  EXPECT_THAT(error({"--select", "top:-5"}), HasSubstr("expected top:K"));
  EXPECT_THAT(error({"--near-misses", "-1"}), HasSubstr("--near-misses"));
  EXPECT_THAT(error({"--near-misses", "x"}), HasSubstr("--near-misses"));
  EXPECT_THAT(error({"--steps", "5:3"}),
              HasSubstr("--steps: \"5:3\": no steps; expected A:B"));
  EXPECT_THAT(error({"--kv-bytes-per-token", "0"}),
              HasSubstr("--kv-bytes-per-token: \"0\": expected more than 0"));
  EXPECT_THAT(error({"--kv-bytes-per-token", "4KB"}),
              HasSubstr("expected B, KiB, MiB or GiB"));
  EXPECT_THAT(error({"--kv-bytes-per-token", "nan"}),
              HasSubstr("expected a size"));
  EXPECT_THAT(error({"--level", "20"}), HasSubstr("--level"));
  EXPECT_THAT(error({"--page-tokens", "8"}),
              HasSubstr("--page-tokens: not with --from attention-mass"));
  EXPECT_THAT(error({"--wrong"}), HasSubstr("--wrong"));
  EXPECT_THAT(error({"second"}), HasSubstr("second"));

  EXPECT_EQ(Ctl({}).exit_code, 2);
  EXPECT_EQ(Ctl({"trace"}).exit_code, 2);
  EXPECT_EQ(Ctl({"trace", "nonsense"}).exit_code, 2);
  EXPECT_EQ(Ctl({"trace", "info"}).exit_code, 2);
  EXPECT_EQ(Ctl({"trace", "info", "t", "--format", "xml"}).exit_code, 2);
  EXPECT_EQ(
      Ctl({"trace", "import", "--from", "x", "m", "--out", "t"}).exit_code, 2);
  EXPECT_EQ(Ctl({"trace", "import", "m", "--out", "t"}).exit_code, 2);
  const auto synth = [&](const std::string& flag, const std::string& value) {
    const Outcome outcome =
        Ctl({"trace", "synth", flag, value, "--out", dir_.File("s")});
    EXPECT_THAT(outcome.err, HasSubstr(flag));
    EXPECT_THAT(dir_.List(), ElementsAre("m"));
    return outcome.exit_code;
  };
  EXPECT_EQ(synth("--layers", "0"), 2);
  EXPECT_EQ(synth("--seed", "-1"), 2);
  EXPECT_EQ(synth("--select-share", "0"), 2);
  EXPECT_EQ(synth("--select-share", "nan"), 2);
  EXPECT_EQ(synth("--locality", "calm"), 2);
  EXPECT_EQ(synth("--context", "-1"), 2);
}

TEST_F(TraceCommandsTest, FailedRunsAre1AndNameTheFile) {
  const auto error = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, StartsWith("kvplacectl: "));
    return outcome.err;
  };
  EXPECT_THAT(error(Import({"--steps", "0:4"})),
              AllOf(HasSubstr(dir_.File("m")),
                    HasSubstr("expected a range within 0:3")));
  EXPECT_THAT(error(Ctl({"trace", "synth", "--requests", dir_.File("m"),
                         "--out", dir_.File("s")})),
              HasSubstr(dir_.File("m") + ": line 1: expected a JSON object"));
  EXPECT_THAT(error(Ctl({"trace", "info", dir_.File("absent")})),
              HasSubstr(dir_.File("absent")));
  EXPECT_THAT(error(Ctl({"trace", "info", dir_.File("m")})),
              HasSubstr("not a .kvtrace file"));
  EXPECT_THAT(error(Ctl({"trace", "import", "--from", "attention-mass",
                         dir_.File("m"), "--out", dir_.File("no/t")})),
              HasSubstr("no/t"));
  WriteFile(dir_.File("bad"), "xx");
  EXPECT_THAT(error(Ctl({"trace", "import", "--from", "attention-mass",
                         dir_.File("bad"), "--out", dir_.File("t")})),
              HasSubstr("expected a header of 20"));
  EXPECT_THAT(error(Ctl({"trace", "import", "--from", "authors-csv",
                         dir_.File("bad"), "--out", dir_.File("t")})),
              HasSubstr("has no row"));
  EXPECT_THAT(error(Ctl({"trace", "import", "--from", "jsonl", dir_.File("bad"),
                         "--out", dir_.File("t")})),
              HasSubstr("line 1: not JSON"));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("t")));
}

TEST_F(TraceCommandsTest, ImportAuthorsCsv) {
  WriteFile(dir_.File("c"), "0,0,\"[0, 9]\"\n0,1,\"[4]\"\n1,0,\"[0]\"\n");
  const Outcome import =
      Ctl({"trace", "import", "--from", "authors-csv", dir_.File("c"),
           "--page-tokens", "4", "--kv-bytes-per-token", "2", "--out",
           dir_.File("t")});
  EXPECT_EQ(import.exit_code, 0) << import.err;
  const Outcome info =
      Ctl({"trace", "info", "--format", "json", dir_.File("t")});
  const nlohmann::json json = nlohmann::json::parse(info.out);
  EXPECT_EQ(json["blocks"], 6);
  EXPECT_EQ(json["reads"], 4);
  EXPECT_EQ(json["block_bytes"], 8);
  EXPECT_EQ(json["masses"], false);
}

// Asks bash itself what it would offer after these words.
std::string Offered(const std::string& script, const std::string& words) {
  TempDir dir;
  WriteFile(dir.File("s"),
            script + "COMP_WORDS=(" + words +
                ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_kvplacectl\n"
                "echo \"${COMPREPLY[*]}\"\n");
  const std::string command = "bash '" + dir.File("s") + "' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  size_t got;
  while ((got = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    out.append(buffer, got);
  }
  pclose(pipe);
  return out;
}

TEST_F(TraceCommandsTest, BashCompletion) {
  const Outcome script = Ctl({"completion", "bash"});
  ASSERT_EQ(script.exit_code, 0) << script.err;
  if (system("bash -c true") != 0) GTEST_SKIP() << "no bash here";
  EXPECT_EQ(Offered(script.out, "kvplacectl tr"), "trace\n");
  EXPECT_EQ(Offered(script.out, "kvplacectl trace i"), "import info\n");
  EXPECT_EQ(Offered(script.out, "kvplacectl trace info --fo"), "--format\n");
  EXPECT_EQ(Offered(script.out, "kvplacectl trace info --format ''"),
            "table json\n");
  EXPECT_EQ(Offered(script.out, "kvplacectl trace synth --locality v"),
            "volatile\n");
  EXPECT_EQ(Offered(script.out, "kvplacectl completion ''"),
            "bash zsh fish --help\n");
}

TEST_F(TraceCommandsTest, ZshAndFishCompletion) {
  const Outcome zsh = Ctl({"completion", "zsh"});
  EXPECT_EQ(zsh.exit_code, 0);
  EXPECT_THAT(zsh.out, AllOf(StartsWith("#compdef kvplacectl"),
                             HasSubstr("next='import export synth info")));
  const Outcome fish = Ctl({"completion", "fish"});
  EXPECT_EQ(fish.exit_code, 0);
  EXPECT_THAT(fish.out, HasSubstr("-l locality -d "));
  EXPECT_EQ(Ctl({"completion", "tcsh"}).exit_code, 2);
}

}  // namespace
}  // namespace kvplace
