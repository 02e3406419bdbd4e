// The command line of kvplace-worker.
#ifndef KVPLACE_CLIENT_WORKER_WORKER_FLAGS_H_
#define KVPLACE_CLIENT_WORKER_WORKER_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/server_flags.h"
#include "client/cli/sizes.h"
#include "client/cpp/session_options.h"
#include "client/worker/replay_worker.h"
#include "server/core/topology.h"
#include "server/replay/workload.h"

namespace kvplace::client {

struct WorkerFlags {
  std::vector<std::string> traces;
  ServerFlags server;
  std::string node;
  uint32_t device = 0;
  std::string model, tenant, pod;

  MachineProfile profile;
  Capacity hbm_capacity;
  std::optional<Bytes> dram_capacity;
  Bytes fixed_bytes_per_phase;
  std::string mode = "inclusive";
  std::string read_routing = "off";
  uint32_t devices_sharing_dram = 1;
  StepRange steps;

  ReplayOptions replay;
  double plan_timeout_seconds = 5;
  double connect_timeout_seconds = 10;
  bool hold = false;
  bool progress = false;
  std::string format = "table";
  std::string final_state;
  std::string schedule_out;
  SessionOptions session;
  double backoff_min_seconds = 0.1;
  double backoff_max_seconds = 10;
};

// `flags` must outlive `app`.
void AddWorkerFlags(CLI::App* app, WorkerFlags* flags);

// What one flag alone does not tell. INVALID_ARGUMENT names the flag.
absl::Status CheckWorkerFlags(const WorkerFlags& flags);

// The device of the flags, and the session in its name. REQUIRES:
// CheckWorkerFlags is OK. INVALID_ARGUMENT: the wire cannot say it.
absl::StatusOr<SessionOptions> SessionFor(const WorkerFlags& flags,
                                          const Workload& workload);

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_WORKER_WORKER_FLAGS_H_
