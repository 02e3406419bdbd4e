// `kvplacectl simulate`: policies on recorded traces, offline.
#ifndef KVPLACE_CLIENT_CLI_SIMULATE_COMMAND_H_
#define KVPLACE_CLIENT_CLI_SIMULATE_COMMAND_H_

#include <CLI/CLI.hpp>

namespace kvplace {

// Adds the command to `app`. A failed run throws CLI::RuntimeError(1), wrong
// usage a CLI::ParseError, both after or with a message for stderr.
void RegisterSimulateCommand(CLI::App& app);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SIMULATE_COMMAND_H_
