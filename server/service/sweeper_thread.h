// Calls a function again and again, on a thread of its own, until destroyed.
//
// Runs only where a server does; tests call SweepOnce() themselves.
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_SWEEPER_THREAD_H_
#define KVPLACE_SERVER_SERVICE_SWEEPER_THREAD_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace kvplace {

class SweeperThread {
 public:
  // Calls `run_once` every `interval`, the first time after one.
  SweeperThread(absl::Duration interval, std::function<void()> run_once);
  // Waits for a call in progress.
  ~SweeperThread();
  SweeperThread(const SweeperThread&) = delete;
  SweeperThread& operator=(const SweeperThread&) = delete;

 private:
  void Run();

  const absl::Duration interval_;
  const std::function<void()> run_once_;

  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_SWEEPER_THREAD_H_
