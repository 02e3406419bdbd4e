// `kvplacectl trace import|export|synth|info`; see docs/cli.md.
#ifndef KVPLACE_CLIENT_CLI_TRACE_COMMANDS_H_
#define KVPLACE_CLIENT_CLI_TRACE_COMMANDS_H_

#include <CLI/CLI.hpp>

namespace kvplace {

void RegisterTraceCommands(CLI::App& app);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_TRACE_COMMANDS_H_
