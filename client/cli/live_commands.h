// `kvplacectl nodes|top|policy|drain|undrain|rank`: a running kvplaced, asked
// and told; see docs/cli.md.
#ifndef KVPLACE_CLIENT_CLI_LIVE_COMMANDS_H_
#define KVPLACE_CLIENT_CLI_LIVE_COMMANDS_H_

#include <CLI/CLI.hpp>

namespace kvplace {

void RegisterLiveCommands(CLI::App& app);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_LIVE_COMMANDS_H_
