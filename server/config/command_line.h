// What the command line asks for. Values of options are passed on as text; see
// load_options.h.
//
// Thread-safety: pure.
#ifndef KVPLACE_SERVER_CONFIG_COMMAND_LINE_H_
#define KVPLACE_SERVER_CONFIG_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kvplace {

// `kvplaced --probe`: asks a running server how it is.
struct ProbeRequest {
  // host:port; empty: the address that --listen says, on this machine.
  std::string address;
  // Empty: the server as a whole.
  std::string service;
  absl::Duration timeout = absl::Seconds(2);
  // PEM files; empty: the server's own certificate is what is trusted, and what
  // is shown to a server that asks for one.
  std::string ca, cert, key;
};

struct FlagSetting {
  std::string option;
  std::string value;
};

struct Invocation {
  enum class Action { kServe, kHelp, kShowVersion, kCheckConfig, kProbe };

  Action action = Action::kServe;
  // Empty: none.
  std::string config_file;
  // In the order of the option table.
  std::vector<FlagSetting> settings;
  ProbeRequest probe;
};

// `arguments` without the program's name. INVALID_ARGUMENT names the flag and
// says what was expected.
absl::StatusOr<Invocation> ParseCommandLine(
    const std::vector<std::string>& arguments);

// The text of --help.
std::string HelpText();

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_COMMAND_LINE_H_
