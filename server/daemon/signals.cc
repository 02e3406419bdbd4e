#include "server/daemon/signals.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace kvplace {
namespace {

sigset_t WaitedFor() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = WaitedFor();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void UnblockSignals() {
  const sigset_t set = WaitedFor();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

std::optional<int> WaitForSignal(absl::Duration timeout) {
  const sigset_t set = WaitedFor();
  const timespec wait = absl::ToTimespec(timeout);
  const int number = sigtimedwait(&set, nullptr, &wait);
  if (number < 0) return std::nullopt;
  return number;
}

}  // namespace kvplace
