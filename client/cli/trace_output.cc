#include "client/cli/trace_output.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/progress_meter.h"
#include "client/cli/sizes.h"
#include "kvplace/version.h"

namespace kvplace {

std::string TraceWriterName() { return absl::StrCat("kvplacectl ", kVersion); }

absl::StatusOr<std::optional<Bytes>> ParsePositiveSize(
    const std::string& text) {
  absl::StatusOr<Bytes> size = ParseSize(text);
  if (!size.ok()) return size.status();
  if (*size == Bytes(0)) {
    return absl::InvalidArgumentError("expected more than 0 bytes");
  }
  return std::optional<Bytes>(*size);
}

void TraceOutput::AddTo(CLI::App* command) {
  command->add_option("--out", path, "File to write, *.kvtrace")->required();
  command->add_option("--level", level, "zstd level")
      ->check(CLI::Range(1, 19))
      ->capture_default_str();
}

absl::Status TraceOutput::Write(
    const std::string& label,
    const std::function<absl::StatusOr<ImportSummary>(
        KvtraceWriter*, const ImportProgress&)>& write) const {
  KvtraceWriter::Options options;
  options.level = level;
  options.mode = OutputFile::Mode::kReplaceOnClose;
  absl::StatusOr<std::unique_ptr<KvtraceWriter>> writer =
      KvtraceWriter::Create(path, options);
  if (!writer.ok()) return writer.status();
  ProgressMeter meter(label);
  absl::StatusOr<ImportSummary> summary = write(
      writer->get(),
      [&meter](uint64_t done, uint64_t total) { meter.Update(done, total); });
  if (!summary.ok()) return summary.status();
  return (*writer)->Close();
}

}  // namespace kvplace
