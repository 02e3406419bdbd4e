// Traces as JSON lines, one record per line (see record_json.h), and back.
#ifndef KVPLACE_SERVER_TRACE_JSONL_H_
#define KVPLACE_SERVER_TRACE_JSONL_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/trace/import_summary.h"
#include "server/trace/kvtrace_reader.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

// Gives `sink` each record's line, newline included; stops when it fails. What
// the reader reports is passed on; ask it whether the file was cut off.
absl::Status ExportJsonl(
    KvtraceReader* reader,
    const std::function<absl::Status(absl::string_view)>& sink);

// Plain or zstd-compressed; empty lines are passed over. INVALID_ARGUMENT names
// the file and the line. The first record must be a header of this version.
// Does not close `writer`.
absl::StatusOr<ImportSummary> ImportJsonl(const std::string& path,
                                          const ImportProgress& progress,
                                          KvtraceWriter* writer);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_JSONL_H_
