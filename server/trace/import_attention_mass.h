// Imports recorded attention masses (design: docs/trace_format.md).
//
// The file, raw or zstd-compressed: five little-endian int32 `steps layers
// pages n_prefill page_tokens`, then one uint8 per [step][layer][page], the
// mass on the scale of GroupReads.masses. At step s the pages 0 .. (n_prefill +
// s) / page_tokens exist; the bytes of others are not looked at.
#ifndef KVPLACE_SERVER_TRACE_IMPORT_ATTENTION_MASS_H_
#define KVPLACE_SERVER_TRACE_IMPORT_ATTENTION_MASS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/trace/import_summary.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

struct AttentionMassOptions {
  // Pages read per step and layer, >= 3; see SelectPages.
  uint32_t top = 64;
  // Best unread pages whose masses are kept; 0 keeps none.
  uint32_t near_misses = 32;
  // Keep the masses of what was read and of the near misses.
  bool masses = true;
  // In one layer, > 0.
  uint64_t kv_bytes_per_token = 4096;
  // Steps [first_step, end_step), renumbered from 0; absent: to the end.
  int64_t first_step = 0;
  std::optional<int64_t> end_step;
  // TraceHeader.writer.
  std::string writer;
  ImportProgress progress;
};

// One sequence, one group per layer. INVALID_ARGUMENT names the file and the
// header field or length that is wrong; OUT_OF_RANGE a step that the file does
// not have; DATA_LOSS a damaged zstd file. The whole file is checked whatever
// the steps. Does not close `writer`.
absl::StatusOr<ImportSummary> ImportAttentionMass(
    const std::string& path, const AttentionMassOptions& options,
    KvtraceWriter* writer);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_IMPORT_ATTENTION_MASS_H_
