// Time as the client sees it, so that tests can turn it.
//
// A type of its own, because clients do not include server/service.
// Thread-safety: any thread.
#ifndef KVPLACE_CLIENT_CPP_CLIENT_CLOCK_H_
#define KVPLACE_CLIENT_CPP_CLIENT_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace kvplace::client {

class ClientClock {
 public:
  virtual ~ClientClock() = default;

  // Since some fixed moment in the past; never goes back.
  virtual absl::Duration Monotonic() const = 0;
  // Nanoseconds since 1970: incarnations are made of it.
  virtual uint64_t UnixNanos() const = 0;
};

// The machine's clocks. Lives for the whole program.
ClientClock* RealClientClock();

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_CLIENT_CLOCK_H_
