#include "server/config/command_line.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/config_file.h"
#include "server/config/listen_address.h"
#include "server/config/option_table.h"
#include "server/config/option_values.h"
#include "server/config/options.h"

namespace kvplace {
namespace {

constexpr char kDescription[] =
    "kvplaced: decides where the KV-cache blocks of inference workers live.";

constexpr char kFooter[] = R"(
Every option is also a key of the file that --config names, spelt the same
without the dashes in front. A flag wins over the file, the file over the
default. SIGHUP reads the file again; SIGTERM drains and ends.
Sizes take B KiB MiB GiB TiB, durations us ms s m h.

Examples:
  kvplaced                                   on loopback, to try it
  kvplaced --config /etc/kvplace/kvplaced.yaml
  kvplaced --config kvplaced.yaml --check-config
  kvplaced --listen 0.0.0.0:50551 --tls-cert server.pem --tls-key server.key \
           --tls-client-ca ca.pem --admin-token-file token
  kvplaced --mode observe --record-dir /var/lib/kvplace
  kvplaced --probe --config /etc/kvplace/kvplaced.yaml
)";

// Where CLI11 puts what it finds.
struct Found {
  bool help = false;
  bool version = false;
  bool check_config = false;
  bool probe = false;
  std::string config_file;
  std::string probe_timeout;
  ProbeRequest request;
  // By option; several for a map. Nodes stay where they are.
  std::map<std::string, std::vector<std::string>> values;
};

std::string HelpOf(const OptionSpec& spec) {
  const std::string value = ValueText(spec, Options());
  std::string notes;
  if (!value.empty()) absl::StrAppend(&notes, "default ", value);
  if (absl::StrContains(spec.expected, "..")) {
    absl::StrAppend(&notes, notes.empty() ? "" : "; ", spec.expected);
  }
  if (spec.name == "policy") absl::StrAppend(&notes, "; ", spec.expected);
  if (spec.reloadable) {
    absl::StrAppend(&notes, notes.empty() ? "" : "; ", "reloadable");
  }
  return notes.empty() ? spec.help : absl::StrCat(spec.help, " (", notes, ")");
}

void AddActions(CLI::App& app, Found* found) {
  const std::string group = "Instead of serving";
  app.add_flag("-h,--help", found->help, "print this")->group(group);
  app.add_flag("--version", found->version, "print the version")->group(group);
  app.add_flag("--check-config", found->check_config,
               "check flags and file and print what is in force, as YAML; "
               "files that options name are not opened. Exit 0 or 2")
      ->group(group);
  app.add_flag("--probe", found->probe,
               "ask the server at --listen for its health, with TLS if "
               "--tls-cert is set. Exit 0 if it serves, 1 if not")
      ->group(group);
  app.add_option("--probe-address", found->request.address,
                 "ask this server instead")
      ->type_name("HOST:PORT")
      ->group(group);
  app.add_option("--probe-service", found->request.service,
                 "health of one service, as in kvplace.v1.SessionService")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--probe-timeout", found->probe_timeout,
                 "give up after so long (default 2s; 1ms..1h)")
      ->type_name("DURATION")
      ->group(group);
  app.add_option("--probe-ca", found->request.ca,
                 "trust servers signed by this (default: exactly --tls-cert)")
      ->type_name("PATH")
      ->group(group);
  app.add_option("--probe-cert", found->request.cert,
                 "show this certificate to a server that asks for one "
                 "(default: --tls-cert)")
      ->type_name("PATH")
      ->group(group);
  app.add_option("--probe-key", found->request.key,
                 "its key (default: --tls-key)")
      ->type_name("PATH")
      ->group(group);
}

