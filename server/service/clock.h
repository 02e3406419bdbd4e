// Time as the service sees it, so that tests can turn it.
//
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_CLOCK_H_
#define KVPLACE_SERVER_SERVICE_CLOCK_H_

#include "absl/time/time.h"

namespace kvplace {

class Clock {
 public:
  virtual ~Clock() = default;

  // Since some fixed moment in the past; never goes back. Timeouts and
  // latencies are differences of these.
  virtual absl::Duration Monotonic() const = 0;
  // For people and for files.
  virtual absl::Time Wall() const = 0;
  // CPU time that the process has used, without its YieldingThreads; by default
  // none.
  virtual absl::Duration ProcessCpu() const { return absl::ZeroDuration(); }
};

// While it lives, the CPU time of the thread that made it does not count as the
// process's: the thread runs only on processors that nothing else wants.
// Thread-safety: made and destroyed by that thread.
class YieldingThread {
 public:
  YieldingThread();
  ~YieldingThread();
  YieldingThread(const YieldingThread&) = delete;
  YieldingThread& operator=(const YieldingThread&) = delete;
};

// The machine's clocks. Lives for the whole program.
Clock* RealClock();

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_CLOCK_H_
