// `kvplacectl bench`: load for a running kvplaced; see docs/cli.md.
#ifndef KVPLACE_CLIENT_CLI_BENCH_COMMAND_H_
#define KVPLACE_CLIENT_CLI_BENCH_COMMAND_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/load_options.h"

namespace kvplace {

void RegisterBenchCommand(CLI::App& app);

// "50/s" or "50": steps per second; "max": 0.
absl::StatusOr<double> ParseRate(const std::string& text);
// "50/s:10,200/s:5.5": each with its seconds.
absl::StatusOr<std::vector<load::LoadPhase>> ParsePhases(
    const std::string& text);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_BENCH_COMMAND_H_
