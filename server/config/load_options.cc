#include "server/config/load_options.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/config_file.h"
#include "server/config/option_table.h"
#include "yaml-cpp/yaml.h"

namespace kvplace {
namespace {

constexpr char kFlag[] = "flag";

// "--policy" or "kvplaced.yaml:7: policy", to begin an error with.
std::string Where(const std::string& option,
                  const std::map<std::string, std::string>& sources) {
  const auto source = sources.find(option);
  if (source == sources.end() || source->second == kFlag) {
    return absl::StrCat("--", option);
  }
  return absl::StrCat(source->second, ": ", option);
}

class Loader {
 public:
  absl::Status SetFromFile(const std::string& path) {
    absl::StatusOr<std::vector<FileSetting>> settings = ReadConfigFile(path);
    if (!settings.ok()) return settings.status();
    for (const FileSetting& s : *settings) {
      // A flag for it replaces the whole value, but the file must be sound.
      Options& target =
          from_flags_.contains(s.option) ? ignored_ : into_.options;
      const std::string source = absl::StrCat(path, ":", s.line);
      if (absl::Status set = Set(s.option, s.value, source, &target);
          !set.ok()) {
        return set;
      }
    }
    return absl::OkStatus();
  }

  absl::Status SetFromFlags(const std::vector<FlagSetting>& settings) {
    for (const FlagSetting& s : settings) {
      from_flags_.insert(s.option);
      if (absl::Status set = Set(s.option, s.value, kFlag, &into_.options);
          !set.ok()) {
        return set;
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<EffectiveOptions> Finish() {
    const std::optional<OptionProblem> problem = FindProblem(into_.options);
    if (!problem.has_value()) return std::move(into_);
    return absl::InvalidArgumentError(
        problem->option.empty()
            ? problem->what
            : absl::StrCat(Where(problem->option, into_.sources), " ",
                           problem->what));
  }

 private:
  absl::Status Set(const std::string& option, const std::string& value,
                   const std::string& source, Options* target) {
    if (target == &into_.options) into_.sources[option] = source;
    const absl::Status set = FindOption(option)->set(value, target);
    if (set.ok()) return set;
    return absl::InvalidArgumentError(
        absl::StrCat(Where(option, {{option, source}}), " is \"", value, "\", ",
                     set.message()));
  }

  EffectiveOptions into_;
  Options ignored_;
  std::set<std::string> from_flags_;
};

// A scalar that reads back as the same text.
std::string YamlScalar(const std::string& text) {
  YAML::Emitter out;
  out << text;
  return out.c_str();
}

}  // namespace

absl::StatusOr<EffectiveOptions> LoadOptions(const Invocation& invocation) {
  Loader loader;
  if (absl::Status flags = loader.SetFromFlags(invocation.settings);
      !flags.ok()) {
    return flags;
  }
  if (!invocation.config_file.empty()) {
    if (absl::Status file = loader.SetFromFile(invocation.config_file);
        !file.ok()) {
      return file;
    }
  }
  return loader.Finish();
}

std::string ToYaml(const EffectiveOptions& effective) {
  std::string out, group;
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.group != group) {
      absl::StrAppend(&out, out.empty() ? "" : "\n", "# ", spec.group, "\n");
      group = spec.group;
    }
    absl::StrAppend(&out, spec.name, ": ");
    const std::vector<std::string> values = spec.get(effective.options);
    if (spec.map) {
      absl::StrAppend(&out, "{");
      for (const std::string& entry : values) {
        const std::pair<std::string, std::string> both =
            absl::StrSplit(entry, absl::MaxSplits('=', 1));
        absl::StrAppend(&out, &entry == &values.front() ? "" : ", ",
                        YamlScalar(both.first), ": ", both.second);
      }
      absl::StrAppend(&out, "}");
    } else {
      absl::StrAppend(&out, YamlScalar(values.front()));
    }
    const auto source = effective.sources.find(spec.name);
    absl::StrAppend(
        &out, "  # ",
        source == effective.sources.end() ? "default" : source->second, "\n");
  }
  return out;
}

std::vector<OptionChange> Compare(const Options& before, const Options& after) {
  std::vector<OptionChange> changes;
  for (const OptionSpec& spec : OptionTable()) {
    OptionChange change{.option = spec.name,
                        .before = ValueText(spec, before),
                        .after = ValueText(spec, after),
                        .reloadable = spec.reloadable};
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

Options WithReloadable(const Options& running, const Options& wanted) {
  Options result = running;
  for (const OptionSpec& spec : OptionTable()) {
    if (!spec.reloadable) continue;
    if (spec.map) spec.clear(&result);
    // What was read once can be read again.
    for (const std::string& value : spec.get(wanted)) {
      spec.set(value, &result).IgnoreError();
    }
  }
  return result;
}

}  // namespace kvplace
