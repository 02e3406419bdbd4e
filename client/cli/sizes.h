// Sizes and step ranges as people write them on the command line.
//
// All arithmetic is exact. Errors are INVALID_ARGUMENT and say what was
// expected; the caller names the flag. Thread-safety: pure.
#ifndef KVPLACE_CLIENT_CLI_SIZES_H_
#define KVPLACE_CLIENT_CLI_SIZES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/core/units.h"

namespace kvplace {

// "4096", "4096B", "4KiB", "1.5 GiB": a decimal number and one of B KiB MiB
// GiB, plain numbers being bytes. It must come to whole bytes, at most 2^60.
absl::StatusOr<Bytes> ParseSize(absl::string_view text);

// HBM for KV as a person states it: a size, or an exact share of the peak bytes
// of live blocks.
struct Capacity {
  // Share = numerator / denominator; used unless there is a size.
  uint64_t numerator = 0;
  uint64_t denominator = 1;
  std::optional<Bytes> size;

  // Whole blocks, rounded down. REQUIRES block_bytes > 0.
  uint64_t Blocks(uint64_t peak_live_blocks, Bytes block_bytes) const;
};

// A size, or "25%", "12.5%": up to 10000%, up to 9 decimals.
absl::StatusOr<Capacity> ParseCapacity(absl::string_view text);

// Steps [first, end); without `end` to the last.
struct StepRange {
  int64_t first = 0;
  std::optional<int64_t> end;
};

// "A:B", "A:" or ":B" with 0 <= A < B.
absl::StatusOr<StepRange> ParseSteps(absl::string_view text);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SIZES_H_
