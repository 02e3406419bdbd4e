#include "client/cli/command.h"

#include <iostream>
#include <string>

#include "absl/strings/numbers.h"

namespace kvplace {
namespace {

constexpr absl::string_view kUsagePayload = "kvplacectl/usage";

// Carries a command's Status through CLI11.
class CommandFailed : public CLI::Error {
 public:
  explicit CommandFailed(absl::Status status)
      : CLI::Error("CommandFailed", std::string(status.message()), kExitFailed),
        status_(std::move(status)) {}

  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

void PrintError(const CLI::App& app, const std::string& words) {
  std::cerr << app.get_name() << ": " << words << "\n";
}

// The command that was being parsed, for the hint at its help.
std::string ChosenCommand(const CLI::App& app) {
  std::string path = app.get_name();
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    absl::StrAppend(&path, " ", at->get_name());
  }
  return path;
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

absl::StatusOr<std::pair<std::string, double>> ParsePolicyParameter(
    const std::string& text) {
  const size_t equals = text.find('=');
  double value = 0;
  if (equals == std::string::npos || equals == 0 ||
      !absl::SimpleAtod(text.substr(equals + 1), &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": expected NAME=NUMBER, as decay=0.9"));
  }
  return std::pair(text.substr(0, equals), value);
}

void SetRun(CLI::App* command, std::function<absl::Status()> run) {
  command->callback([run = std::move(run)] {
    absl::Status status = run();
    if (!status.ok()) throw CommandFailed(std::move(status));
  });
}

int ParseAndRun(CLI::App* app, int argc, const char* const* argv) {
  try {
    app->parse(argc, argv);
    std::cout.flush();
    if (!std::cout) {
      PrintError(*app, "standard output cannot be written");
      return kExitFailed;
    }
    return kExitOk;
  } catch (const CommandFailed& failed) {
    PrintError(*app, failed.what());
    return IsUsageError(failed.status()) ? kExitUsage : kExitFailed;
  } catch (const CLI::RuntimeError& error) {
    // A command that has told why by itself.
    return error.get_exit_code();
  } catch (const CLI::Error& error) {
    if (error.get_exit_code() == 0) {
      // --help, --version: their text goes to stdout.
      app->exit(error);
      return kExitOk;
    }
    PrintError(*app, error.what());
    std::cerr << "Try " << ChosenCommand(*app) << " --help\n";
    return kExitUsage;
  }
}

void PrintWarning(absl::string_view words) {
  std::cerr << "kvplacectl: warning: " << words << "\n";
}

}  // namespace kvplace
