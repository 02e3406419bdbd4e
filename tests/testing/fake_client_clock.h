// A client's clock that stands still until it is told to move.
//
// Thread-safety: any thread.
#ifndef KVPLACE_TESTS_TESTING_FAKE_CLIENT_CLOCK_H_
#define KVPLACE_TESTS_TESTING_FAKE_CLIENT_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "client/cpp/client_clock.h"

namespace kvplace::client {

class FakeClientClock final : public ClientClock {
 public:
  absl::Duration Monotonic() const override {
    return absl::Nanoseconds(now_ns_.load());
  }
  uint64_t UnixNanos() const override {
    return static_cast<uint64_t>(unix_ns_.load());
  }

  void Advance(absl::Duration by) {
    now_ns_ += absl::ToInt64Nanoseconds(by);
    unix_ns_ += absl::ToInt64Nanoseconds(by);
  }
  // As when somebody sets the machine's clock; may go back.
  void SetUnixNanos(int64_t now) { unix_ns_ = now; }

 private:
  std::atomic<int64_t> now_ns_{0};
  std::atomic<int64_t> unix_ns_{1'700'000'000'000'000'000};
};

}  // namespace kvplace::client

#endif  // KVPLACE_TESTS_TESTING_FAKE_CLIENT_CLOCK_H_
