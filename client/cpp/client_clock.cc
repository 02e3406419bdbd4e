#include "client/cpp/client_clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace kvplace::client {
namespace {

class SystemClock final : public ClientClock {
 public:
  absl::Duration Monotonic() const override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
  uint64_t UnixNanos() const override {
    return static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  }
};

}  // namespace

ClientClock* RealClientClock() {
  static SystemClock* const kClock = new SystemClock;
  return kClock;
}

}  // namespace kvplace::client
