#include "client/cli/hindsight_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

#include "server/replay/schedule_outcomes.h"

namespace kvplace {
namespace {

// In the time of a sweep of the search the ascent evaluates about so often.
constexpr uint32_t kIterationsPerSweep = 5;

// On every processor, each taking the next task when it is done with one.
void RunOnAllProcessors(size_t n, const std::function<void(size_t)>& task) {
  const size_t threads =
      std::min<size_t>(n, std::max(1u, std::thread::hardware_concurrency()));
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < n; i = next++) task(i);
  };
  std::vector<std::thread> others;
  for (size_t t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

double MonotonicSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

HindsightResult RunHindsight(const AccessWindow& window,
                             const HindsightFlags& flags) {
  HindsightOptions options;
  options.gap = flags.gap;
  options.time_limit_seconds = absl::ToDoubleSeconds(flags.time_limit);
  if (flags.iterations) {
    options.max_iterations = *flags.iterations;
    options.max_sweeps = *flags.iterations / kIterationsPerSweep;
  }
  options.seed = flags.seed;
  options.now = MonotonicSeconds;
  options.parallel = RunOnAllProcessors;
  const bool watched = isatty(STDERR_FILENO) != 0;
  if (watched) {
    const double start = MonotonicSeconds();
    options.on_progress = [start](const HindsightProgress& p) {
      const double gap =
          p.lower.value() > 0 ? p.upper.value() / p.lower.value() - 1 : 0;
      std::cerr << "\r\033[K"
                << fmt::format(
                       "hindsight: {:.0f} s, {} iterations, {} sweeps, "
                       "certified {:.6g} s, schedule {:.6g} s, gap {:.2f}%",
                       MonotonicSeconds() - start, p.iterations, p.sweeps,
                       p.lower.value(), p.upper.value(), 100 * gap)
                << std::flush;
    };
  }
  HindsightResult result = SolveHindsight(window, options);
  if (watched) std::cerr << "\r\033[K" << std::flush;
  return result;
}

absl::Status WriteHindsightSchedule(const Workload& workload,
                                    const AccessWindow& window,
                                    const ClairvoyantSchedule& schedule,
                                    ScheduleWriter* writer) {
  OutcomeVisitor visitor;
  visitor.on_start = [&](const std::vector<BlockId>& initial_hbm) {
    writer->WriteStart(initial_hbm);
  };
  visitor.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
    writer->WritePhase(phase, outcome);
  };
  if (auto s = VisitOutcomes(workload, window, schedule, visitor); !s.ok()) {
    return s;
  }
  return writer->Close();
}

}  // namespace kvplace
