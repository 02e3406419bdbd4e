#include "client/cli/live_commands.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/admin_client.h"
#include "client/cli/command.h"
#include "client/cli/live_report.h"
#include "google/protobuf/map.h"

namespace kvplace {
namespace {

using Stub = v1::AdminService::Stub;

// A command whose flags live as long as it does. `run` gets the flags and a
// client.
template <typename Flags, typename Run>
CLI::App* AddLive(CLI::App& app, const char* name, const char* description,
                  const char* example, std::shared_ptr<Flags> flags, Run run) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer(absl::StrCat("Example:\n  ", example));
  AddAdminFlags(command, flags.get());
  SetRun(command, [flags, run]() -> absl::Status {
    auto client = AdminClient::Create(*flags);
    if (!client.ok()) return client.status();
    return run(*flags, **client);
  });
  return command;
}

struct NodesFlags : AdminFlags {
  std::string node;
  bool sessions = false;
  int device = -1;
};

absl::Status RunNodes(const NodesFlags& flags, AdminClient& client) {
  if (flags.device >= 0) {
    if (flags.node.empty()) {
      return UsageError("--sequences: expected a NODE as well");
    }
    v1::ListSequencesRequest request;
    request.set_node_id(flags.node);
    request.set_device_index(static_cast<uint32_t>(flags.device));
    auto list = client.Call(&Stub::ListSequences, request);
    if (!list.ok()) return list.status();
    PrintSequences(list->sequences(), flags.json(), std::cout);
    return absl::OkStatus();
  }
  if (flags.sessions) {
    auto list = client.Call(&Stub::ListSessions, v1::ListSessionsRequest());
    if (!list.ok()) return list.status();
    PrintSessions(list->sessions(), flags.json(), std::cout);
    return absl::OkStatus();
  }
  NodeList nodes;
  if (flags.node.empty()) {
    auto list = client.Call(&Stub::ListNodes, v1::ListNodesRequest());
    if (!list.ok()) return list.status();
    nodes.Swap(list->mutable_nodes());
  } else {
    v1::GetNodeRequest request;
    request.set_node_id(flags.node);
    auto one = client.Call(&Stub::GetNode, request);
    if (!one.ok()) return one.status();
    nodes.Add()->Swap(one->mutable_node());
  }
  PrintNodes(nodes, flags.json(), std::cout);
  return absl::OkStatus();
}

void RegisterNodes(CLI::App& app) {
  auto flags = std::make_shared<NodesFlags>();
  CLI::App* command =
      AddLive(app, "nodes", "List nodes and their devices",
              "kvplacectl nodes --server kvplaced:50551", flags, RunNodes);
  command->add_option("NODE", flags->node, "Only this node");
  command->add_flag("--sessions", flags->sessions, "List sessions instead");
  command
      ->add_option("--sequences", flags->device,
                   "List the sequences of this device of NODE instead")
      ->check(CLI::Range(0, 63));
}

struct TopFlags : AdminFlags {
  std::string node;
  bool once = false;
  double interval = 1;
  uint64_t frames = 0;
};

// Redraws on a terminal; elsewhere frames follow each other.
void ShowFrame(const TopFlags& flags, const NodeList& nodes, bool first) {
  if (isatty(STDOUT_FILENO) != 0 && !flags.once) {
    std::cout << "\033[H\033[2J";
  } else if (!first) {
    std::cout << "\n";
  }
  if (!flags.once) {
    std::cout << "kvplaced at " << flags.server.server << ", "
              << absl::FormatTime("%H:%M:%S", absl::Now(),
                                  absl::LocalTimeZone())
              << "\n";
  }
  PrintTop(nodes, flags.json(), std::cout);
  std::cout.flush();
}

absl::Status RunTop(const TopFlags& flags, AdminClient& client) {
  if (flags.json() && !flags.once) {
    return UsageError("--format json: expected --once with it");
  }
  v1::WatchUtilizationRequest request;
  request.set_interval_ms(static_cast<uint32_t>(flags.interval * 1000));
  request.set_node_id(flags.node);
  uint64_t shown = 0;
  const uint64_t most = flags.once ? 1 : flags.frames;
  return client.Watch(request,
                      [&](const v1::WatchUtilizationResponse& response) {
                        ShowFrame(flags, response.nodes(), shown == 0);
                        return ++shown != most && std::cout.good();
                      });
}

void RegisterTop(CLI::App& app) {
  auto flags = std::make_shared<TopFlags>();
  CLI::App* command = AddLive(
      app, "top", "Watch step times, bounds, HBM, misses and migrations",
      "kvplacectl top --interval 2", flags, RunTop);
  command->add_option("NODE", flags->node, "Only this node");
  command->add_flag("--once", flags->once, "One frame, then end");
  command->add_option("--interval", flags->interval, "Seconds between frames")
      ->check(CLI::Range(0.1, 60.0))
      ->capture_default_str();
  command->add_option("--frames", flags->frames, "End after so many; 0: never")
      ->capture_default_str();
}

struct PolicyFlags : AdminFlags {
  std::string name;
  std::string node;
  std::vector<std::string> parameters;
  v1::Mode mode = v1::MODE_UNSPECIFIED;
  bool inherit = false;
  bool dry_run = false;
  uint64_t expected_version = 0;
};

absl::Status RunPolicyGet(const PolicyFlags& flags, AdminClient& client) {
  v1::GetPolicyRequest request;
  request.set_node_id(flags.node);
  auto policy = client.Call(&Stub::GetPolicy, request);
  if (!policy.ok()) return policy.status();
  PrintPolicy(*policy, flags.json(), std::cout);
  return absl::OkStatus();
}

absl::Status AddParameter(const std::string& text,
                          google::protobuf::Map<std::string, double>* out) {
  const auto parameter = ParsePolicyParameter(text);
  if (!parameter.ok()) {
    return UsageError(absl::StrCat("--param: ", parameter.status().message()));
  }
  if (!out->insert({parameter->first, parameter->second}).second) {
    return UsageError(
        absl::StrCat("--param: ", parameter->first, " is there twice"));
  }
  return absl::OkStatus();
}

absl::Status RunPolicySet(const PolicyFlags& flags, AdminClient& client) {
  if (flags.inherit == !flags.name.empty()) {
    return UsageError("expected a policy NAME or --inherit, and not both");
  }
  if (flags.inherit && flags.node.empty()) {
    return UsageError("--inherit: expected --node as well");
  }
  v1::SetPolicyRequest request;
  request.set_node_id(flags.node);
  request.set_dry_run(flags.dry_run);
  request.set_expected_version(flags.expected_version);
  request.mutable_settings()->set_policy(flags.name);
  request.mutable_settings()->set_mode(flags.mode);
  for (const std::string& text : flags.parameters) {
    if (auto s = AddParameter(text,
                              request.mutable_settings()->mutable_parameters());
        !s.ok()) {
      return s;
    }
  }
  auto change = client.Call(&Stub::SetPolicy, request);
  if (!change.ok()) return change.status();
  PrintPolicyChange(*change, flags.dry_run, flags.json(), std::cout);
  return absl::OkStatus();
}

void RegisterPolicy(CLI::App& app) {
  CLI::App* policy =
      app.add_subcommand("policy", "Show or change who plans for nodes");
  policy->require_subcommand(1);
  auto get = std::make_shared<PolicyFlags>();
  CLI::App* command =
      AddLive(*policy, "get", "Show the policy in force",
              "kvplacectl policy get --node node-a", get, RunPolicyGet);
  command->add_option("--node", get->node, "Of this node; default: of all");

  auto set = std::make_shared<PolicyFlags>();
  command = AddLive(
      *policy, "set", "Change the policy, from the next plan on",
      "kvplacectl policy set shadow-price --param hysteresis=0.2 --dry-run",
      set, RunPolicySet);
  command->add_option("NAME", set->name, "As policy get lists them");
  command->add_option("--node", set->node,
                      "Of this node; default: of all without one of their own");
  command
      ->add_option("--param", set->parameters,
                   "NAME=NUMBER; may be repeated; the others get their default")
      ->allow_extra_args(false);
  AddParsedOption(command, "--mode", ParseModeName, &set->mode,
                  "act, advise or observe; default: as it is");
  command->add_flag("--inherit", set->inherit,
                    "Back to the default, with --node");
  command->add_flag("--dry-run", set->dry_run, "Only check");
  command->add_option("--expected-version", set->expected_version,
                      "Refuse if another version is in force; 0: any");
}

struct DrainFlags : AdminFlags {
  std::string node;
  double deadline = 0;
  std::string reconnect_to;
};

absl::Status RunDrain(const DrainFlags& flags, AdminClient& client) {
  v1::DrainNodeRequest request;
  request.set_node_id(flags.node);
  request.set_deadline_ms(static_cast<uint32_t>(flags.deadline * 1000));
  request.set_reconnect_to(flags.reconnect_to);
  auto drained = client.Call(&Stub::DrainNode, request);
  if (!drained.ok()) return drained.status();
  if (flags.json()) {
    std::cout << "{\"schema\":\"kvplace.drain/1\",\"sessions\":"
              << drained->sessions() << "}\n";
  } else {
    std::cout << flags.node << ": draining, " << drained->sessions()
              << " session(s) were told\n";
  }
  return absl::OkStatus();
}

absl::Status RunUndrain(const DrainFlags& flags, AdminClient& client) {
  v1::UndrainNodeRequest request;
  request.set_node_id(flags.node);
  auto done = client.Call(&Stub::UndrainNode, request);
  if (!done.ok()) return done.status();
  if (flags.json()) {
    std::cout << "{\"schema\":\"kvplace.undrain/1\"}\n";
  } else {
    std::cout << flags.node << ": takes sessions\n";
  }
  return absl::OkStatus();
}

void RegisterDrain(CLI::App& app) {
  auto drain = std::make_shared<DrainFlags>();
  CLI::App* command =
      AddLive(app, "drain", "Send a node's sessions away and take no new ones",
              "kvplacectl drain node-a --reconnect-to kvplaced-2:50551", drain,
              RunDrain);
  command->add_option("NODE", drain->node, "Node")->required();
  command
      ->add_option("--deadline", drain->deadline,
                   "Seconds the sessions get; 0: the server's default")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_option("--reconnect-to", drain->reconnect_to,
                      "HOST:PORT where they should go");
  auto undrain = std::make_shared<DrainFlags>();
  command = AddLive(app, "undrain", "Let a node take sessions again",
                    "kvplacectl undrain node-a", undrain, RunUndrain);
  command->add_option("NODE", undrain->node, "Node")->required();
}

struct RankFlags : AdminFlags {
  uint64_t tokens = 0;
  std::string model;
  uint32_t limit = 0;
};

absl::Status RunRank(const RankFlags& flags, AdminClient& client) {
  v1::RankNodesRequest request;
  request.set_tokens(flags.tokens);
  request.set_model(flags.model);
  request.set_limit(flags.limit);
  auto ranks = client.Call(&Stub::RankNodes, request);
  if (!ranks.ok()) return ranks.status();
  PrintRanks(*ranks, flags.json(), std::cout);
  return absl::OkStatus();
}

void RegisterRank(CLI::App& app) {
  auto flags = std::make_shared<RankFlags>();
  CLI::App* command =
      AddLive(app, "rank", "Devices in order of fitness for a new sequence",
              "kvplacectl rank --tokens 32768", flags, RunRank);
  command->add_option("--tokens", flags->tokens, "Tokens of the sequence")
      ->required()
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40));
  command->add_option("--model", flags->model, "Only devices that serve it");
  command->add_option("--limit", flags->limit, "At most so many; 0: all");
}

}  // namespace

void RegisterLiveCommands(CLI::App& app) {
  RegisterNodes(app);
  RegisterTop(app);
  RegisterPolicy(app);
  RegisterDrain(app);
  RegisterRank(app);
}

}  // namespace kvplace
