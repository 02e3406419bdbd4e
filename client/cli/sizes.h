// Sizes, shares and step ranges as users write them on the command line.
//
// Errors are INVALID_ARGUMENT and quote the text and what was expected; the
// caller prefixes the flag. Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_SIZES_H_
#define KVPLACE_CLIENT_CLI_SIZES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/core/units.h"

namespace kvplace {

// "4096", "16 KiB", "1.5GiB": a number >= 0, then B, KiB, MiB, GiB or nothing
// for bytes. Exact: the product must be a whole number of bytes <= 2^60.
absl::StatusOr<Bytes> ParseSize(absl::string_view text);

// A share of something, exactly: numerator / denominator.
struct Share {
  uint64_t numerator = 0;
  uint64_t denominator = 1;

  // floor(share * whole).
  uint64_t Of(uint64_t whole) const;
};

// A size, or a share: "25%", "12.5%", 0..1000%, at most 6 decimals.
struct Capacity {
  std::optional<Share> share;
  Bytes bytes;

  // Whole blocks, rounded down. REQUIRES: block > 0.
  uint64_t Blocks(uint64_t peak_live_blocks, Bytes block) const;
};
absl::StatusOr<Capacity> ParseCapacity(absl::string_view text);

// "A:B", "A:", ":B": steps [first, end), 0 <= A < B.
struct StepRange {
  int64_t first = 0;
  std::optional<int64_t> end;
};
absl::StatusOr<StepRange> ParseSteps(absl::string_view text);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SIZES_H_
