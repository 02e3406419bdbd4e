// How much of the CPU that this process may use it does use.
//
// gRPC shows no queue: what waits in a socket has not arrived yet by any clock
// of ours. A process that works without a pause is behind, or about to be, and
// that shows within one window. Threads that yield to all others do not count
// (YieldingThread).
//
// Thread-safety: any thread. A look costs an atomic read, and once per window
// a system call.
#ifndef KVPLACE_SERVER_SERVICE_CPU_PRESSURE_H_
#define KVPLACE_SERVER_SERVICE_CPU_PRESSURE_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/service/clock.h"

namespace kvplace {

// Cores that this process may use at once: its affinity, and the quota of its
// control group (version 2), which may be a fraction.
double UsableCores();

class CpuPressure {
 public:
  static constexpr absl::Duration kWindow = absl::Milliseconds(10);
  // Share from which on a window counts as full.
  static constexpr double kFull = 0.95;

  // `clock` outlives this. cores > 0.
  CpuPressure(const Clock* clock, double cores);

  // Of the cores' time used; 0 before the first window.
  struct Shares {
    // How many windows have been full in a row, up to the one that ended last.
    uint32_t full_windows = 0;
    // Of these, the ones that may be for what came while the process did not
    // run: just before them nobody looked for so many windows longer than one.
    uint32_t catching_up = 0;
    // The share over about a quarter of a second, 0 .. 1: one burst does not
    // show.
    double mean = 0;
  };
  Shares Busy(absl::Duration now);

 private:
  static constexpr absl::Duration kMemory = absl::Milliseconds(250);

  const Clock* const clock_;
  const double cores_;
  std::atomic<int64_t> next_ns_;
  std::atomic<uint32_t> full_windows_{0};
  std::atomic<uint32_t> catching_up_{0};
  std::atomic<double> mean_{0};

  absl::Mutex mu_;
  absl::Duration begun_ ABSL_GUARDED_BY(mu_);
  absl::Duration used_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_CPU_PRESSURE_H_
