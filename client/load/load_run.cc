#include "client/load/load_run.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/load/load_script.h"
#include "client/load/load_session.h"

namespace kvplace::load {
namespace {

constexpr int64_t kHeartbeatNanos = 3'000'000'000;

void SleepUntil(int64_t nanos) {
  timespec t;
  t.tv_sec = nanos / 1'000'000'000;
  t.tv_nsec = nanos % 1'000'000'000;
  // An early return (a signal) does no harm: callers look at the clock.
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
}

double Micros(double nanos) { return nanos / 1e3; }

LatencySummary Summarize(const LatencyHistogram& h) {
  const auto at = [&h](double share) {
    return Micros(static_cast<double>(h.Percentile(share)));
  };
  return {h.count(),
          Micros(h.Mean()),
          at(0.5),
          at(0.9),
          at(0.99),
          at(0.999),
          Micros(static_cast<double>(h.Max()))};
}

class Run {
 public:
  explicit Run(const LoadOptions& options)
      : options_(options), script_(options) {}

  absl::StatusOr<LoadResult> All() {
    // The default lets timers fire 50 us late.
    prctl(PR_SET_TIMERSLACK, 1);
    const int64_t begun = NowNanos();
    if (auto s = Start(); !s.ok()) return End(s);
    LoadResult result;
    result.sessions = static_cast<uint32_t>(sessions_.size());
    result.start_seconds = static_cast<double>(NowNanos() - begun) * 1e-9;
    result.step_bytes = script_.step_bytes();
    std::vector<LoadPhase> phases = options_.phases;
    if (options_.warm_up > absl::ZeroDuration()) {
      phases.insert(phases.begin(),
                    {phases.front().steps_per_second, options_.warm_up});
    }
    for (const LoadPhase& phase : phases) {
      if (auto s = Phase(phase); !s.ok()) return End(s);
    }
    Drain();
    Linger();
    if (auto s = CheckAll(); !s.ok()) return End(s);
    for (size_t i = phases.size() - options_.phases.size(); i < phases.size();
         ++i) {
      result.phases.push_back(ResultOf(phases[i], i));
    }
    if (auto s = End(absl::OkStatus()); !s.ok()) return s;
    return result;
  }

 private:
  struct Timed {
    int64_t begun = 0;
    int64_t ended = 0;
    PhaseTally tally;
  };

  absl::Status Start() {
    const auto incarnation = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
    const uint32_t total = options_.workers + options_.idle_workers;
    for (uint32_t w = 0; w < total; ++w) {
      auto channel = client::MakeChannel(options_.target, options_.channel);
      if (!channel.ok()) return channel.status();
      const bool idle = w >= options_.workers;
      const std::string node = absl::StrCat(options_.node_prefix, "-", w);
      for (uint32_t d = 0; d < (idle ? 1 : options_.devices_per_worker); ++d) {
        auto session = std::make_unique<LoadSession>(&script_, *channel, w);
        session->Open(node, d, incarnation);
        (idle ? idle_ : sessions_).push_back(std::move(session));
      }
    }
    return AwaitReady();
  }

  absl::Status AwaitReady() {
    const int64_t give_up =
        NowNanos() + absl::ToInt64Nanoseconds(options_.start_timeout);
    const auto ready = [](const auto& session) { return session->ready(); };
    while (!std::all_of(sessions_.begin(), sessions_.end(), ready) ||
           !std::all_of(idle_.begin(), idle_.end(), ready)) {
      if (auto s = CheckAll(); !s.ok()) return s;
      if (NowNanos() > give_up) {
        return absl::DeadlineExceededError(absl::StrCat(
            options_.target, " has not answered all inventories within ",
            absl::FormatDuration(options_.start_timeout)));
      }
      SleepUntil(NowNanos() + 1'000'000);
      Heartbeats();
    }
    return absl::OkStatus();
  }

  absl::Status CheckAll() const {
    for (const auto* sessions : {&sessions_, &idle_}) {
      for (size_t i = 0; i < sessions->size(); ++i) {
        const absl::Status s = (*sessions)[i]->failure();
        if (s.ok()) continue;
        return absl::Status(
            s.code(), absl::StrCat("session ", i, " with ", options_.target,
                                   ": ", s.message()));
      }
    }
    return absl::OkStatus();
  }

  // Keeps sessions alive that have nothing to say.
  void Heartbeats() {
    const int64_t now = NowNanos();
    if (now < next_heartbeat_) return;
    next_heartbeat_ = now + kHeartbeatNanos;
    for (const auto* sessions : {&idle_, &sessions_}) {
      for (const auto& session : *sessions) {
        if (session->ready()) session->Heartbeat();
      }
    }
  }

