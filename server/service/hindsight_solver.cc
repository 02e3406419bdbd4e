#include "server/service/hindsight_solver.h"

#include <time.h>

#include <utility>

namespace kvplace {
namespace {

class RealThreadCpuClock final : public CpuClock {
 public:
  absl::Duration Used() const override {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return absl::DurationFromTimespec(used);
  }
};

}  // namespace

CpuClock* ThreadCpuClock() {
  static RealThreadCpuClock* const kClock = new RealThreadCpuClock;
  return kClock;
}

void HindsightSolver::RunOnce() {
  std::optional<HindsightTask> task = desk_.Take();
  if (!task) return;
  Solve(&*task);
  const absl::Duration used = cpu_.Used();
  task->cpu = used - std::exchange(counted_, used);
  desk_.Finish(*std::move(task));
}

void HindsightSolver::Solve(HindsightTask* task) {
  Seconds achieved;
  for (const auto& step : task->steps) achieved += step->seconds();
  const auto steps = static_cast<uint32_t>(task->steps.size());
  const uint32_t groups = task->device->group_count().value();
  const AccessWindow window =
      WindowOfSteps(*task->device, task->steps, &numbers_);
  std::vector<PhasePrices> start =
      ShiftPrices(task->prices, groups, task->first_step, steps);
  RollingOptions options;
  options.stop = [this] { return desk_.stopped(); };
  task->prices.first_step = task->first_step;
  task->bound = SolveRolling(window, steps, achieved, std::move(start), options,
                             &task->prices.phases);
}

}  // namespace kvplace
