#include "client/cli/run_flags.h"

#include <algorithm>

#include "client/cli/command.h"
#include "client/cli/profile_file.h"
#include "server/core/policy/registry.h"
#include "server/replay/closed_loop.h"
#include "server/trace/workload_loader.h"

namespace kvplace {
namespace {

PolicyParameters CheckParameters(const RunFlags& flags,
                                 const std::vector<std::string>& policies) {
  PolicyParameters parameters;
  for (const std::string& text : flags.parameters) {
    auto [name, value] = OrWrongUsage("--param", ParsePolicyParameter(text));
    parameters[std::move(name)] = value;
  }
  if (parameters.empty()) return parameters;
  if (policies.size() != 1) {
    WrongUsage("--param", "expected exactly one policy in --policy with it");
  }
  const auto policy = MakeOnlinePolicy(policies[0], parameters);
  if (!policy.ok()) WrongUsage("--param", policy.status().message());
  return parameters;
}

}  // namespace

void WrongUsage(absl::string_view flag, absl::string_view what) {
  throw CLI::ValidationError(std::string(flag), std::string(what));
}

void AddRunFlags(CLI::App* command, RunFlags* flags) {
  const auto option = [&](const char* name, auto& value,
                          const std::string& help) {
    return command->add_option(name, value, help)->capture_default_str();
  };
  option(
      "--profile", flags->profile,
      "Machine: paper-gh200, gh200-measured, h100-pcie5, gb200, or FILE.yaml");
  option("--steps", flags->steps,
         "Steps A:B, renumbered from 0; what exists before A is initial");
  option("--hbm-capacity", flags->hbm_capacity,
         "HBM for KV: N% of the peak live bytes, or a size");
  command
      ->add_option(
          "--param", flags->parameters,
          "NAME=NUMBER, a parameter of the one policy (docs/policy.md)")
      ->type_name("NAME=NUMBER");
  command
      ->add_option("--delay-steps", flags->delay_steps,
                   "Steps after which a read can change placement; 0 decides "
                   "in the worker; default: each policy's own")
      ->check(CLI::Range(0, 1000));
  command
      ->add_option("--sample-every", flags->sample_every,
                   "Policies with a delay hear of one step in N (the last), "
                   "as from a worker that samples")
      ->check(CLI::Range(1, 1000));
  option("--mode", flags->mode, "Residency mode")
      ->check(CLI::IsMember({"inclusive", "exclusive"}));
  option("--read-routing", flags->read_routing,
         "Read resident blocks from their DRAM copies where that is faster")
      ->check(CLI::IsMember({"off", "on"}));
  option("--fixed-bytes-per-phase", flags->fixed_bytes_per_phase,
         "Bytes every phase reads from HBM (weights)");
  option("--devices-sharing-dram", flags->devices_sharing_dram,
         "Devices of the node that read DRAM at the same time")
      ->check(CLI::PositiveNumber);
  option("--start", flags->start,
         "HBM before the first step, of policies that do not know the future: "
         "page 0 and the newest pages, or nothing")
      ->check(CLI::IsMember({"newest", "empty"}));
  option("--seed", flags->seed, "Seed of annealed-oracle's search");
}

RunSettings CheckRunFlags(const RunFlags& flags,
                          const std::vector<std::string>& policies) {
  RunSettings settings;
  settings.profile = OrWrongUsage("--profile", LoadProfile(flags.profile));
  if (flags.steps != ":") {
    settings.steps = OrWrongUsage("--steps", ParseSteps(flags.steps));
  }
  settings.capacity =
      OrWrongUsage("--hbm-capacity", ParseCapacity(flags.hbm_capacity));
  settings.simulation.parameters = CheckParameters(flags, policies);
  settings.fixed = OrWrongUsage("--fixed-bytes-per-phase",
                                ParseSize(flags.fixed_bytes_per_phase));
  settings.devices_sharing_dram = flags.devices_sharing_dram;
  settings.read_routing = flags.read_routing == "on";
  if (flags.mode == "exclusive") settings.mode = ResidencyMode::kExclusive;
  if (settings.read_routing && settings.mode == ResidencyMode::kExclusive) {
    WrongUsage("--read-routing",
               "on, expected off with --mode exclusive: a resident block has "
               "no DRAM copy to read");
  }
  settings.simulation.delay_steps = flags.delay_steps;
  settings.simulation.sample_every = flags.sample_every;
  settings.simulation.empty_start = flags.start == "empty";
  settings.simulation.annealing.seed = flags.seed;
  return settings;
}

absl::StatusOr<PreparedRun> PrepareRun(const std::vector<std::string>& traces,
                                       const RunSettings& settings) {
  WorkloadOptions window;
  window.first_step = settings.steps.first;
  window.end_step = settings.steps.end;
  window.masses = true;
  auto workload = LoadWorkload(traces, window);
  if (!workload.ok()) return workload.status();
  PreparedRun run;
  run.workload = *std::move(workload);
  const Bytes block = run.workload.block_bytes();
  run.capacity_blocks = std::min<uint64_t>(
      settings.capacity.Blocks(run.workload.peak_live_blocks, block),
      static_cast<uint64_t>(kMaxBytes / block));
  run.device =
      DeviceFor(run.workload, settings.profile, settings.mode,
                run.capacity_blocks, settings.fixed, settings.read_routing);
  run.device.devices_sharing_dram = settings.devices_sharing_dram;
  if (auto s = Validate(run.device, UINT32_MAX, /*allow_infinite=*/true);
      !s.ok()) {
    return s;
  }
  return run;
}

}  // namespace kvplace
