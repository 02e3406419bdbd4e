#include "server/daemon/serve.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kvplace/version.h"
#include "server/config/listen_address.h"
#include "server/config/structured_log.h"
#include "server/daemon/grpc_log.h"
#include "server/daemon/log_output.h"
#include "server/daemon/port_file.h"
#include "server/daemon/reloader.h"
#include "server/daemon/running_server.h"
#include "server/daemon/secrets.h"
#include "server/daemon/signals.h"
#include "server/daemon/tls.h"
#include "server/metrics/prometheus_sink.h"
#include "server/service/clock.h"

namespace kvplace {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
// What sessions get beyond their deadline until they are given up, and what
// other calls get after that.
constexpr absl::Duration kDrainGrace = absl::Seconds(1);
constexpr absl::Duration kShutdownGrace = absl::Milliseconds(500);
constexpr size_t kMostDevicesWithMetrics = 4096;

#if defined(__clang__)
constexpr char kCompiler[] = "clang " __clang_version__;
#else
constexpr char kCompiler[] = "gcc " __VERSION__;
#endif

class Daemon {
 public:
  Daemon(const Invocation& invocation, const Options& options)
      : invocation_(invocation),
        options_(options),
        log_({.format = options.log_format, .minimum = options.log_level},
             clock_, [this](absl::string_view line) { output_.Write(line); }),
        metrics_({.max_devices = std::min<size_t>(options.service.max_sessions,
                                                  kMostDevicesWithMetrics),
                  .max_group_rows = options.metrics_groups}) {}

  int Run();

 private:
  absl::Status Start();
  // What an operator should know about how this server is set up.
  void WarnOfExposure();
  void SayWhatServes();
  void Loop(Reloader* reloader);
  void Drain(int signal, const Reloader& reloader);
  // Housekeeping, every kTick.
  void Tick();
  void LookAtCertificate();

  const Invocation& invocation_;
  const Options& options_;
  const Clock* const clock_ = RealClock();
  LogOutput output_;
  StructuredLog log_;
  GrpcLog grpc_log_{&log_};
  PrometheusSink metrics_;
  std::unique_ptr<RunningServer> server_;

