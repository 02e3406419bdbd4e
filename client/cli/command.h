// What the subcommands of kvplacectl have in common: running after parsing,
// exit codes, options with a parser of our own.
//
// Exit codes: 0 success, 1 a run that failed, 2 wrong usage. Errors go to
// stderr as "program: what was wrong and what was expected". CLI11 reports
// by exceptions; they do not leave ParseAndRun. Thread-safety: one thread.
#ifndef KVPLACE_CLIENT_CLI_COMMAND_H_
#define KVPLACE_CLIENT_CLI_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// An error that ends the program with kExitUsage; any other Status that a
// command returns ends it with kExitFailed.
absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

// NAME=NUMBER, a parameter of a policy.
absl::StatusOr<std::pair<std::string, double>> ParsePolicyParameter(
    const std::string& text);

// `run` is called when the command line was parsed and named `command`.
void SetRun(CLI::App* command, std::function<absl::Status()> run);

// Parses, runs, reports; returns the exit code. Does not exit. A command may
// also throw CLI::RuntimeError(code) after it has printed why itself.
int ParseAndRun(CLI::App* app, int argc, const char* const* argv);

// "kvplacectl: warning: words" on stderr.
void PrintWarning(absl::string_view words);

// An option whose value goes through `parse`; what it refuses is wrong usage
// and is reported as "flag: value: why". `target` must outlive `command`.
template <typename T, typename Parse>
CLI::Option* AddParsedOption(CLI::App* command, const std::string& flag,
                             Parse parse, T* target,
                             const std::string& description) {
  return command->add_option_function<std::string>(
      flag,
      [flag, parse, target](const std::string& text) {
        auto value = parse(text);
        if (!value.ok()) {
          throw CLI::ValidationError(
              flag, absl::StrCat("\"", text, "\": ", value.status().message()));
        }
        *target = *std::move(value);
      },
      description);
}

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_COMMAND_H_
