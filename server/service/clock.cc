#include "server/service/clock.h"

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace kvplace {
namespace {

absl::Duration CpuOf(clockid_t clock) {
  timespec used{};
  clock_gettime(clock, &used);
  return absl::DurationFromTimespec(used);
}

// CPU time of all YieldingThreads that are or were.
class YieldedCpu {
 public:
  void Begin(pthread_t thread) {
    clockid_t clock;
    if (pthread_getcpuclockid(thread, &clock) != 0) return;
    absl::MutexLock lock(&mu_);
    clocks_.emplace(thread, clock);
    ended_ -= CpuOf(clock);
  }
  void End(pthread_t thread) {
    absl::MutexLock lock(&mu_);
    const auto at = clocks_.find(thread);
    if (at == clocks_.end()) return;
    ended_ += CpuOf(at->second);
    clocks_.erase(at);
  }
  absl::Duration Total() {
    absl::MutexLock lock(&mu_);
    absl::Duration total = ended_;
    for (const auto& [thread, clock] : clocks_) total += CpuOf(clock);
    return total;
  }

 private:
  absl::Mutex mu_;
  std::map<pthread_t, clockid_t> clocks_ ABSL_GUARDED_BY(mu_);
  // Of those that are no more, less what the others had used before they began.
  absl::Duration ended_ ABSL_GUARDED_BY(mu_);
};

YieldedCpu& Yielded() {
  static YieldedCpu* const kYielded = new YieldedCpu;
  return *kYielded;
}

class SystemClock final : public Clock {
 public:
  absl::Duration Monotonic() const override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
  absl::Time Wall() const override { return absl::Now(); }
  absl::Duration ProcessCpu() const override {
    const absl::Duration yielded = Yielded().Total();
    return CpuOf(CLOCK_PROCESS_CPUTIME_ID) - yielded;
  }
};

}  // namespace

YieldingThread::YieldingThread() { Yielded().Begin(pthread_self()); }
YieldingThread::~YieldingThread() { Yielded().End(pthread_self()); }

Clock* RealClock() {
  static SystemClock* const kClock = new SystemClock;
  return kClock;
}

}  // namespace kvplace
