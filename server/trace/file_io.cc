#include "server/trace/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/trace/zstd_handles.h"

namespace kvplace {

absl::Status FileError(const std::string& path, const char* words, int error) {
  // No space is RESOURCE_EXHAUSTED and a missing file NOT_FOUND already.
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", words));
}

absl::StatusOr<std::unique_ptr<InputFile>> InputFile::Open(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(path, "cannot be opened", errno);
  struct stat about;
  if (fstat(fd, &about) != 0 || S_ISDIR(about.st_mode)) {
    const int error = S_ISDIR(about.st_mode) ? EISDIR : errno;
    close(fd);
    return FileError(path, "cannot be read", error);
  }
  const uint64_t size =
      S_ISREG(about.st_mode) ? static_cast<uint64_t>(about.st_size) : 0;
  return std::unique_ptr<InputFile>(new InputFile(path, fd, size));
}

InputFile::~InputFile() { close(fd_); }

absl::StatusOr<size_t> InputFile::Read(char* buffer, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = read(fd_, buffer + filled, size - filled);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return FileError(path_, "cannot be read", errno);
    }
    filled += static_cast<size_t>(got);
  }
  return filled;
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(
    const std::string& path, Mode mode) {
  const bool replace = mode == Mode::kReplaceOnClose;
  const std::string written = replace ? absl::StrCat(path, ".tmp") : path;
  const int fd =
      open(written.c_str(),
           O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), 0666);
  if (fd < 0) return FileError(written, "cannot be created", errno);
  return std::unique_ptr<OutputFile>(new OutputFile(path, written, fd));
}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  close(fd_);
  if (written_path_ != path_) unlink(written_path_.c_str());
}

absl::Status OutputFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd_, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return FileError(written_path_, "cannot be written", errno);
    }
    bytes.remove_prefix(static_cast<size_t>(put));
    size_ += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::TruncateTo(uint64_t size) {
  const off_t end = static_cast<off_t>(size);
  if (ftruncate(fd_, end) != 0 || lseek(fd_, end, SEEK_SET) != end) {
    return FileError(written_path_, "cannot be shortened", errno);
  }
  size_ = size;
  return absl::OkStatus();
}

absl::Status OutputFile::Close() {
  const int fd = std::exchange(fd_, -1);
  const bool replace = written_path_ != path_;
  if (close(fd) != 0) {
    const int error = errno;
    if (replace) unlink(written_path_.c_str());
    return FileError(written_path_, "cannot be closed", error);
  }
  if (replace && rename(written_path_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(written_path_.c_str());
    return FileError(path_, "cannot be replaced", error);
  }
  return absl::OkStatus();
}

struct DecompressedInput::Zstd {
  std::unique_ptr<InputFile> file;
  std::vector<char> buffer = std::vector<char>(size_t{1} << 17);
  // Unused bytes of `buffer`.
  size_t at = 0;
  size_t end = 0;
  // Byte of the file that `end` stands for.
  uint64_t file_offset = 0;
  // Null: the content is not compressed.
  ZstdDecompressor decompressor;
  // A frame has begun and not ended.
  bool in_frame = false;

  absl::Status Refill() {
    if (at < end) return absl::OkStatus();
    absl::StatusOr<size_t> got = file->Read(buffer.data(), buffer.size());
    if (!got.ok()) return got.status();
    at = 0;
    end = *got;
    file_offset += end;
    return absl::OkStatus();
  }
  uint64_t offset() const { return file_offset - (end - at); }
};

absl::StatusOr<std::unique_ptr<DecompressedInput>> DecompressedInput::Open(
    const std::string& path) {
  auto zstd = std::make_unique<Zstd>();
  absl::StatusOr<std::unique_ptr<InputFile>> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  zstd->file = *std::move(file);
  if (absl::Status read = zstd->Refill(); !read.ok()) return read;
  if (zstd->end >= 4 && std::memcmp(zstd->buffer.data(), kZstdMagic, 4) == 0) {
    zstd->decompressor.reset(ZSTD_createDCtx());
  }
  return std::unique_ptr<DecompressedInput>(
      new DecompressedInput(std::move(zstd)));
}

DecompressedInput::DecompressedInput(std::unique_ptr<Zstd> zstd)
    : zstd_(std::move(zstd)) {}

DecompressedInput::~DecompressedInput() = default;

const std::string& DecompressedInput::path() const {
  return zstd_->file->path();
}

absl::StatusOr<size_t> DecompressedInput::Read(char* buffer, size_t size) {
  Zstd& z = *zstd_;
  size_t filled = 0;
  while (filled < size) {
    if (absl::Status read = z.Refill(); !read.ok()) return read;
    const bool file_ended = z.at == z.end;
    if (file_ended && !z.in_frame) break;
    if (z.decompressor == nullptr) {
      const size_t part = std::min(size - filled, z.end - z.at);
      std::memcpy(buffer + filled, z.buffer.data() + z.at, part);
      z.at += part;
      filled += part;
      continue;
    }
    ZSTD_inBuffer in{z.buffer.data(), z.end, z.at};
    ZSTD_outBuffer out{buffer, size, filled};
    const size_t rc = ZSTD_decompressStream(z.decompressor.get(), &out, &in);
    // Without input it may still have output that did not fit before.
    if (file_ended && out.pos == filled) {
      return absl::DataLossError(absl::StrCat(
          path(), ": the zstd data is cut off at byte ", z.offset()));
    }
    z.at = in.pos;
    filled = out.pos;
    if (ZSTD_isError(rc)) {
      return absl::DataLossError(
          absl::StrCat(path(), ": bad zstd data near byte ", z.offset(), ": ",
                       ZSTD_getErrorName(rc)));
    }
    z.in_frame = rc != 0;
  }
  return filled;
}

}  // namespace kvplace
