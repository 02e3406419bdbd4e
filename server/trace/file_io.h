// Plain files as the trace code uses them: read from front to back, or written
// at the end only.
//
// Every Status names the file and what the system said. Thread-safety: one
// thread per object.
#ifndef KVPLACE_SERVER_TRACE_FILE_IO_H_
#define KVPLACE_SERVER_TRACE_FILE_IO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvplace {

// "path: words: what errno means", with the code that fits errno (NOT_FOUND,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED for a full disk, ...).
absl::Status FileError(const std::string& path, const char* words, int error);

// A file that is read once. Folders are refused when opened.
class InputFile {
 public:
  static absl::StatusOr<std::unique_ptr<InputFile>> Open(
      const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // Fills `buffer` unless the file ends before; returns how much it filled.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

  const std::string& path() const { return path_; }
  // Bytes of a regular file when it was opened, 0 for a pipe.
  uint64_t size() const { return size_; }

 private:
  InputFile(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}

  const std::string path_;
  const int fd_;
  const uint64_t size_;
};

// A file that grows at its end. What Append wrote before an error stands; call
// TruncateTo to go back to a sound length.
class OutputFile {
 public:
  enum class Mode {
    // A new file at the path itself; ALREADY_EXISTS if there is one.
    kNew,
    // `path`.tmp, which takes the place of `path` in Close(). Without Close()
    // it is deleted and `path` stays as it was.
    kReplaceOnClose,
  };

  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(
      const std::string& path, Mode mode);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Append(std::string_view bytes);
  absl::Status TruncateTo(uint64_t size);
  // No call but the destructor may follow.
  absl::Status Close();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

 private:
  OutputFile(std::string path, std::string written_path, int fd)
      : path_(std::move(path)),
        written_path_(std::move(written_path)),
        fd_(fd) {}

  const std::string path_;
  // Where the bytes go: path_ or path_.tmp.
  const std::string written_path_;
  int fd_;
  uint64_t size_ = 0;
};

// A file's content, decompressed if it begins with zstd's magic number (several
// frames one after the other count as one content).
class DecompressedInput {
 public:
  static absl::StatusOr<std::unique_ptr<DecompressedInput>> Open(
      const std::string& path);
  ~DecompressedInput();

  // As InputFile::Read. DATA_LOSS for damaged or cut-off zstd data, naming the
  // byte of the file.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

  const std::string& path() const;

 private:
  struct Zstd;
  explicit DecompressedInput(std::unique_ptr<Zstd> zstd);

  std::unique_ptr<Zstd> zstd_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_FILE_IO_H_
