#include "server/config/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/config/option_table.h"
#include "server/config/option_values.h"
#include "yaml-cpp/yaml.h"

namespace kvplace {
namespace {

// Nobody writes this much by hand; it keeps a wrong path from eating memory.
constexpr size_t kMaxFileBytes = 1 << 20;

class Parser {
 public:
  explicit Parser(const std::string& name) : name_(name) {}

  absl::Status Parse(const YAML::Node& root) {
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) {
      return Wrong(root, "expected a map of options to values");
    }
    for (const auto& entry : root) {
      if (absl::Status added = AddOption(entry.first, entry.second);
          !added.ok()) {
        return added;
      }
    }
    return absl::OkStatus();
  }

  std::vector<FileSetting> Take() { return std::move(settings_); }

 private:
  static int Line(const YAML::Node& node) { return node.Mark().line + 1; }

  template <typename... Words>
  absl::Status Wrong(const YAML::Node& node, const Words&... words) const {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ":", Line(node), ": ", words...));
  }

  absl::Status AddOption(const YAML::Node& key, const YAML::Node& value) {
    if (!key.IsScalar()) return Wrong(key, "expected the name of an option");
    const std::string& option = key.Scalar();
    const OptionSpec* const spec = FindOption(option);
    if (spec == nullptr) {
      return Wrong(key, "no option \"", option, "\", ", Suggestion(option));
    }
    const auto [earlier, is_new] = lines_.emplace(option, Line(key));
    if (!is_new) {
      return Wrong(key, option, " is given twice, first in line ",
                   earlier->second);
    }
    if (spec->map) return AddMap(*spec, key, value);
    if (!value.IsScalar()) {
      return Wrong(key, option, " is ", KindOf(value), ", expected ",
                   spec->expected.empty() ? "one value" : spec->expected);
    }
    settings_.push_back({option, value.Scalar(), Line(key)});
    return absl::OkStatus();
  }

  absl::Status AddMap(const OptionSpec& spec, const YAML::Node& key,
                      const YAML::Node& value) {
    if (!value.IsMap()) {
      return Wrong(key, spec.name, " is ", KindOf(value),
                   ", expected a map, name: number");
    }
    for (const auto& entry : value) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        return Wrong(entry.first, spec.name, ": expected name: number");
      }
      settings_.push_back(
          {spec.name,
           absl::StrCat(entry.first.Scalar(), "=", entry.second.Scalar()),
           Line(entry.first)});
    }
    return absl::OkStatus();
  }

  static const char* KindOf(const YAML::Node& node) {
    if (node.IsMap()) return "a map";
    if (node.IsSequence()) return "a list";
    return node.IsScalar() ? "one value" : "empty";
  }

  const std::string& name_;
  std::vector<FileSetting> settings_;
  // Of the keys seen.
  std::map<std::string, int> lines_;
};

// The line where a second document begins, which would be left out without a
// word; 0 if there is none. "---" at the start of a line means that wherever it
// stands. YAML::LoadAll would tell too, but never returns on some input.
int SecondDocument(const std::string& text) {
  bool content = false;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    const absl::string_view words = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, "---") &&
        (line.size() == 3 || absl::ascii_isspace(line[3]))) {
      if (content) return line_number;
      content = true;
    } else if (!words.empty() && words[0] != '#' && words[0] != '%') {
      content = true;
    }
  }
  return 0;
}

}  // namespace

std::string Suggestion(absl::string_view word) {
  const std::vector<std::string> near = Nearest(word, OptionNames());
  if (!near.empty()) {
    return absl::StrCat("did you mean ", absl::StrJoin(near, " or "), "?");
  }
  return absl::StrCat("known are: ", absl::StrJoin(OptionNames(), ", "));
}

absl::StatusOr<std::vector<FileSetting>> ParseConfig(const std::string& name,
                                                     const std::string& text) {
  if (const int line = SecondDocument(text); line > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ":", line, ": a second YAML document, expected one"));
  }
  Parser parser(name);
  try {
    if (absl::Status parsed = parser.Parse(YAML::Load(text)); !parsed.ok()) {
      return parsed;
    }
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ":", error.mark.line + 1, ": not YAML: ", error.msg));
  }
  return parser.Take();
}

absl::StatusOr<std::vector<FileSetting>> ReadConfigFile(
    const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && !file.good()) {
    return absl::NotFoundError(
        absl::StrCat("--config: cannot read ", path, ": ",
                     std::strerror(errno == 0 ? EIO : errno)));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is larger than 1MiB, expected a file of options"));
  }
  return ParseConfig(path, text);
}

}  // namespace kvplace