  uint64_t lines_told_ = 0;
  absl::Duration certificate_seen_ = -absl::InfiniteDuration();
};

absl::Status Daemon::Start() {
  auto server = RunningServer::Start(options_, {clock_, &log_, &metrics_});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  if (options_.port_file.empty()) return absl::OkStatus();
  return WritePortFile(options_.port_file, server_->ports());
}

int Daemon::Run() {
  metrics_.SetBuildInfo(kVersion, SourceState(), kCompiler);
  metrics_.SetProcessStartTime(
      absl::ToDoubleSeconds(clock_->Wall() - absl::UnixEpoch()));
  if (absl::Status started = Start(); !started.ok()) {
    log_.Write(Severity::kError, "startup", started.message());
    return 2;
  }
  grpc_log_.SetServing();
  SayWhatServes();
  WarnOfExposure();
  LookAtCertificate();
  Reloader reloader(invocation_, options_, server_.get(),
                    {clock_, &log_, &metrics_});
  Loop(&reloader);
  // A disk or a log that hangs must not make the process deaf.
  UnblockSignals();
  server_->Shutdown(kShutdownGrace);
  server_.reset();
  log_.ReportSuppressed(true);
  log_.Write(Severity::kInfo, "shutdown", "ended");
  return 0;
}

void Daemon::SayWhatServes() {
  const OpenPorts& ports = server_->ports();
  log_.Write(Severity::kInfo, "startup", "serving",
             {{"listen", ports.listen},
              {"metrics_listen",
               ports.metrics_port ? ports.metrics_listen : std::string("off")},
              {"status_page", ports.status_port
                                  ? absl::StrCat("http://", ports.status_listen)
                                  : std::string("off")},
              {"tls", options_.tls.cert.empty()
                          ? "off"
                          : (options_.tls.client_ca.empty() ? "on" : "mutual")},
              {"policy", options_.service.defaults.policy},
              {"mode", Name(options_.service.defaults.mode)},
              {"record_dir", options_.record.dir.empty() ? std::string("off")
                                                         : options_.record.dir},
              {"version", VersionString()},
              {"pid", getpid()}});
}

void Daemon::WarnOfExposure() {
  const auto exposed = [](const std::string& text) {
    const auto address = ParseListenAddress(text);
    return address.ok() && !IsLoopback(*address);
  };
  if (exposed(options_.listen) && options_.tls.cert.empty()) {
    log_.Write(Severity::kWarning, "exposure",
               "plaintext on an address that others reach; set --tls-cert and "
               "--tls-key",
               {{"listen", options_.listen}});
  }
  if (exposed(options_.listen) && options_.admin_token_file.empty()) {
    log_.Write(Severity::kWarning, "exposure",
               "whoever reaches this address may drain nodes and set "
               "policies; set --admin-token-file",
               {{"listen", options_.listen}});
  }
  if (exposed(options_.status_listen)) {
    log_.Write(Severity::kWarning, "exposure",
               "whoever reaches the status page reads names of nodes, models "
               "and tenants; set --status-listen to a loopback address",
               {{"listen", options_.status_listen}});
  }
  if (!options_.admin_token_file.empty() &&
      ReadableByAll(options_.admin_token_file)) {
    log_.Write(Severity::kWarning, "exposure",
               "every user of this machine can read the admin token",
               {{"file", options_.admin_token_file}});
  }
}

void Daemon::Tick() {
  log_.ReportSuppressed();
  const uint64_t lines = log_.suppressed() + output_.dropped();
  metrics_.OnLogLinesSuppressed(lines - lines_told_);
  lines_told_ = lines;
  if (clock_->Monotonic() - certificate_seen_ >= options_.tls.reload_interval) {
    LookAtCertificate();
  }
}

void Daemon::LookAtCertificate() {
  certificate_seen_ = clock_->Monotonic();
  if (options_.tls.cert.empty()) return;
  const absl::StatusOr<TlsFiles> files = CheckTlsFiles(options_.tls);
  if (!files.ok()) {
    log_.Write(
        Severity::kError, "tls",
        absl::StrCat("new connections may fail: ", files.status().message()));
    return;
  }
  metrics_.SetTlsCertificateExpiry(
      absl::ToDoubleSeconds(files->not_after - absl::UnixEpoch()));
}

void Daemon::Loop(Reloader* reloader) {
  while (true) {
    const std::optional<int> signal = WaitForSignal(kTick);
    Tick();
    if (!signal.has_value()) continue;
    if (*signal == SIGHUP) {
      reloader->Reload();
      continue;
    }
    Drain(*signal, *reloader);
    return;
  }
}

void Daemon::Drain(int signal, const Reloader& reloader) {
  const absl::Duration deadline = options_.service.drain_deadline + kDrainGrace;
  const uint32_t told = server_->BeginDrain(reloader.running().drain_to);
  log_.Write(Severity::kInfo, "shutdown", "draining",
             {{"signal", strsignal(signal)},
              {"sessions", told},
              {"deadline_ms", absl::ToInt64Milliseconds(deadline)}});
  const absl::Duration begun = clock_->Monotonic();
  while (!server_->drained() && clock_->Monotonic() - begun < deadline) {
    const std::optional<int> again = WaitForSignal(absl::Milliseconds(20));
    if (!again.has_value() || *again == SIGHUP) continue;
    // Whoever asks twice does not want to wait, not even for destructors.
    _exit(128 + *again);
  }
}

}  // namespace

int Serve(const Invocation& invocation, const Options& options) {
  BlockSignals();
  return Daemon(invocation, options).Run();
}

}  // namespace kvplace