  absl::Status Phase(const LoadPhase& phase) {
    timed_.push_back(std::make_unique<Timed>());
    Timed& timed = *timed_.back();
    timed.tally.slow_nanos = absl::ToInt64Nanoseconds(options_.slow);
    timed.begun = timed.tally.begun = NowNanos();
    const bool closed = phase.steps_per_second == 0;
    for (const auto& session : sessions_) session->Begin(&timed.tally, closed);
    const int64_t end = timed.begun + absl::ToInt64Nanoseconds(phase.length);
    const absl::Status status =
        closed ? Closed(end) : Open(phase, timed.begun, end);
    for (const auto& session : sessions_) session->Begin(&timed.tally, false);
    timed.ended = NowNanos();
    return status;
  }

  absl::Status Closed(int64_t end) {
    for (const auto& session : sessions_) {
      const uint32_t under_way = options_.in_flight * session->sample_every();
      for (auto i = session->waiting(); i < under_way; ++i) {
        session->Offer(NowNanos());
      }
    }
    while (NowNanos() < end) {
      if (auto s = CheckAll(); !s.ok()) return s;
      Heartbeats();
      SleepUntil(std::min(end, NowNanos() + 100'000'000));
    }
    return absl::OkStatus();
  }

  // The sessions' times are spread evenly.
  absl::Status Open(const LoadPhase& phase, int64_t begun, int64_t end) {
    const double gap =
        1e9 / (phase.steps_per_second * static_cast<double>(sessions_.size()));
    int64_t next_check = begun;
    for (uint64_t n = 0;; ++n) {
      const int64_t when =
          begun + static_cast<int64_t>(static_cast<double>(n) * gap);
      if (when >= end) break;
      for (int64_t now = NowNanos(); now < when; now = NowNanos()) {
        if (now >= next_check) {
          next_check = now + 100'000'000;
          if (auto s = CheckAll(); !s.ok()) return s;
          Heartbeats();
        }
        SleepUntil(std::min(when, next_check));
      }
      sessions_[n % sessions_.size()]->Offer(when);
    }
    SleepUntil(end);
    return CheckAll();
  }

  void Drain() {
    const int64_t give_up =
        NowNanos() + absl::ToInt64Nanoseconds(options_.patience);
    const auto through = [](const auto& session) {
      return session->waiting() == 0;
    };
    while (!std::all_of(sessions_.begin(), sessions_.end(), through) &&
           NowNanos() < give_up && CheckAll().ok()) {
      SleepUntil(NowNanos() + 1'000'000);
    }
  }

  void Linger() {
    const int64_t end = NowNanos() + absl::ToInt64Nanoseconds(options_.linger);
    while (NowNanos() < end && CheckAll().ok()) {
      Heartbeats();
      SleepUntil(std::min(end, NowNanos() + 100'000'000));
    }
  }

  // Closes what is open.
  absl::Status End(absl::Status status) {
    for (const auto* sessions : {&sessions_, &idle_}) {
      for (const auto& session : *sessions) session->Close();
    }
    for (const auto* sessions : {&sessions_, &idle_}) {
      for (const auto& session : *sessions) session->Await();
    }
    return status;
  }

  PhaseResult ResultOf(const LoadPhase& phase, size_t index) const {
    const Timed& timed = *timed_[index];
    const PhaseTally& tally = timed.tally;
    PhaseResult result;
    result.phase = phase;
    result.seconds = static_cast<double>(timed.ended - timed.begun) * 1e-9;
    result.offered = tally.offered;
    result.left_out = tally.left_out;
    result.sent = tally.sent;
    result.answered = tally.answered;
    result.unanswered = result.offered - result.left_out - result.answered;
    result.plans = tally.plans;
    if (result.plans > 0) {
      result.plan_bytes = static_cast<double>(tally.plan_bytes) /
                          static_cast<double>(result.plans);
    }
    result.latency = Summarize(tally.latencies);
    result.most_sample_every = tally.most_sample_every;
    const bool throttled =
        index + 1 == timed_.size() &&
        std::any_of(sessions_.begin(), sessions_.end(),
                    [](const auto& s) { return s->sample_every() > 1; });
    if (!throttled) {
      const int64_t last =
          std::max(tally.last_slow.load(), tally.last_relief.load());
      result.settled_after =
          last == 0 ? 0 : static_cast<double>(last - timed.begun) * 1e-9;
    }
    return result;
  }

  const LoadOptions& options_;
  const LoadScript script_;
  std::vector<std::unique_ptr<LoadSession>> sessions_;
  std::vector<std::unique_ptr<LoadSession>> idle_;
  std::vector<std::unique_ptr<Timed>> timed_;
  int64_t next_heartbeat_ = 0;
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options) {
  if (auto s = Validate(options); !s.ok()) return s;
  return Run(options).All();
}

}  // namespace kvplace::load
