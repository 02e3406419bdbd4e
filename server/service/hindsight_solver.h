// Solves what lies on a HindsightDesk.
//
// Thread-safety: one thread. Memory: scratch of 4 bytes per handle of the
// largest device, kept; about 50 bytes per read of the window while it works.
#ifndef KVPLACE_SERVER_SERVICE_HINDSIGHT_SOLVER_H_
#define KVPLACE_SERVER_SERVICE_HINDSIGHT_SOLVER_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/service/hindsight_desk.h"

namespace kvplace {

// What the calling thread has used, so that tests can say it.
class CpuClock {
 public:
  virtual ~CpuClock() = default;
  // Of this thread since it began; never goes back.
  virtual absl::Duration Used() const = 0;
};
// CLOCK_THREAD_CPUTIME_ID. Lives for the whole program.
CpuClock* ThreadCpuClock();

class HindsightSolver {
 public:
  // Both outlive the object.
  HindsightSolver(HindsightDesk* desk, const CpuClock* cpu)
      : desk_(*desk), cpu_(*cpu) {}

  // One task, if there is one. All CPU time since the last one counts.
  void RunOnce();

 private:
  void Solve(HindsightTask* task);

  HindsightDesk& desk_;
  const CpuClock& cpu_;
  absl::Duration counted_;
  std::vector<uint32_t> numbers_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_HINDSIGHT_SOLVER_H_
