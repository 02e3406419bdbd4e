// The machine, the window and the decisions of a run on traces: the flags that
// `simulate` and `explain` share, so that both run the same.
//
// Thread-safety: one thread.
#ifndef KVPLACE_CLIENT_CLI_RUN_FLAGS_H_
#define KVPLACE_CLIENT_CLI_RUN_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/sizes.h"
#include "server/core/topology.h"
#include "server/core/units.h"
#include "server/replay/simulation.h"
#include "server/replay/workload.h"

namespace kvplace {

// Ends the command with kExitUsage: "flag: what".
[[noreturn]] void WrongUsage(absl::string_view flag, absl::string_view what);
template <typename T>
T OrWrongUsage(absl::string_view flag, absl::StatusOr<T> value) {
  if (!value.ok()) WrongUsage(flag, value.status().message());
  return *std::move(value);
}

struct RunFlags {
  std::string profile = "paper-gh200";
  std::string steps = ":";
  std::string hbm_capacity = "25%";
  std::vector<std::string> parameters;
  std::optional<int> delay_steps;
  uint32_t sample_every = 1;
  std::string mode = "inclusive";
  std::string read_routing = "off";
  std::string fixed_bytes_per_phase = "0";
  uint32_t devices_sharing_dram = 1;
  std::string start = "newest";
  uint64_t seed = 1;
};

// `flags` must outlive `command`.
void AddRunFlags(CLI::App* command, RunFlags* flags);

// What the flags mean, checked.
struct RunSettings {
  MachineProfile profile;
  StepRange steps;
  Capacity capacity;
  ResidencyMode mode = ResidencyMode::kInclusive;
  bool read_routing = false;
  Bytes fixed;
  uint32_t devices_sharing_dram = 1;
  // With the delay, the parameters and the seed; no callbacks.
  SimulationOptions simulation;
};
// Wrong usage ends the command. `policies` are known ones.
RunSettings CheckRunFlags(const RunFlags& flags,
                          const std::vector<std::string>& policies);

// What a run takes place on.
struct PreparedRun {
  Workload workload;
  DeviceConfig device;
  uint64_t capacity_blocks = 0;
};
// Errors as of LoadWorkload, and of a device that cannot be.
absl::StatusOr<PreparedRun> PrepareRun(const std::vector<std::string>& traces,
                                       const RunSettings& settings);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_RUN_FLAGS_H_
