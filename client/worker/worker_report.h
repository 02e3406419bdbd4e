// What kvplace-worker prints and writes when a run is over.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_WORKER_WORKER_REPORT_H_
#define KVPLACE_CLIENT_WORKER_WORKER_REPORT_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "client/cpp/session_options.h"
#include "client/worker/replay_worker.h"
#include "server/replay/workload.h"

namespace kvplace::client {

struct WorkerReport {
  const Workload* workload = nullptr;
  const SessionOptions* session = nullptr;
  const ReplayResult* result = nullptr;
  SessionStats stats;
  bool connected = false;
  absl::Status last_error;
  double wall_seconds = 0;
};

// One JSON document, schema "kvplace.worker/1"; keys as of
// kvplace.simulate/1 where they mean the same.
void PrintJson(const WorkerReport& report, std::ostream& out);
// For people.
void PrintTable(const WorkerReport& report, std::ostream& out);

// Where the blocks are, as JSON (schema "kvplace.worker_state/1"): ids in HBM,
// and live and resident blocks per sequence. Errors name the file.
absl::Status WriteFinalState(const std::string& path, const Workload& workload,
                             const ReplayWorker& worker);

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_WORKER_WORKER_REPORT_H_
