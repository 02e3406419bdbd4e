// `kvplacectl explain`: one block's history in a run on traces, or where it
// stands on a live device; see docs/cli.md.
#ifndef KVPLACE_CLIENT_CLI_EXPLAIN_COMMAND_H_
#define KVPLACE_CLIENT_CLI_EXPLAIN_COMMAND_H_

#include <CLI/CLI.hpp>

namespace kvplace {

void RegisterExplainCommand(CLI::App& app);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_EXPLAIN_COMMAND_H_
