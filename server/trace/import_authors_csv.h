// Imports token-level traces as the authors of the paper publish them.
//
// CSV rows `step, layer, "[token ids read]"`, in ascending order of step and
// then layer, after an optional header line; plain or zstd-compressed. Example:
//     0, 0, "[0, 1, 2, 17]"
//     0, 1, "[0, 16, 17]"
//     1, 0, "[0, 18]"
// Steps are counted from the first row's. A step that has no row of a layer
// read nothing there. The rows do not say how long the prompt was: step s
// processes token n_prefill + s, and n_prefill is the least that lets every
// read token exist, max(0, max over rows of (largest token id - step)). So
// here, with page_tokens 16, n_prefill is 17, two pages are initial, and no
// page begins.
#ifndef KVPLACE_SERVER_TRACE_IMPORT_AUTHORS_CSV_H_
#define KVPLACE_SERVER_TRACE_IMPORT_AUTHORS_CSV_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/trace/import_summary.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

struct AuthorsCsvOptions {
  // Token t is in page t / page_tokens. > 0.
  uint32_t page_tokens = 16;
  // In one layer, > 0.
  uint64_t kv_bytes_per_token = 16384;
  // TraceHeader.writer.
  std::string writer;
  ImportProgress progress;
};

// One sequence, one group per layer up to the largest that occurs; a phase
// reads the pages of the tokens read. Reads the file twice, first for its
// dimensions, so it cannot be a pipe. INVALID_ARGUMENT names the file, the row
// (the line number) and the column that is wrong and what was expected. Does
// not close `writer`.
absl::StatusOr<ImportSummary> ImportAuthorsCsv(const std::string& path,
                                               const AuthorsCsvOptions& options,
                                               KvtraceWriter* writer);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_IMPORT_AUTHORS_CSV_H_
