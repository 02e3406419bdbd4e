// What `trace import` and `trace synth` have in common: the new file.
#ifndef KVPLACE_CLIENT_CLI_TRACE_OUTPUT_H_
#define KVPLACE_CLIENT_CLI_TRACE_OUTPUT_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/units.h"
#include "server/trace/import_summary.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

// Of TraceHeader.writer: this program and its version.
std::string TraceWriterName();

// For --kv-bytes-per-token: a size of at least one byte.
absl::StatusOr<std::optional<Bytes>> ParsePositiveSize(const std::string& text);

// The flags --out and --level.
struct TraceOutput {
  std::string path;
  int level = 9;

  void AddTo(CLI::App* command);

  // Creates the file, lets `write` fill it, puts it in place; progress on
  // stderr under `label`.
  absl::Status Write(const std::string& label,
                     const std::function<absl::StatusOr<ImportSummary>(
                         KvtraceWriter*, const ImportProgress&)>& write) const;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_TRACE_OUTPUT_H_
