// kvplaced as one object: what it listens on, what serves there, and how it
// stops. main.cc feeds it signals.
//
// Thread-safety: one thread at a time; the services inside have threads of
// gRPC's.
#ifndef KVPLACE_SERVER_APP_SERVER_H_
#define KVPLACE_SERVER_APP_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server.h"
#include "server/config/load_options.h"
#include "server/config/options.h"
#include "server/config/structured_log.h"
#include "server/metrics/metrics_server.h"
#include "server/metrics/prometheus_sink.h"
#include "server/recorder/trace_recorder.h"
#include "server/service/admin_service.h"
#include "server/service/admin_token.h"
#include "server/service/node_registry.h"
#include "server/service/session_service.h"
#include "server/service/sweeper_thread.h"

namespace kvplace {

class Server {
 public:
  // Opens everything. `log` and `clock` outlive the server. Errors name the
  // option: a file that cannot be read, an address in use, a bad folder.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       const Clock* clock,
                                                       StructuredLog* log);
  // Ends what still runs at once.
  ~Server();

  // What is reloadable comes into force; what is not is logged. A problem keeps
  // everything as it was.
  absl::Status Reload(const Options& wanted);
  // A reload failed before it got here.
  void OnReloadFailed() { metrics_->OnConfigReload(false); }

  // Health turns NOT_SERVING, no new sessions, live ones are told to go. The
  // caller waits until drained() or its patience ends, then Shutdown().
  void BeginDrain();
  bool drained() const { return registry_->live_sessions() == 0; }
  // Ends calls and stops listening.
  void Shutdown();

  const Options& options() const { return options_; }

 private:
  Server(const Options& options, const Clock* clock, StructuredLog* log);

  absl::Status OpenMetrics();
  absl::Status OpenRecorder();
  absl::Status LoadToken(const Options& options);
  absl::Status OpenGrpc();
  absl::Status WritePortFile() const;
  void SetServing(bool serving);
  void Tick();
  absl::Status ApplyPolicy(const PolicySettings& wanted);

  Options options_;
  const Clock* const clock_;
  StructuredLog* const log_;

  // In the order of construction: each may use those before it.
  std::unique_ptr<PrometheusSink> metrics_;
  std::unique_ptr<MetricsServer> metrics_server_;
  std::unique_ptr<NodeRegistry> registry_;
  std::unique_ptr<TraceRecorder> recorder_;
  AdminToken token_;
  std::unique_ptr<SessionService> sessions_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<SweeperThread> sweeper_;
  std::string grpc_address_;
  std::string metrics_address_;
  uint64_t suppressed_reported_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_APP_SERVER_H_
