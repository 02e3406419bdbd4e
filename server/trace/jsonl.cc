#include "server/trace/jsonl.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/trace/line_reader.h"
#include "server/trace/record_json.h"

namespace kvplace {

absl::Status ExportJsonl(
    KvtraceReader* reader,
    const std::function<absl::Status(absl::string_view)>& sink) {
  v1::TraceRecord record;
  while (true) {
    absl::StatusOr<bool> more = reader->Next(&record);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    absl::StatusOr<std::string> line = RecordToJson(record);
    if (!line.ok()) {
      return absl::Status(
          line.status().code(),
          absl::StrCat(reader->Where(), ": ", line.status().message()));
    }
    line->push_back('\n');
    if (absl::Status put = sink(*line); !put.ok()) return put;
  }
}

absl::StatusOr<ImportSummary> ImportJsonl(const std::string& path,
                                          const ImportProgress& progress,
                                          KvtraceWriter* writer) {
  absl::StatusOr<LineReader> lines = LineReader::Open(path);
  if (!lines.ok()) return lines.status();
  const auto bad = [&](const auto&... words) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": line ", lines->line_number(), ": ", words...));
  };
  ImportSummary summary;
  uint64_t expected_steps = 0;
  bool first = true;
  v1::TraceRecord record;
  absl::string_view line;
  while (true) {
    absl::StatusOr<bool> more = lines->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    absl::Status parsed = RecordFromJson(line, &record);
    if (!parsed.ok()) return bad(parsed.message());
    if (first && (!record.has_header() ||
                  record.header().format_version() != kTraceFormatVersion)) {
      return bad("expected a header with format_version ", kTraceFormatVersion,
                 " as the first record");
    }
    if (first) expected_steps = record.header().steps();
    first = false;
    if (record.has_hello()) {
      summary.groups = static_cast<uint64_t>(record.hello().groups_size());
    }
    if (record.has_step()) ++summary.steps;
    if (absl::Status put = writer->Write(record); !put.ok()) return put;
    if (progress) progress(summary.steps, expected_steps);
  }
  if (first) return bad("expected at least a header record");
  return summary;
}

}  // namespace kvplace
