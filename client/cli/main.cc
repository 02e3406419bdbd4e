// kvplacectl: wiring only; each command lives in a file pair of its own.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "client/cli/simulate_command.h"
#include "kvplace/version.h"

int main(int argc, char** argv) {
  CLI::App app("kvplacectl: KV-cache placement, offline and live");
  app.footer(
      "Examples:\n"
      "  kvplacectl simulate T.kvtrace --policy all\n"
      "Exit codes: 0 success, 1 a failed run, 2 wrong usage.");
  app.set_version_flag("--version", std::string(kvplace::VersionString()));
  app.require_subcommand(1);
  kvplace::RegisterSimulateCommand(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::RuntimeError& e) {  // said on stderr by the command
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    std::cerr << "kvplacectl: " << e.what()
              << "\nRun with --help for more information.\n";
    return 2;
  }
  return 0;
}
