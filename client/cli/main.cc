// kvplacectl: the command line of kvplace. Wiring only; docs/cli.md says what
// the commands do.
#include <CLI/CLI.hpp>
#include <string>

#include "client/cli/bench_command.h"
#include "client/cli/command.h"
#include "client/cli/completion.h"
#include "client/cli/explain_command.h"
#include "client/cli/live_commands.h"
#include "client/cli/simulate_command.h"
#include "client/cli/trace_commands.h"
#include "kvplace/version.h"

int main(int argc, char** argv) {
  CLI::App app("Placement of KV-cache blocks in tiered memory", "kvplacectl");
  app.set_version_flag("--version",
                       std::string("kvplacectl ") + kvplace::VersionString());
  app.footer(
      "Example:\n"
      "  kvplacectl trace info bible.kvtrace\n");
  app.require_subcommand(1);

  // One line per module; each registers the commands of its header.
  kvplace::RegisterTraceCommands(app);
  kvplace::RegisterSimulateCommand(app);
  kvplace::RegisterExplainCommand(app);
  kvplace::RegisterLiveCommands(app);
  kvplace::RegisterBenchCommand(app);
  kvplace::RegisterCompletionCommand(app);

  return kvplace::ParseAndRun(&app, argc, argv);
}
