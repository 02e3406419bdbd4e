// kvplace-worker: replays recorded traces as one emulated device of a serving
// node, under the orders of a kvplaced. Wiring only; replay_worker.h does it.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/command.h"
#include "client/cli/schedule_writer.h"
#include "client/cpp/session_client.h"
#include "client/worker/replay_worker.h"
#include "client/worker/worker_flags.h"
#include "client/worker/worker_report.h"
#include "kvplace/version.h"
#include "server/trace/workload_loader.h"

namespace kvplace::client {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(10);
// For the last messages to leave.
constexpr absl::Duration kFlushTime = absl::Seconds(5);

// The one worker of this program, for the signal handler.
std::atomic<ReplayWorker*> g_worker{nullptr};

void OnSignal(int) {
  if (ReplayWorker* const worker = g_worker.load()) worker->Stop();
}

// Signals end the worker's run while it lives.
class SignalGuard {
 public:
  explicit SignalGuard(ReplayWorker* worker) {
    g_worker = worker;
    std::signal(SIGINT, OnSignal);
    std::signal(SIGTERM, OnSignal);
  }
  ~SignalGuard() { g_worker = nullptr; }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;
};

void Say(const std::string& line) {
  std::cerr << absl::StrCat("kvplace-worker: ", line, "\n") << std::flush;
}

// Until the first session lives. The client goes on trying meanwhile.
absl::Status AwaitSession(const SessionClient& client,
                          const ReplayWorker& worker, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::Status last;
  while (!client.connected() && !worker.stopped()) {
    last = client.last_error();
    if (absl::Now() >= deadline || IsRefusal(last, /*welcomed=*/false)) {
      return last.ok() ? absl::DeadlineExceededError("no answer from server")
                       : last;
    }
    absl::SleepFor(kPoll);
  }
  return absl::OkStatus();
}

// A line per second.
class ProgressLines {
 public:
  ProgressLines(const SessionClient& client, uint64_t total)
      : client_(client), total_(total) {}

  void Update(uint64_t done) {
    if (absl::Now() < next_) return;
    next_ = absl::Now() + absl::Seconds(1);
    const SessionStats stats = client_.stats();
    Say(absl::StrCat("step ", done, " of ", total_, ", session ",
                     client_.connected() ? "up" : "down", ", ",
                     stats.plan_steps, " by plans, ", stats.local_steps,
                     " by the local policy, ", stats.reconnects(),
                     " reconnects, ", stats.resyncs, " resyncs"));
  }

 private:
  const SessionClient& client_;
  const uint64_t total_;
  absl::Time next_ = absl::InfinitePast();
};

absl::Status PrintReport(const WorkerFlags& flags, const Workload& workload,
                         const SessionOptions& session,
                         const ReplayWorker& worker,
                         const SessionClient& client, absl::Duration wall) {
  WorkerReport report;
  report.workload = &workload;
  report.session = &session;
  report.result = &worker.result();
  report.stats = client.stats();
  report.connected = client.connected();
  report.last_error = client.last_error();
  report.wall_seconds = absl::ToDoubleSeconds(wall);
  (flags.format == "json" ? PrintJson : PrintTable)(report, std::cout);
  std::cout.flush();
  return absl::OkStatus();
}

absl::Status RunSession(const WorkerFlags& flags, const Workload& workload,
                        const SessionOptions& session) {
  auto made = SessionClient::Create(session, flags.server.channel);
  if (!made.ok()) return made.status();
  SessionClient& client = **made;

  std::optional<ScheduleWriter> schedule;
  if (!flags.schedule_out.empty()) {
    schedule.emplace(workload,
                     session.device.hbm_capacity / workload.block_bytes());
    if (auto s = schedule->Open(flags.schedule_out); !s.ok()) return s;
  }
  ProgressLines progress(client, flags.replay.loops * workload.steps);
  ReplayOptions replay = flags.replay;
  replay.plan_timeout = absl::Seconds(flags.plan_timeout_seconds);
  if (schedule) {
    replay.on_start = [&](const auto& hbm) { schedule->WriteStart(hbm); };
    replay.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
      schedule->WritePhase(phase, outcome);
    };
  }
  if (flags.progress) {
    replay.on_step = [&](uint64_t done) { progress.Update(done); };
  }

  ReplayWorker worker(workload, session.device, replay, &client,
                      RealClientClock());
  const SignalGuard signals(&worker);
  if (auto s = worker.Start(); !s.ok()) return s;
  if (flags.connect_timeout_seconds > 0) {
    if (auto s = AwaitSession(client, worker,
                              absl::Seconds(flags.connect_timeout_seconds));
        !s.ok()) {
      return s;
    }
  }
  const absl::Time began = absl::Now();
  if (auto s = worker.Run(); !s.ok()) return s;
  const absl::Duration wall = absl::Now() - began;
  client.Flush(kFlushTime);
  if (schedule) {
    if (auto s = schedule->Close(); !s.ok()) return s;
  }
  if (!flags.final_state.empty()) {
    if (auto s = WriteFinalState(flags.final_state, workload, worker);
        !s.ok()) {
      return s;
    }
  }
  if (auto s = PrintReport(flags, workload, session, worker, client, wall);
      !s.ok()) {
    return s;
  }
  while (flags.hold && !worker.stopped()) absl::SleepFor(kPoll);
  client.Stop();
  return absl::OkStatus();
}

absl::Status Run(const WorkerFlags& flags) {
  if (auto s = CheckWorkerFlags(flags); !s.ok()) {
    return UsageError(s.message());
  }
  WorkloadOptions options;
  options.first_step = flags.steps.first;
  options.end_step = flags.steps.end;
  options.masses = true;
  auto workload = LoadWorkload(flags.traces, options);
  if (!workload.ok()) return workload.status();
  for (const std::string& warning : workload->warnings) {
    Say(absl::StrCat("warning: ", warning));
  }
  auto session = SessionFor(flags, *workload);
  if (!session.ok()) return session.status();
  session->on_error = [](const absl::Status& why) {
    Say(absl::StrCat("session: ", why.message()));
  };
  return RunSession(flags, *workload, *session);
}

}  // namespace
}  // namespace kvplace::client

int main(int argc, char** argv) {
  CLI::App app("Replays traces as an emulated device under kvplaced's orders",
               "kvplace-worker");
  app.set_version_flag(
      "--version", std::string("kvplace-worker ") + kvplace::VersionString());
  kvplace::client::WorkerFlags flags;
  kvplace::client::AddWorkerFlags(&app, &flags);
  kvplace::SetRun(&app, [&flags] { return kvplace::client::Run(flags); });
  return kvplace::ParseAndRun(&app, argc, argv);
}
