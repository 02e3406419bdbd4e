#include "server/daemon/running_server.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "kvplace/version.h"
#include "server/config/listen_address.h"
#include "server/daemon/grpc_settings.h"
#include "server/daemon/secrets.h"
#include "server/daemon/service_log.h"
#include "server/daemon/tls.h"
#include "server/metrics/metrics_page.h"
#include "server/status/status_document.h"

namespace kvplace {
namespace {

constexpr const char* kServices[] = {"kvplace.v1.SessionService",
                                     "kvplace.v1.AdminService"};

std::chrono::system_clock::time_point After(absl::Duration duration) {
  return absl::ToChronoTime(absl::Now() + duration);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunningServer>> RunningServer::Start(
    const Options& options, const Telemetry& telemetry) {
  auto server =
      std::unique_ptr<RunningServer>(new RunningServer(options, telemetry));
  for (const auto start :
       {&RunningServer::StartRecorder, &RunningServer::StartMetrics,
        &RunningServer::StartServices, &RunningServer::StartGrpc,
        &RunningServer::StartStatusPage}) {
    if (absl::Status started = (server.get()->*start)(); !started.ok()) {
      return started;
    }
  }
  return server;
}

RunningServer::~RunningServer() { Shutdown(absl::ZeroDuration()); }

absl::Status RunningServer::StartRecorder() {
  const RecordOptions& record = options_.record;
  if (record.dir.empty()) return absl::OkStatus();
  PrometheusSink* const metrics = telemetry_.metrics;
  TraceRecorder::Options options;
  options.dir = record.dir;
  options.file_bytes = record.file_bytes;
  options.total_bytes = record.total_bytes;
  options.queue_bytes = record.queue_bytes;
  auto recorder = TraceRecorder::Start(
      options, telemetry_.clock, metrics,
      {.log = LogInto(telemetry_.log),
       .on_error = [metrics] { metrics->OnRecorderError(); },
       .on_disk_bytes =
           [metrics](uint64_t bytes) {
             metrics->SetRecorderDiskBytes(bytes);
           }});
  if (!recorder.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("--record-dir: ", recorder.status().message()));
  }
  recorder_ = *std::move(recorder);
  return absl::OkStatus();
}

absl::Status RunningServer::StartMetrics() {
  if (options_.metrics_listen == "off") return absl::OkStatus();
  const ListenAddress address = *ParseListenAddress(options_.metrics_listen);
  auto server = HttpServer::Start(
      ToString(address),
      [registry = telemetry_.metrics->registry()](const HttpRequest& request) {
        return AnswerScrape(*registry, request);
      },
      [](int status) { return PlainAnswer(status, "GET /metrics\n"); });
  if (!server.ok()) {
    return absl::UnavailableError(absl::StrCat("--metrics-listen ",
                                               options_.metrics_listen, ": ",
                                               ExplainBindFailure(address)));
  }
  metrics_server_ = *std::move(server);
  ports_.metrics_port = metrics_server_->port();
  ports_.metrics_listen =
      ToString({address.host, static_cast<uint16_t>(metrics_server_->port())});
  return absl::OkStatus();
}

absl::Status RunningServer::StartServices() {
  absl::StatusOr<std::string> token = ReadAdminToken(options_.admin_token_file);
  if (!token.ok()) return token.status();
  token_.Set(*std::move(token));
  if (!options_.tls.cert.empty()) {
    const absl::StatusOr<TlsFiles> files = CheckTlsFiles(options_.tls);
    if (!files.ok()) return files.status();
  }
  registry_ = std::make_unique<NodeRegistry>(options_.service, telemetry_.clock,
                                             telemetry_.metrics,
                                             LogInto(telemetry_.log));
  sessions_ =
      std::make_unique<SessionService>(registry_.get(), recorder_.get());
  admin_ = std::make_unique<AdminService>(registry_.get(), &token_);
  return absl::OkStatus();
}

absl::Status RunningServer::StartGrpc() {
  PrepareGrpc(options_);
  const ListenAddress address = *ParseListenAddress(options_.listen);
  grpc::ServerBuilder builder;
  ConfigureGrpc(options_, &builder);
  builder.AddListeningPort(ToString(address),
                           MakeServerCredentials(options_.tls), &ports_.port);
  builder.RegisterService(sessions_.get());
  builder.RegisterService(admin_.get());
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || ports_.port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "--listen ", options_.listen, ": ", ExplainBindFailure(address)));
  }
  ports_.listen = ToString({address.host, static_cast<uint16_t>(ports_.port)});
  SetHealth(true);
  StartSweeping();
  return absl::OkStatus();
}

