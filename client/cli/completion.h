// `kvplacectl completion bash|zsh|fish`: shell completion made from the tree of
// commands itself, so that it never lags behind.
#ifndef KVPLACE_CLIENT_CLI_COMPLETION_H_
#define KVPLACE_CLIENT_CLI_COMPLETION_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace kvplace {

// A script to be sourced. INVALID_ARGUMENT for another shell.
absl::StatusOr<std::string> CompletionScript(const CLI::App& app,
                                             const std::string& shell);

// Register it last: it completes what is there when it runs.
void RegisterCompletionCommand(CLI::App& app);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_COMPLETION_H_