// The parser with every flag, bound to `found`, which must outlive it.
std::unique_ptr<CLI::App> MakeApp(Found* found) {
  auto app = std::make_unique<CLI::App>(kDescription, "kvplaced");
  app->set_help_flag();
  app->allow_extras();
  app->get_formatter()->column_width(34);
  AddActions(*app, found);
  app->add_option("--config", found->config_file, "YAML file with options")
      ->type_name("PATH")
      ->group("Configuration");
  for (const OptionSpec& spec : OptionTable()) {
    app->add_option("--" + spec.name, found->values[spec.name], HelpOf(spec))
        ->type_name(spec.value)
        ->allow_extra_args(false)
        ->group(spec.group);
  }
  app->footer(kFooter);
  return app;
}

absl::Status CheckProbe(const CLI::App& app, Found* found) {
  for (const std::string flag :
       {"--probe-address", "--probe-service", "--probe-timeout", "--probe-ca",
        "--probe-cert", "--probe-key"}) {
    if (app.count(flag) > 0 && !found->probe) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, " is given, expected --probe with it"));
    }
  }
  ProbeRequest& request = found->request;
  if (app.count("--probe-address") > 0 &&
      !ParseListenAddress(request.address).ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--probe-address is \"", request.address, "\", expected host:port"));
  }
  if (app.count("--probe-timeout") > 0) {
    const auto timeout = ParseDuration(found->probe_timeout);
    if (!timeout.ok() || *timeout < absl::Milliseconds(1) ||
        *timeout > absl::Hours(1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--probe-timeout is \"", found->probe_timeout,
                       "\", expected a duration in 1ms..1h"));
    }
    request.timeout = *timeout;
  }
  if (request.cert.empty() != request.key.empty()) {
    return absl::InvalidArgumentError(
        "--probe-cert or --probe-key is missing, expected both or neither");
  }
  return absl::OkStatus();
}

absl::Status UnknownArgument(const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  if (!absl::StartsWith(name, "--")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unexpected argument \"", argument, "\", expected flags only"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no flag \"", name, "\", ", Suggestion(name.substr(2))));
}

// In the order in which CLI11 wants them, last first. It takes "--name=" for a
// flag without a value, but "--name" and "" for an empty one.
std::vector<std::string> ForCli11(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed;
  for (auto it = arguments.rbegin(); it != arguments.rend(); ++it) {
    if (absl::StartsWith(*it, "--") && absl::EndsWith(*it, "=")) {
      reversed.emplace_back();
      reversed.push_back(it->substr(0, it->size() - 1));
    } else {
      reversed.push_back(*it);
    }
  }
  return reversed;
}

Invocation::Action ActionOf(const Found& found) {
  if (found.help) return Invocation::Action::kHelp;
  if (found.version) return Invocation::Action::kShowVersion;
  if (found.check_config) return Invocation::Action::kCheckConfig;
  if (found.probe) return Invocation::Action::kProbe;
  return Invocation::Action::kServe;
}

}  // namespace

absl::StatusOr<Invocation> ParseCommandLine(
    const std::vector<std::string>& arguments) {
  Found found;
  const std::unique_ptr<CLI::App> app = MakeApp(&found);
  try {
    app->parse(ForCli11(arguments));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  Invocation invocation{.action = ActionOf(found)};
  if (invocation.action == Invocation::Action::kHelp) return invocation;
  if (const auto extra = app->remaining(); !extra.empty()) {
    return UnknownArgument(extra.front());
  }
  if (absl::Status probe = CheckProbe(*app, &found); !probe.ok()) return probe;
  for (const OptionSpec& spec : OptionTable()) {
    std::vector<std::string>& values = found.values[spec.name];
    if (values.size() > 1 && !spec.map) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", spec.name, " is given ", values.size(),
                       " times, expected once"));
    }
    for (std::string& value : values) {
      invocation.settings.push_back({spec.name, std::move(value)});
    }
  }
  invocation.config_file = std::move(found.config_file);
  invocation.probe = std::move(found.request);
  return invocation;
}

std::string HelpText() {
  Found found;
  return MakeApp(&found)->help();
}

}  // namespace kvplace
