// Reads .kvtrace files, record by record.
//
// A frame is decompressed whole and its checksum compared before any of its
// records is handed out, so a damaged file is never read as a different one.
// Memory: one frame, at most Options.max_frame_bytes, and one record.
//
// Files are untrusted. INVALID_ARGUMENT: not a .kvtrace file, or one of another
// version. DATA_LOSS: a damaged one. The message names the file, the frame and
// record (counted from 1) and the byte of the file. A file that ends in the
// middle of a frame, or before the steps its header promises, is not an error:
// what is whole is handed out, then truncated() holds. Thread-safety: one
// thread per object.
#ifndef KVPLACE_SERVER_TRACE_KVTRACE_READER_H_
#define KVPLACE_SERVER_TRACE_KVTRACE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvplace/v1/trace.pb.h"
#include "server/trace/file_io.h"
#include "server/trace/kvtrace_format.h"
#include "server/trace/zstd_handles.h"

namespace kvplace {

class KvtraceReader {
 public:
  struct Options {
    // Frames that hold more bytes of records are refused.
    size_t max_frame_bytes = kTraceMaxFrameBytes;
  };

  // Reads as far as the first record, which must be a TraceHeader.
  static absl::StatusOr<std::unique_ptr<KvtraceReader>> Open(
      const std::string& path, const Options& options);
  static absl::StatusOr<std::unique_ptr<KvtraceReader>> Open(
      const std::string& path) {
    return Open(path, Options());
  }

  // The next record, the header being the first; false at the end. After an
  // error every call returns it again. Reuse one record: its memory is kept as
  // far as protobuf does so.
  absl::StatusOr<bool> Next(v1::TraceRecord* record);

  const v1::TraceHeader& header() const { return header_; }
  const std::string& path() const { return file_->path(); }
  // After the end: why something may be missing there; empty otherwise.
  const std::string& truncation() const { return truncation_; }
  bool truncated() const { return !truncation_.empty(); }
  // "path: record 12 (frame 2 at byte 5120)" for the last record, to begin an
  // error with.
  std::string Where() const;
  // Records and bytes of records handed out, and frames begun.
  uint64_t records() const { return records_; }
  uint64_t record_bytes() const { return record_bytes_; }
  uint64_t frames() const { return frames_; }

 private:
  KvtraceReader(std::unique_ptr<InputFile> file, const Options& options);

  absl::Status ReadPrologue();
  absl::Status ReadHeader();
  absl::StatusOr<bool> ReadNext(v1::TraceRecord* record);
  // Makes `in_` hold at least `size` unread bytes, fewer at the file's end.
  absl::Status Fill(size_t size);
  std::string_view unread() const {
    return std::string_view(in_.data() + in_at_, in_end_ - in_at_);
  }
  // False at the end of the file, cut off or not.
  absl::StatusOr<bool> LoadFrame();
  absl::Status CheckFrameStart() const;
  absl::StatusOr<bool> Decompress();
  void EndOfFile();
  template <typename... Words>
  absl::Status Damaged(const Words&... words) const;
  template <typename... Words>
  absl::Status DamagedFrame(const Words&... words) const;

  const Options options_;
  const std::unique_ptr<InputFile> file_;
  const ZstdDecompressor decompressor_;
  // Unread bytes of the file: in_[in_at_, in_end_); in_[in_end_] has the offset
  // file_at_.
  std::vector<char> in_;
  size_t in_at_ = 0;
  size_t in_end_ = 0;
  uint64_t file_at_ = 0;
  // The open frame, and how far it was handed out.
  std::vector<char> frame_;
  size_t frame_size_ = 0;
  size_t frame_at_ = 0;
  uint64_t frame_offset_ = 0;
  uint64_t frames_ = 0;
  uint64_t records_ = 0;
  uint64_t record_bytes_ = 0;
  uint64_t steps_ = 0;
  v1::TraceHeader header_;
  bool header_pending_ = false;
  bool ended_ = false;
  std::string truncation_;
  absl::Status failed_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_KVTRACE_READER_H_
