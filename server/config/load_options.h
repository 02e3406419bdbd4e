// From flags and file to checked Options, and back to text.
//
// A flag wins over the file, the file over the default; a map (policy-param) is
// replaced whole. Every problem names where the value was set, the value, and
// what was expected: "--max-sessions is "0", expected 1..1000000" or
// "kvplaced.yaml:7: max-sessions is "0", expected 1..1000000".
//
// Thread-safety: pure, but for reading the file.
#ifndef KVPLACE_SERVER_CONFIG_LOAD_OPTIONS_H_
#define KVPLACE_SERVER_CONFIG_LOAD_OPTIONS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/command_line.h"
#include "server/config/options.h"

namespace kvplace {

struct EffectiveOptions {
  Options options;
  // Where an option was set: "flag", or "kvplaced.yaml:7". Defaults are not
  // named.
  std::map<std::string, std::string> sources;
};

// Reads invocation.config_file, if there is one.
absl::StatusOr<EffectiveOptions> LoadOptions(const Invocation& invocation);

// All options as a file that --config takes, with a comment on where each value
// comes from.
std::string ToYaml(const EffectiveOptions& effective);

// An option whose value differs.
struct OptionChange {
  std::string option;
  std::string before;
  std::string after;
  bool reloadable = false;
};
std::vector<OptionChange> Compare(const Options& before, const Options& after);

// What a running server takes over from `wanted`: the reloadable options; the
// others stay as they are in `running`.
Options WithReloadable(const Options& running, const Options& wanted);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_LOAD_OPTIONS_H_
