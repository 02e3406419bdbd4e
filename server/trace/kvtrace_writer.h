// Writes .kvtrace files, record by record.
//
// Records gather in memory until they make a frame (about 1 MiB), which is
// compressed and appended in one piece; so a crash loses at most the open
// frame, and what is on disk is a sound file at any time. Thread-safety: one
// thread per object. Compressing a full frame takes some milliseconds of the
// caller's time at the default level.
#ifndef KVPLACE_SERVER_TRACE_KVTRACE_WRITER_H_
#define KVPLACE_SERVER_TRACE_KVTRACE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvplace/v1/trace.pb.h"
#include "server/trace/file_io.h"
#include "server/trace/kvtrace_format.h"
#include "server/trace/zstd_handles.h"

namespace kvplace {

class KvtraceWriter {
 public:
  struct Options {
    // zstd's level, 1..19.
    int level = 3;
    // Bytes of records after which a frame is closed, 1..kTraceMaxFrameBytes.
    size_t frame_bytes = kTraceFrameBytes;
    // Recorders write a new file in place; importers replace the file only when
    // all of it is there.
    OutputFile::Mode mode = OutputFile::Mode::kNew;
  };

  // The caller writes the TraceHeader as the first record.
  static absl::StatusOr<std::unique_ptr<KvtraceWriter>> Create(
      const std::string& path, const Options& options);
  // In mode kNew closes the open frame, errors unheard; in mode kReplaceOnClose
  // a file that was not closed is given up.
  ~KvtraceWriter();

  // After an error (a full disk, say) the frame's records are lost, see
  // records_lost(), and the file ends behind the frame before: writing may go
  // on, best with a TraceGap. INVALID_ARGUMENT for a record larger than a frame
  // may be; the frame then stands.
  absl::Status Write(const v1::TraceRecord& record);
  // Closes the open frame, if it holds anything.
  absl::Status Flush();
  // Flush and close. Nothing may follow.
  absl::Status Close();

  // Accepted by Write, lost ones included.
  uint64_t records() const { return records_; }
  uint64_t records_lost() const { return records_lost_; }
  // Of the file, the open frame not included.
  uint64_t file_bytes() const { return file_->size(); }
  // Of records in the open frame.
  size_t open_frame_bytes() const { return frame_.size(); }

 private:
  KvtraceWriter(std::unique_ptr<OutputFile> file, ZstdCompressor compressor,
                const Options& options);

  absl::Status AppendFrame();

  const Options options_;
  const std::unique_ptr<OutputFile> file_;
  const ZstdCompressor compressor_;
  std::string frame_;
  uint64_t frame_records_ = 0;
  std::string compressed_;
  uint64_t records_ = 0;
  uint64_t records_lost_ = 0;
  bool closed_ = false;
  // Set once the file can no longer be brought back to a sound length.
  absl::Status broken_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_KVTRACE_WRITER_H_
