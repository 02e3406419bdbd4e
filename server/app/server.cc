#include "server/app/server.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"
#include "kvplace/version.h"
#include "server/app/credentials.h"
#include "server/config/listen_address.h"

namespace kvplace {
namespace {

// gRPC plugins are switched on for the whole process.
void InitPlugins(const Options& options) {
  static std::once_flag once;
  std::call_once(once, [&options] {
    grpc::EnableDefaultHealthCheckService(true);
    if (options.reflection) {
      grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    }
    if (options.channelz) grpc::channelz::experimental::InitChannelzService();
  });
}

std::string WithPort(const std::string& listen, int port) {
  ListenAddress address = *ParseListenAddress(listen);
  address.port = static_cast<uint16_t>(port);
  return ToString(address);
}

Severity SeverityOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return Severity::kInfo;
    case LogLevel::kWarning:
      return Severity::kWarning;
    case LogLevel::kError:
      return Severity::kError;
  }
  return Severity::kError;
}

// The limit of lines per cause goes by the line's first word or two, up to the
// colon: "resync: ...", "throttle: ...".
absl::string_view CauseOf(absl::string_view line) {
  const size_t colon = line.find(':');
  return colon == absl::string_view::npos || colon > 32 ? "service"
                                                        : line.substr(0, colon);
}

v1::Mode ToProto(Mode mode) {
  switch (mode) {
    case Mode::kAct:
      return v1::MODE_ACT;
    case Mode::kAdvise:
      return v1::MODE_ADVISE;
    case Mode::kObserve:
      return v1::MODE_OBSERVE;
  }
  return v1::MODE_UNSPECIFIED;
}

}  // namespace

Server::Server(const Options& options, const Clock* clock, StructuredLog* log)
    : options_(options), clock_(clock), log_(log) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      const Clock* clock,
                                                      StructuredLog* log) {
  InitPlugins(options);
  std::unique_ptr<Server> server(new Server(options, clock, log));
  if (auto s = server->OpenMetrics(); !s.ok()) return s;
  server->registry_ = std::make_unique<NodeRegistry>(
      options.service, clock, server->metrics_.get(),
      [log](LogLevel level, const std::string& line) {
        log->Write(SeverityOf(level), CauseOf(line), line);
      });
  if (auto s = server->OpenRecorder(); !s.ok()) return s;
  if (auto s = server->LoadToken(options); !s.ok()) return s;
  if (auto s = server->OpenGrpc(); !s.ok()) return s;
  if (auto s = server->WritePortFile(); !s.ok()) return s;
  const absl::Duration sweep =
      std::clamp(options.service.heartbeat_timeout / 20, absl::Milliseconds(5),
                 absl::Milliseconds(500));
  server->sweeper_ = std::make_unique<SweeperThread>(
      sweep, [raw = server.get()] { raw->Tick(); });
  log->Write(Severity::kInfo, "start", "serving",
             {{"version", VersionString()},
              {"listen", server->grpc_address_},
              {"metrics", server->metrics_address_},
              {"tls", !options.tls.cert.empty()},
              {"policy", options.service.defaults.policy}});
  return server;
}

Server::~Server() {
  Shutdown();
  sweeper_.reset();
  grpc_.reset();
}

absl::Status Server::OpenMetrics() {
  metrics_ = std::make_unique<PrometheusSink>(PrometheusSink::Options{});
  metrics_->SetBuildInfo(kVersion, SourceState(), __VERSION__);
  metrics_->SetProcessStartTime(
      absl::ToDoubleSeconds(clock_->Wall() - absl::UnixEpoch()));
  if (options_.metrics_listen == "off") {
    metrics_address_ = "off";
    return absl::OkStatus();
  }
  auto opened =
      MetricsServer::Start(options_.metrics_listen, metrics_->registry());
  if (!opened.ok()) {
    return absl::UnavailableError(
        absl::StrCat("--metrics-listen ", opened.status().message()));
  }
  metrics_server_ = *std::move(opened);
  metrics_address_ = WithPort(options_.metrics_listen, metrics_server_->port());
  return absl::OkStatus();
}

absl::Status Server::OpenRecorder() {
  if (options_.record.dir.empty()) return absl::OkStatus();
  TraceRecorder::Options record;
  record.dir = options_.record.dir;
  record.file_bytes = options_.record.file_bytes;
  record.total_bytes = options_.record.total_bytes;
  record.queue_bytes = options_.record.queue_bytes;
  TraceRecorder::Hooks hooks;
  hooks.log = [log = log_](LogLevel level, const std::string& line) {
    log->Write(SeverityOf(level), "recorder", line);
  };
  hooks.on_error = [sink = metrics_.get()] { sink->OnRecorderError(); };
  hooks.on_disk_bytes = [sink = metrics_.get()](uint64_t bytes) {
    sink->SetRecorderDiskBytes(bytes);
  };
  auto started =
      TraceRecorder::Start(record, clock_, metrics_.get(), std::move(hooks));
  if (!started.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--record-dir ", started.status().message()));
  }
  recorder_ = *std::move(started);
  return absl::OkStatus();
}

