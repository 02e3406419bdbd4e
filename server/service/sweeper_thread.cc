#include "server/service/sweeper_thread.h"

#include <utility>

namespace kvplace {

SweeperThread::SweeperThread(absl::Duration interval,
                             std::function<void()> run_once)
    : interval_(interval),
      run_once_(std::move(run_once)),
      thread_([this] { Run(); }) {}

SweeperThread::~SweeperThread() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  thread_.join();
}

void SweeperThread::Run() {
  for (;;) {
    {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stop_), interval_)) return;
    }
    run_once_();
  }
}

}  // namespace kvplace
