#include "client/cpp/backoff.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace kvplace::client {
namespace {

// 2^30 shortest pauses are longer than any limit in use.
constexpr int kMostDoublings = 30;

uint64_t SeedFrom(const BackoffOptions& options) {
  return options.seed != 0 ? options.seed : std::random_device()();
}

}  // namespace

absl::Status Validate(const BackoffOptions& options) {
  if (options.shortest <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("backoff.shortest is ",
                     absl::FormatDuration(options.shortest), ", expected > 0"));
  }
  if (options.longest < options.shortest) {
    return absl::InvalidArgumentError(absl::StrCat(
        "backoff.longest is ", absl::FormatDuration(options.longest),
        ", expected at least backoff.shortest, ",
        absl::FormatDuration(options.shortest)));
  }
  if (!(options.jitter >= 0 && options.jitter <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("backoff.jitter is ", options.jitter, ", expected 0..1"));
  }
  return absl::OkStatus();
}

Backoff::Backoff(const BackoffOptions& options)
    : options_(options), random_(SeedFrom(options)) {}

double Backoff::Draw() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

absl::Duration Backoff::Next() {
  const absl::Duration full =
      std::min(options_.longest, options_.shortest * std::ldexp(1.0, attempt_));
  attempt_ = std::min(attempt_ + 1, kMostDoublings);
  return full * (1.0 - options_.jitter * Draw());
}

absl::Duration Backoff::Spread(absl::Duration limit) { return limit * Draw(); }

}  // namespace kvplace::client
