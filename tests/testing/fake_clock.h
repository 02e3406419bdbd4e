// A clock that stands still until it is told to move.
//
// Thread-safety: any thread.
#ifndef KVPLACE_TESTS_TESTING_FAKE_CLOCK_H_
#define KVPLACE_TESTS_TESTING_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "server/service/clock.h"

namespace kvplace {

class FakeClock final : public Clock {
 public:
  absl::Duration Monotonic() const override {
    return absl::Nanoseconds(now_ns_.load());
  }
  absl::Time Wall() const override {
    return absl::FromUnixSeconds(1'700'000'000) + Monotonic();
  }

  absl::Duration ProcessCpu() const override {
    return absl::Nanoseconds(cpu_ns_.load());
  }

  void Advance(absl::Duration by) { now_ns_ += absl::ToInt64Nanoseconds(by); }
  void Use(absl::Duration cpu) { cpu_ns_ += absl::ToInt64Nanoseconds(cpu); }

 private:
  std::atomic<int64_t> now_ns_{0};
  std::atomic<int64_t> cpu_ns_{0};
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_FAKE_CLOCK_H_
