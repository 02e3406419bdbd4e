// Pauses between attempts: they double, up to a limit, and are drawn at random
// below it, so that the workers of a fleet do not come back in one wave.
//
// Pause n (from 0) is uniform in [(1 - jitter) * d, d] with
// d = min(longest, shortest * 2^n). Full jitter (1.0) spreads best (M. Brooker,
// "Exponential Backoff And Jitter", 2015) but may retry at once; one half keeps
// a floor under the pause. Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CPP_BACKOFF_H_
#define KVPLACE_CLIENT_CPP_BACKOFF_H_

#include <cstdint>
#include <random>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace kvplace::client {

struct BackoffOptions {
  // > 0.
  absl::Duration shortest = absl::Milliseconds(100);
  // >= shortest.
  absl::Duration longest = absl::Seconds(10);
  // Share of a pause that is left to chance, 0..1.
  double jitter = 0.5;
  // 0: a different one in every process.
  uint64_t seed = 0;
};

// INVALID_ARGUMENT, naming the field.
absl::Status Validate(const BackoffOptions& options);

class Backoff {
 public:
  // REQUIRES: Validate(options) is OK.
  explicit Backoff(const BackoffOptions& options);

  // The pause before the next attempt.
  absl::Duration Next();
  // What was tried has worked: the next pause is the shortest again.
  void Reset() { attempt_ = 0; }
  // Uniform in [0, limit]; does not count as an attempt.
  absl::Duration Spread(absl::Duration limit);

 private:
  // [0, 1), 53 bits.
  double Draw();

  const BackoffOptions options_;
  std::mt19937_64 random_;
  int attempt_ = 0;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_BACKOFF_H_
