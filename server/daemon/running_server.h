// All that serves, put together from checked options: registry, services,
// recorder, gRPC server, /metrics and the status page. Built by Start, taken
// down in the order that the parts need.
//
// Thread-safety: one thread (the one that waits for signals).
#ifndef KVPLACE_SERVER_DAEMON_RUNNING_SERVER_H_
#define KVPLACE_SERVER_DAEMON_RUNNING_SERVER_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "server/config/options.h"
#include "server/config/structured_log.h"
#include "server/daemon/port_file.h"
#include "server/http/http_server.h"
#include "server/metrics/prometheus_sink.h"
#include "server/recorder/trace_recorder.h"
#include "server/service/admin_service.h"
#include "server/service/admin_token.h"
#include "server/service/hindsight_desk.h"
#include "server/service/hindsight_thread.h"
#include "server/service/node_registry.h"
#include "server/service/session_service.h"
#include "server/service/sweeper_thread.h"
#include "server/status/status_site.h"

namespace kvplace {

// What everything reports to. All of it outlives the server.
struct Telemetry {
  const Clock* clock;
  StructuredLog* log;
  PrometheusSink* metrics;
};

class RunningServer {
 public:
  // Opens files and ports and begins to serve. Errors are for the operator:
  // they name the flag, its value and what the system said.
  static absl::StatusOr<std::unique_ptr<RunningServer>> Start(
      const Options& options, const Telemetry& telemetry);
  // Shuts down at once if nobody has.
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  const OpenPorts& ports() const { return ports_; }

  // Health becomes NOT_SERVING, no new session is taken, live ones are told to
  // go to `reconnect_to`. Returns how many.
  uint32_t BeginDrain(const std::string& reconnect_to);
  // Every session is gone.
  bool drained() const { return sessions_->streams() == 0; }
  // Ends what is left of calls after `grace` and stops serving.
  void Shutdown(absl::Duration grace);

  // What a reload changes.
  NodeRegistry& registry() { return *registry_; }
  AdminToken& token() { return token_; }
  void SetHindsightCpuShare(double share) { desk_.SetCpuShare(share); }
  // Null if nothing is recorded.
  TraceRecorder* recorder() { return recorder_.get(); }

 private:
  RunningServer(const Options& options, const Telemetry& telemetry)
      : options_(options),
        telemetry_(telemetry),
        desk_(options.service.hindsight_cpu_share) {}

  absl::Status StartRecorder();
  absl::Status StartMetrics();
  absl::Status StartServices();
  absl::Status StartGrpc();
  absl::Status StartStatusPage();
  void StartSweeping();
  void SetHealth(bool serving);

  const Options options_;
  const Telemetry telemetry_;
  OpenPorts ports_;
  AdminToken token_;
  std::unique_ptr<HttpServer> metrics_server_;
  std::unique_ptr<TraceRecorder> recorder_;
  std::unique_ptr<NodeRegistry> registry_;
  HindsightDesk desk_;
  std::unique_ptr<SessionService> sessions_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<grpc::Server> grpc_;
  // Null with a window of 0 steps.
  std::unique_ptr<HindsightThread> hindsight_;
  std::unique_ptr<SweeperThread> sweeper_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<StatusSite> status_site_;
  std::unique_ptr<HttpServer> status_server_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_RUNNING_SERVER_H_
