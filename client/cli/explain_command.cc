#include "client/cli/explain_command.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/admin_client.h"
#include "client/cli/block_name.h"
#include "client/cli/command.h"
#include "client/cli/explain_report.h"
#include "client/cli/live_block.h"
#include "client/cli/run_flags.h"
#include "server/core/policy/registry.h"
#include "server/replay/block_story.h"
#include "server/replay/simulation.h"

namespace kvplace {
namespace {

constexpr char kExamples[] = R"(Examples:
  kvplacectl explain --trace T.kvtrace --block 0/3/17 --hbm-capacity 15%
  kvplacectl explain --trace a.kvtrace b.kvtrace --block 1/0/0 --policy lru --every 10 --format json
  kvplacectl explain --node node-a --device 1 --block 1234 --server kvplaced:50551)";

struct Flags : AdminFlags {
  std::string block;
  // Offline.
  std::vector<std::string> traces;
  RunFlags run;
  std::string policy{kDefaultPolicy};
  uint32_t every = 0;
  // Live.
  std::string node;
  uint32_t device = 0;

  // Of one of the two only; in their order on the command line.
  std::vector<CLI::Option*> offline_options;
  std::vector<CLI::Option*> live_options;
};

absl::Status RefuseOptions(const std::vector<CLI::Option*>& options,
                           absl::string_view with) {
  for (const CLI::Option* option : options) {
    if (option->count() == 0) continue;
    return UsageError(
        absl::StrCat(option->get_name(), ": does not go with ", with));
  }
  return absl::OkStatus();
}

absl::Status ExplainLive(const Flags& flags) {
  auto name = ParseBlockName(flags.block);
  if (!name.ok() || !name->id) {
    return UsageError(absl::StrCat(
        "--block: \"", flags.block,
        "\": expected a handle of the device with --node, such as 1234"));
  }
  v1::ExplainBlockRequest request;
  request.set_node_id(flags.node);
  request.set_device_index(flags.device);
  request.set_handle(*name->id);
  auto client = AdminClient::Create(flags);
  if (!client.ok()) return client.status();
  auto block = (*client)->Call(&v1::AdminService::Stub::ExplainBlock, request);
  if (!block.ok()) return block.status();
  PrintBlock(*block, flags.json(), std::cout);
  return absl::OkStatus();
}

std::string CheckPolicy(const std::string& policy) {
  const auto known = SimulationPolicyNames();
  if (std::find(known.begin(), known.end(), policy) == known.end()) {
    WrongUsage("--policy", absl::StrCat("\"", policy, "\", expected one of ",
                                        absl::StrJoin(known, ", ")));
  }
  return policy;
}

absl::Status ExplainTrace(const Flags& flags) {
  const std::string policy = CheckPolicy(flags.policy);
  const RunSettings settings = CheckRunFlags(flags.run, {policy});
  const BlockName name = OrWrongUsage("--block", ParseBlockName(flags.block));
  auto prepared = PrepareRun(flags.traces, settings);
  if (!prepared.ok()) return prepared.status();
  for (const std::string& warning : prepared->workload.warnings) {
    PrintWarning(warning);
  }
  const auto block = FindBlock(prepared->workload, name);
  if (!block.ok()) {
    return absl::NotFoundError(
        absl::StrCat("--block ", flags.block, ": ", block.status().message()));
  }
  BlockStory story(prepared->workload, *block, flags.every);
  SimulationOptions options = settings.simulation;
  options.on_start = [&](const auto& hbm) { story.OnStart(hbm); };
  options.on_order = [&](const OrderInForce& order) { story.OnOrder(order); };
  options.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
    story.OnPhase(phase, outcome);
  };
  const auto result =
      Simulate(prepared->workload, prepared->device, policy, options);
  if (!result.ok()) return result.status();
  const ExplainReport report = {&prepared->workload, &prepared->device,
                                &*result, &story};
  flags.json() ? PrintExplainJson(report, std::cout)
               : PrintExplainTable(report, std::cout);
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  if (flags.traces.empty() == flags.node.empty()) {
    return UsageError("expected --trace or --node, and not both");
  }
  const bool live = !flags.node.empty();
  if (auto s = live ? RefuseOptions(flags.offline_options, "--node")
                    : RefuseOptions(flags.live_options, "--trace");
      !s.ok()) {
    return s;
  }
  return live ? ExplainLive(flags) : ExplainTrace(flags);
}

// What `add` adds to the command, but for `--format`, which is everyone's.
template <typename Add>
std::vector<CLI::Option*> Added(CLI::App* command, Add add) {
  const auto before = command->get_options();
  add();
  std::vector<CLI::Option*> added;
  for (CLI::Option* option : command->get_options()) {
    if (option->get_name() == "--format") continue;
    if (std::find(before.begin(), before.end(), option) == before.end()) {
      added.push_back(option);
    }
  }
  return added;
}

void AddOfflineFlags(CLI::App* command, Flags* flags) {
  command
      ->add_option(
          "--policy", flags->policy,
          absl::StrCat("One of ", absl::StrJoin(SimulationPolicyNames(), ", ")))
      ->capture_default_str();
  AddRunFlags(command, &flags->run);
  command
      ->add_option("--every", flags->every,
                   "Report every N-th step besides those in which something "
                   "happened; 0: none")
      ->capture_default_str();
}

}  // namespace

void RegisterExplainCommand(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand(
      "explain", "Show a block's history: value, prices, why it moved or not");
  command->footer(kExamples);
  command
      ->add_option("--block", flags->block,
                   "ID or SEQUENCE/GROUP/PAGE of a trace's block, as schedules "
                   "count them; with --node, its handle on the device")
      ->required();
  command->add_option("--trace", flags->traces,
                      "Traces (.kvtrace), side by side as sequences of one "
                      "device, to be run as simulate does");
  flags->offline_options =
      Added(command, [&] { AddOfflineFlags(command, flags.get()); });
  command->add_option("--node", flags->node,
                      "A node of a running server, instead of traces");
  flags->live_options = Added(command, [&] {
    command->add_option("--device", flags->device, "Device of --node")
        ->check(CLI::Range(0, 63))
        ->capture_default_str();
    AddAdminFlags(command, flags.get());
  });
  SetRun(command, [flags] { return Run(*flags); });
}

}  // namespace kvplace
