// The one table of options. An entry is a flag (--name) and a key of the YAML
// file (name), with its range, its default and its help; --help,
// --check-config, reloading and docs/operations.md all go by it.
//
// Thread-safety: constant after the first call.
#ifndef KVPLACE_SERVER_CONFIG_OPTION_TABLE_H_
#define KVPLACE_SERVER_CONFIG_OPTION_TABLE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/config/options.h"

namespace kvplace {

struct OptionSpec {
  // As flag and as key: words with dashes.
  std::string name;
  // Heading in --help and in documents.
  std::string group;
  // Kind of value in --help: "N", "SIZE", "on|off", ...
  std::string value;
  // "1..1000000", or what else a value must be; may be empty.
  std::string expected;
  std::string help;
  // SIGHUP brings a new value into force.
  bool reloadable = false;
  // Several values, name=number each: a repeated flag, a map in the file.
  bool map = false;

  // INVALID_ARGUMENT "expected ..."; a map gets one more entry.
  std::function<absl::Status(absl::string_view, Options*)> set;
  // Back to no entries; maps only.
  std::function<void(Options*)> clear;
  // Texts that `set` reads back: one, or a map's entries.
  std::function<std::vector<std::string>(const Options&)> get;
};

// In the order of documents.
const std::vector<OptionSpec>& OptionTable();
// Null if there is no such option.
const OptionSpec* FindOption(absl::string_view name);
std::vector<std::string> OptionNames();

// "lfu"; entries of a map with commas between.
std::string ValueText(const OptionSpec& spec, const Options& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_OPTION_TABLE_H_
