// Lines of a text file, plain or zstd-compressed.
//
// Thread-safety: one thread per object.
#ifndef KVPLACE_SERVER_TRACE_LINE_READER_H_
#define KVPLACE_SERVER_TRACE_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/trace/file_io.h"

namespace kvplace {

class LineReader {
 public:
  static absl::StatusOr<LineReader> Open(const std::string& path);

  // The next line, without its "\n" or "\r\n"; false at the end. `line` is
  // valid until the next call. INVALID_ARGUMENT for a line of more than 256
  // MiB.
  absl::StatusOr<bool> Next(absl::string_view* line);

  // Of the last line, from 1.
  uint64_t line_number() const { return line_number_; }
  const std::string& path() const { return input_->path(); }

 private:
  explicit LineReader(std::unique_ptr<DecompressedInput> input);

  std::unique_ptr<DecompressedInput> input_;
  // Unread bytes are [at_, end_).
  std::vector<char> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
  bool ended_ = false;
  uint64_t line_number_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_LINE_READER_H_
