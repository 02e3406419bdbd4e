// `kvplacectl trace synth`: traces of sparse attention, made up.
#ifndef KVPLACE_CLIENT_CLI_SYNTH_COMMAND_H_
#define KVPLACE_CLIENT_CLI_SYNTH_COMMAND_H_

#include <CLI/CLI.hpp>

namespace kvplace {

// Adds it to `trace`.
void RegisterSynthCommand(CLI::App* trace);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SYNTH_COMMAND_H_
