// kvplaced: wiring only.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "kvplace/version.h"
#include "server/app/probe.h"
#include "server/app/server.h"
#include "server/config/command_line.h"
#include "server/config/load_options.h"
#include "server/config/structured_log.h"
#include "server/service/clock.h"

namespace kvplace {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

// Blocked in every thread, and taken one by one by Wait below.
sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// The next signal; 0 after `timeout`.
int Wait(const sigset_t& set, absl::Duration timeout) {
  const timespec limit = absl::ToTimespec(timeout);
  const int signal = sigtimedwait(&set, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

void Reload(const Invocation& invocation, Server& server, StructuredLog& log) {
  auto loaded = LoadOptions(invocation);
  absl::Status status = loaded.status();
  if (status.ok()) {
    status = server.Reload(loaded->options);
  } else {
    server.OnReloadFailed();
  }
  if (status.ok()) {
    log.Write(Severity::kInfo, "reload", "configuration reloaded");
  } else {
    log.Write(Severity::kError, "reload",
              "configuration not reloaded, the old one stays in force",
              {{"error", std::string(status.message())}});
  }
}

// True: all sessions went. False: the deadline, or a second signal.
bool WaitUntilDrained(const Server& server, const sigset_t& signals) {
  const Clock& clock = *RealClock();
  const absl::Duration end = clock.Monotonic() +
                             server.options().service.drain_deadline +
                             absl::Seconds(1);
  while (!server.drained()) {
    if (clock.Monotonic() > end) return false;
    const int signal = Wait(signals, absl::Milliseconds(20));
    if (signal == SIGTERM || signal == SIGINT) return false;
  }
  return true;
}

int Serve(const Invocation& invocation, const Options& options) {
  const sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  auto lines = spdlog::stderr_logger_mt("kvplaced");
  lines->set_pattern("%v");
  lines->flush_on(spdlog::level::info);
  StructuredLog::Options log_options;
  log_options.format = options.log_format;
  log_options.minimum = options.log_level;
  StructuredLog log(log_options, RealClock(), [&](absl::string_view line) {
    lines->info(spdlog::string_view_t(line.data(), line.size()));
  });

  auto server = Server::Start(options, RealClock(), &log);
  if (!server.ok()) {
    log.Write(Severity::kError, "start", "cannot start",
              {{"error", std::string(server.status().message())}});
    return kFailed;
  }
  for (;;) {
    const int signal = Wait(signals, absl::Hours(1));
    if (signal == SIGHUP) Reload(invocation, **server, log);
    if (signal == SIGTERM || signal == SIGINT) break;
  }
  (*server)->BeginDrain();
  const bool drained = WaitUntilDrained(**server, signals);
  (*server)->Shutdown();
  server->reset();
  log.ReportSuppressed(/*all=*/true);
  log.Write(Severity::kInfo, "stop",
            drained ? "drained, stopped" : "stopped before all sessions went");
  return 0;
}

int Run(const std::vector<std::string>& arguments) {
  const auto usage = [](const absl::Status& status) {
    std::cerr << "kvplaced: " << status.message()
              << "\nRun kvplaced --help for all flags.\n";
    return kWrongUsage;
  };
  const auto invocation = ParseCommandLine(arguments);
  if (!invocation.ok()) return usage(invocation.status());
  if (invocation->action == Invocation::Action::kHelp) {
    std::cout << HelpText();
    return 0;
  }
  if (invocation->action == Invocation::Action::kShowVersion) {
    std::cout << "kvplaced " << VersionString() << "\n";
    return 0;
  }
  const auto effective = LoadOptions(*invocation);
  if (!effective.ok()) return usage(effective.status());
  if (invocation->action == Invocation::Action::kCheckConfig) {
    std::cout << ToYaml(*effective);
    return 0;
  }
  if (invocation->action == Invocation::Action::kProbe) {
    const absl::Status status = Probe(invocation->probe, effective->options);
    if (status.ok()) return 0;
    std::cerr << "kvplaced: " << status.message() << "\n";
    return status.code() == absl::StatusCode::kInvalidArgument ? kWrongUsage
                                                               : kFailed;
  }
  return Serve(*invocation, effective->options);
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) {
  return kvplace::Run(std::vector<std::string>(argv + 1, argv + argc));
}
