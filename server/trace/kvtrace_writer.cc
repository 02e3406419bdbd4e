#include "server/trace/kvtrace_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvtraceWriter>> KvtraceWriter::Create(
    const std::string& path, const Options& options) {
  if (options.level < 1 || options.level > 19) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": compression level ", options.level, " is not in 1..19"));
  }
  if (options.frame_bytes < 1 || options.frame_bytes > kTraceMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": frames of ", options.frame_bytes,
                     " bytes are not in 1..", kTraceMaxFrameBytes));
  }
  absl::StatusOr<std::unique_ptr<OutputFile>> file =
      OutputFile::Create(path, options.mode);
  if (!file.ok()) return file.status();
  if (absl::Status put = (*file)->Append(kTracePrologue); !put.ok()) return put;

  ZstdCompressor compressor(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_compressionLevel,
                         options.level);
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_checksumFlag, 1);
  return std::unique_ptr<KvtraceWriter>(
      new KvtraceWriter(*std::move(file), std::move(compressor), options));
}

KvtraceWriter::KvtraceWriter(std::unique_ptr<OutputFile> file,
                             ZstdCompressor compressor, const Options& options)
    : options_(options),
      file_(std::move(file)),
      compressor_(std::move(compressor)) {}

KvtraceWriter::~KvtraceWriter() {
  if (!closed_ && options_.mode == OutputFile::Mode::kNew) {
    Close().IgnoreError();
  }
}

absl::Status KvtraceWriter::Write(const v1::TraceRecord& record) {
  // Two bytes per 7 bits of length are ample.
  constexpr size_t kMaxLengthBytes = 10;
  const size_t size = record.ByteSizeLong();
  if (size > kTraceMaxFrameBytes - kMaxLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        file_->path(), ": a record of ", size,
        " bytes does not fit into a frame of ", kTraceMaxFrameBytes));
  }
  if (frame_.size() + size + kMaxLengthBytes > kTraceMaxFrameBytes) {
    if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  }
  PutVarint(size, &frame_);
  if (!record.AppendToString(&frame_)) {
    return absl::InternalError("a record is not initialized");
  }
  ++frame_records_;
  ++records_;
  return frame_.size() >= options_.frame_bytes ? Flush() : absl::OkStatus();
}

absl::Status KvtraceWriter::Flush() {
  if (frame_.empty()) return absl::OkStatus();
  absl::Status appended = AppendFrame();
  if (!appended.ok()) records_lost_ += frame_records_;
  frame_.clear();
  frame_records_ = 0;
  return appended;
}

absl::Status KvtraceWriter::AppendFrame() {
  if (!broken_.ok()) return broken_;
  compressed_.resize(ZSTD_compressBound(frame_.size()));
  const size_t size =
      ZSTD_compress2(compressor_.get(), compressed_.data(), compressed_.size(),
                     frame_.data(), frame_.size());
  if (ZSTD_isError(size)) {
    return absl::InternalError(
        absl::StrCat(file_->path(), ": zstd: ", ZSTD_getErrorName(size)));
  }
  const uint64_t sound = file_->size();
  absl::Status put = file_->Append({compressed_.data(), size});
  // Half a frame in front of others would make these unreadable.
  if (!put.ok()) broken_ = file_->TruncateTo(sound);
  return put;
}

absl::Status KvtraceWriter::Close() {
  closed_ = true;
  absl::Status flushed = Flush();
  // An incomplete file must not take the place of another.
  if (!flushed.ok() && options_.mode == OutputFile::Mode::kReplaceOnClose) {
    return flushed;
  }
  absl::Status ended = file_->Close();
  return flushed.ok() ? ended : flushed;
}

}  // namespace kvplace
