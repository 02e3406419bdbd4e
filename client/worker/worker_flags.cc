#include "client/worker/worker_flags.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/profile_file.h"
#include "server/replay/closed_loop.h"

namespace kvplace::client {
namespace {

constexpr char kExamples[] = R"(Examples:
  kvplace-worker bible.kvtrace --node node-a --lockstep
  kvplace-worker a.kvtrace b.kvtrace --server kvplaced:50551 --node node-a --device 1 \
      --hbm-capacity 15% --steps-per-second 50 --loop 100 --format json)";

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') {
    return "localhost";
  }
  return name;
}

void AddDeviceFlags(CLI::App* app, WorkerFlags* flags) {
  const std::string group = "Device";
  AddParsedOption(
      app, "--profile", LoadProfile, &flags->profile,
      "Machine: paper-gh200 (default), gh200-measured, h100-pcie5, gb200, or "
      "FILE.yaml")
      ->group(group);
  AddParsedOption(
      app, "--hbm-capacity", ParseCapacity, &flags->hbm_capacity,
      "HBM for KV: N% of the peak live bytes (default 25%), or a size")
      ->group(group);
  AddParsedOption(
      app, "--dram-capacity",
      [](const std::string& text) -> absl::StatusOr<std::optional<Bytes>> {
        auto size = ParseSize(text);
        if (!size.ok()) return size.status();
        return std::optional<Bytes>(*size);
      },
      &flags->dram_capacity, "DRAM for KV, a size; unknown if left out")
      ->group(group);
  AddParsedOption(app, "--fixed-bytes-per-phase", ParseSize,
                  &flags->fixed_bytes_per_phase,
                  "Bytes every phase reads from HBM (weights), a size")
      ->group(group);
  app->add_option("--mode", flags->mode, "Residency mode")
      ->check(CLI::IsMember({"inclusive", "exclusive"}))
      ->capture_default_str()
      ->group(group);
  app->add_option("--read-routing", flags->read_routing,
                  "Read resident blocks from their DRAM copies where that is "
                  "faster")
      ->check(CLI::IsMember({"off", "on"}))
      ->capture_default_str()
      ->group(group);
  app->add_option("--devices-sharing-dram", flags->devices_sharing_dram,
                  "Devices of the node that read DRAM at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->group(group);
}

void AddSessionFlags(CLI::App* app, WorkerFlags* flags) {
  const std::string group = "Session";
  const auto option = [&](const char* name, auto& value, const char* help) {
    return app->add_option(name, value, help)
        ->capture_default_str()
        ->group(group);
  };
  option("--node", flags->node, "Node the device sits in");
  option("--device", flags->device, "Device within the node")
      ->check(CLI::Range(0, 63));
  option("--model", flags->model, "Label for people and routers");
  option("--tenant", flags->tenant, "Label for people and routers");
  option("--pod", flags->pod, "Label for people and routers");
  option("--connect-timeout", flags->connect_timeout_seconds,
         "Seconds to wait for the first session; then the run fails. 0: start "
         "without waiting")
      ->check(CLI::Range(0.0, 3600.0));
  option("--backoff-min", flags->backoff_min_seconds,
         "Shortest pause before a new attempt to connect, in seconds")
      ->check(CLI::Range(0.001, 3600.0));
  option("--backoff-max", flags->backoff_max_seconds, "Longest, in seconds")
      ->check(CLI::Range(0.001, 3600.0));
}

void AddRunFlags(CLI::App* app, WorkerFlags* flags) {
  const std::string group = "Run";
  const auto option = [&](const char* name, auto& value, const char* help) {
    return app->add_option(name, value, help)->group(group);
  };
  AddParsedOption(app, "--steps", ParseSteps, &flags->steps,
                  "Steps A:B, renumbered from 0; what exists before A is "
                  "initial")
      ->group(group);
  app->add_flag("--lockstep", flags->replay.lockstep,
                "Wait in each step for the plan that knows the step before")
      ->group(group);
  option("--plan-timeout", flags->plan_timeout_seconds,
         "Lockstep: seconds to wait for a plan before the local policy decides")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  option("--steps-per-second", flags->replay.steps_per_second,
         "Pace; 0: as fast as it goes")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  option("--loop", flags->replay.loops,
         "Runs of the traces, one after the other, as new sequences")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  app->add_flag("--report-measured", flags->replay.report_measured,
                "Tell the modelled times as if they were measured")
      ->group(group);
  app->add_flag("--hold", flags->hold,
                "After the last step keep the session until SIGTERM or SIGINT")
      ->group(group);
}

void AddOutputFlags(CLI::App* app, WorkerFlags* flags) {
  const std::string group = "Output";
  app->add_option("--format", flags->format, "Report on stdout")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str()
      ->group(group);
  app->add_flag("--progress", flags->progress,
                "A line per second on stderr: step, session, orders")
      ->group(group);
  app->add_option("--final-state", flags->final_state,
                  "Write the device as it ended, as JSON: which ids are in HBM")
      ->group(group);
  app->add_option("--schedule-out", flags->schedule_out,
                  "Write the schedule of the first run as JSON lines, as "
                  "kvplacectl simulate does")
      ->group(group);
}

absl::Duration Seconds(double seconds) { return absl::Seconds(seconds); }

}  // namespace

void AddWorkerFlags(CLI::App* app, WorkerFlags* flags) {
  flags->node = HostName();
  flags->profile = *FindProfile("paper-gh200");
  flags->hbm_capacity.numerator = 25;
  flags->hbm_capacity.denominator = 100;
  app->footer(kExamples);
  app->add_option("traces", flags->traces,
                  "Traces (.kvtrace), side by side as sequences of the device")
      ->required();
  AddServerFlags(app, &flags->server);
  AddSessionFlags(app, flags);
  AddDeviceFlags(app, flags);
  AddRunFlags(app, flags);
  AddOutputFlags(app, flags);
}

absl::Status CheckWorkerFlags(const WorkerFlags& flags) {
  if (flags.read_routing == "on" && flags.mode == "exclusive") {
    return absl::InvalidArgumentError(
        "--read-routing: on, expected off with --mode exclusive: a resident "
        "block has no DRAM copy to read");
  }
  if (flags.backoff_max_seconds < flags.backoff_min_seconds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--backoff-max: ", flags.backoff_max_seconds,
        ", expected at least --backoff-min, ", flags.backoff_min_seconds));
  }
  return absl::OkStatus();
}

absl::StatusOr<SessionOptions> SessionFor(const WorkerFlags& flags,
                                          const Workload& workload) {
  SessionOptions options;
  options.target = flags.server.server;
  options.node_id = flags.node;
  options.device_index = flags.device;
  options.model = flags.model;
  options.tenant = flags.tenant;
  options.pod = flags.pod;
  options.dram_capacity = flags.dram_capacity;
  options.device =
      DeviceFor(workload, flags.profile,
                flags.mode == "exclusive" ? ResidencyMode::kExclusive
                                          : ResidencyMode::kInclusive,
                flags.hbm_capacity.Blocks(workload.peak_live_blocks,
                                          workload.block_bytes()),
                flags.fixed_bytes_per_phase, flags.read_routing == "on");
  options.device.devices_sharing_dram = flags.devices_sharing_dram;
  options.backoff.shortest = Seconds(flags.backoff_min_seconds);
  options.backoff.longest = Seconds(flags.backoff_max_seconds);
  if (auto s = Validate(options); !s.ok()) return s;
  return options;
}

}  // namespace kvplace::client