absl::Status Server::LoadToken(const Options& options) {
  if (options.admin_token_file.empty()) {
    token_.Set("");
    return absl::OkStatus();
  }
  auto text = ReadOptionFile("admin-token-file", options.admin_token_file);
  if (!text.ok()) return text.status();
  const auto token = std::string(absl::StripAsciiWhitespace(*text));
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--admin-token-file ", options.admin_token_file,
                     " is empty, expected the token"));
  }
  token_.Set(token);
  return absl::OkStatus();
}

absl::Status Server::OpenGrpc() {
  auto credentials = MakeServerCredentials(options_.tls);
  if (!credentials.ok()) return credentials.status();
  sessions_ =
      std::make_unique<SessionService>(registry_.get(), recorder_.get());
  admin_ = std::make_unique<AdminService>(registry_.get(), &token_);

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options_.listen, *credentials, &port);
  builder.RegisterService(sessions_.get());
  builder.RegisterService(admin_.get());
  SessionService::Configure(options_.service, &builder);
  const auto ms = [](absl::Duration d) {
    return static_cast<int>(absl::ToInt64Milliseconds(d));
  };
  // Two servers on one port would each get a part of the workers.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             ms(options_.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             ms(options_.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("--listen ", options_.listen, " cannot be listened on: ",
                     ExplainBindFailure(*ParseListenAddress(options_.listen))));
  }
  grpc_address_ = WithPort(options_.listen, port);
  SetServing(true);
  return absl::OkStatus();
}

absl::Status Server::WritePortFile() const {
  if (options_.port_file.empty()) return absl::OkStatus();
  const nlohmann::ordered_json ports = {{"listen", grpc_address_},
                                        {"metrics", metrics_address_}};
  // Renamed into place, so that whoever sees it sees all of it.
  const std::string draft = options_.port_file + ".tmp";
  std::ofstream file(draft, std::ios::trunc);
  file << ports.dump() << "\n";
  file.close();
  if (!file || std::rename(draft.c_str(), options_.port_file.c_str()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--port-file ", options_.port_file, " cannot be written"));
  }
  return absl::OkStatus();
}

void Server::SetServing(bool serving) {
  auto* health = grpc_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(serving);
  for (const char* service : {v1::SessionService::service_full_name(),
                              v1::AdminService::service_full_name()}) {
    health->SetServingStatus(service, serving);
  }
}

void Server::Tick() {
  sessions_->SweepOnce();
  log_->ReportSuppressed();
  const uint64_t suppressed = log_->suppressed();
  if (suppressed > suppressed_reported_) {
    metrics_->OnLogLinesSuppressed(suppressed - suppressed_reported_);
    suppressed_reported_ = suppressed;
  }
}

absl::Status Server::ApplyPolicy(const PolicySettings& wanted) {
  v1::SetPolicyRequest request;
  v1::PolicySettings& settings = *request.mutable_settings();
  settings.set_policy(wanted.policy);
  for (const auto& [name, value] : wanted.parameters) {
    (*settings.mutable_parameters())[name] = value;
  }
  settings.set_mode(ToProto(wanted.mode));
  return registry_->SetPolicy(request).status();
}

absl::Status Server::Reload(const Options& wanted) {
  const Options next = WithReloadable(options_, wanted);
  if (auto s = LoadToken(next); !s.ok()) {
    metrics_->OnConfigReload(false);
    return s;
  }
  for (const OptionChange& change : Compare(options_, wanted)) {
    log_->Write(change.reloadable ? Severity::kInfo : Severity::kWarning,
                "reload",
                change.reloadable ? "changed" : "needs a restart to change",
                {{"option", change.option},
                 {"before", change.before},
                 {"after", change.after}});
  }
  const PolicySettings& before = options_.service.defaults;
  const PolicySettings& after = next.service.defaults;
  if (before.policy != after.policy || before.parameters != after.parameters ||
      before.mode != after.mode) {
    if (auto s = ApplyPolicy(after); !s.ok()) {
      metrics_->OnConfigReload(false);
      return s;
    }
  }
  log_->SetMinimum(next.log_level);
  if (recorder_ != nullptr) {
    recorder_->SetLimits(next.record.file_bytes, next.record.total_bytes);
  }
  options_ = next;
  metrics_->OnConfigReload(true);
  return absl::OkStatus();
}

void Server::BeginDrain() {
  SetServing(false);
  metrics_->SetDraining(true);
  const uint32_t told =
      registry_->DrainAll(options_.service.drain_deadline, options_.drain_to);
  log_->Write(
      Severity::kInfo, "drain", "draining",
      {{"sessions", told},
       {"deadline", absl::FormatDuration(options_.service.drain_deadline)}});
}

void Server::Shutdown() {
  if (grpc_ == nullptr) return;
  // Watches and streams that are left are cancelled.
  grpc_->Shutdown(std::chrono::system_clock::now() +
                  std::chrono::milliseconds(200));
}

}  // namespace kvplace
