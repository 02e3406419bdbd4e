#include "server/service/clock.h"

#include <time.h>

#include <chrono>

#include "absl/time/clock.h"

namespace kvplace {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Duration Monotonic() const override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
  absl::Time Wall() const override { return absl::Now(); }
  absl::Duration ProcessCpu() const override {
    timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return absl::DurationFromTimespec(used);
  }
};

}  // namespace

Clock* RealClock() {
  static SystemClock* const kClock = new SystemClock;
  return kClock;
}

}  // namespace kvplace