absl::Status RunningServer::StartStatusPage() {
  const std::string& listen = options_.status_listen;
  if (listen.empty() || listen == "off") return absl::OkStatus();
  const ListenAddress address = *ParseListenAddress(listen);
  const TlsOptions& tls = options_.tls;
  const ServerFacts facts = {
      .version = VersionString(),
      .started = telemetry_.clock->Wall(),
      .listen = ports_.listen,
      .metrics_listen = ports_.metrics_listen,
      .tls = tls.cert.empty()        ? "off"
             : tls.client_ca.empty() ? "on"
                                     : "mutual",
  };
  status_site_ = std::make_unique<StatusSite>(
      StatusSite::Options{.local_names_only = IsLoopback(address)},
      telemetry_.clock, [this, facts] {
        StatusSnapshot snapshot = CollectStatus(*registry_);
        snapshot.draining = draining_;
        return StatusJson(facts, snapshot);
      });
  auto server = HttpServer::Start(
      ToString(address),
      [site = status_site_.get()](const HttpRequest& request) {
        return site->Answer(request);
      },
      &StatusSite::Error);
  if (!server.ok()) {
    return absl::UnavailableError(absl::StrCat(
        "--status-listen ", listen, ": ", ExplainBindFailure(address),
        "; choose another address, or off for no status page"));
  }
  status_server_ = *std::move(server);
  ports_.status_port = status_server_->port();
  ports_.status_listen =
      ToString({address.host, static_cast<uint16_t>(status_server_->port())});
  return absl::OkStatus();
}

void RunningServer::StartSweeping() {
  if (options_.service.hindsight_window_steps > 0) {
    hindsight_ = std::make_unique<HindsightThread>(&desk_);
  }
  const absl::Duration sweep =
      std::clamp(options_.service.heartbeat_timeout / 10, absl::Milliseconds(1),
                 absl::Milliseconds(200));
  sweeper_ = std::make_unique<SweeperThread>(sweep, [this] {
    sessions_->SweepOnce();
    if (hindsight_ != nullptr) registry_->ServeHindsight(&desk_);
  });
}

void RunningServer::SetHealth(bool serving) {
  grpc::HealthCheckServiceInterface* const health =
      grpc_->GetHealthCheckService();
  if (health == nullptr) return;
  // gRPC knows the server as a whole (""), but no service, until it is told.
  health->SetServingStatus("", serving);
  for (const char* service : kServices) {
    health->SetServingStatus(service, serving);
  }
}

uint32_t RunningServer::BeginDrain(const std::string& reconnect_to) {
  SetHealth(false);
  telemetry_.metrics->SetDraining(true);
  draining_ = true;
  return registry_->DrainAll(options_.service.drain_deadline, reconnect_to);
}

void RunningServer::Shutdown(absl::Duration grace) {
  // civetweb takes up to 2 s to end: both at once, and beside the rest.
  std::thread page([this] { status_server_.reset(); });
  std::thread metrics([this] { metrics_server_.reset(); });
  sweeper_.reset();
  hindsight_.reset();
  if (grpc_ != nullptr) {
    grpc_->Shutdown(After(grace));
    grpc_->Wait();
    grpc_.reset();
  }
  metrics.join();
  page.join();
}

}  // namespace kvplace
