// Where the thread that sweeps and the thread that solves meet: one task at a
// time, and not before the CPU budget allows the next.
//
// The solver runs with the lowest priority, so it must never hold a lock that
// anyone waits for: it knows no node, and what the sweeping side asks here
// comes back at once with "not now" while the solver has the desk. (That the
// solver takes node locks itself was rejected: preempted with one, it would
// delay plans for as long as other work keeps the processors busy.)
//
// Thread-safety: one sweeping thread, one solving thread, others where said.
#ifndef KVPLACE_SERVER_SERVICE_HINDSIGHT_DESK_H_
#define KVPLACE_SERVER_SERVICE_HINDSIGHT_DESK_H_

#include <atomic>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/service/hindsight_task.h"

namespace kvplace {

class HindsightDesk {
 public:
  // CPU time per elapsed time of the solver, in (0, 1].
  explicit HindsightDesk(double cpu_share) : cpu_share_(cpu_share) {}

  // --- the sweeping thread; never waits ---

  // What was solved, once.
  std::optional<HindsightTask> TakeSolved();
  // Nothing is at work, and the budget allows to begin at `now` (Monotonic).
  bool Wants(absl::Duration now);
  // False: not now, and *task is as it was. REQUIRES: Wants.
  bool Post(HindsightTask* task);

  // --- the solving thread ---

  // Waits for a task; false: it is time to go.
  bool Await();
  // Nothing if none is posted.
  std::optional<HindsightTask> Take();
  // `task.cpu` is what it cost; the next may begin cpu / share after it was
  // taken from its device, so over any time between two beginnings the share
  // holds.
  void Finish(HindsightTask task);

  // --- any thread ---

  // Await returns, and work at hand should end.
  void Stop();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  // From the next Finish on.
  void SetCpuShare(double share) { cpu_share_.store(share); }

 private:
  enum class State { kFree, kPosted, kAtWork, kSolved };

  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return state_ == State::kPosted || stopped();
  }

  std::atomic<double> cpu_share_;
  std::atomic<bool> stopped_{false};

  absl::Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kFree;
  std::optional<HindsightTask> task_ ABSL_GUARDED_BY(mu_);
  absl::Duration not_before_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_HINDSIGHT_DESK_H_
