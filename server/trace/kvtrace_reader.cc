#include "server/trace/kvtrace_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

constexpr size_t kReadBytes = size_t{1} << 18;
// Of a zstd frame header: magic number and descriptor.
constexpr size_t kFrameStartBytes = 5;
constexpr uint8_t kContentChecksumFlag = 0x04;

// Length of the record at the front of `bytes`; false if it is not a varint of
// at most 10 bytes.
bool TakeLength(std::string_view* bytes, uint64_t* length) {
  *length = 0;
  for (size_t i = 0; i < 10 && i < bytes->size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>((*bytes)[i]);
    *length |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      bytes->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvtraceReader>> KvtraceReader::Open(
    const std::string& path, const Options& options) {
  absl::StatusOr<std::unique_ptr<InputFile>> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  std::unique_ptr<KvtraceReader> reader(
      new KvtraceReader(*std::move(file), options));
  if (absl::Status read = reader->ReadPrologue(); !read.ok()) return read;
  if (absl::Status read = reader->ReadHeader(); !read.ok()) return read;
  return reader;
}

KvtraceReader::KvtraceReader(std::unique_ptr<InputFile> file,
                             const Options& options)
    : options_(options),
      file_(std::move(file)),
      decompressor_(ZSTD_createDCtx()),
      in_(kReadBytes) {
  // A frame's window never needs to be larger than the frame may be.
  ZSTD_DCtx_setParameter(decompressor_.get(), ZSTD_d_windowLogMax, 26);
}

absl::Status KvtraceReader::ReadPrologue() {
  if (absl::Status read = Fill(kTracePrologue.size()); !read.ok()) return read;
  const std::string_view start =
      unread().substr(0, std::min(unread().size(), kTracePrologue.size()));
  constexpr size_t kNameEnd = 16;
  if (start.substr(0, kNameEnd) !=
      kTracePrologue.substr(0, std::min(kNameEnd, start.size()))) {
    return absl::InvalidArgumentError(absl::StrCat(
        path(), ": byte 0: not a .kvtrace file (it does not begin with the ",
        "20 bytes that name the format)"));
  }
  if (start.size() < kTracePrologue.size()) {
    return absl::DataLossError(
        absl::StrCat(path(), ": cut off at byte ", start.size(),
                     ", within the 20 bytes that name the format"));
  }
  if (start != kTracePrologue) {
    uint32_t version = 0;
    for (size_t i = 4; i-- > 0;) {
      version = version << 8 | static_cast<uint8_t>(start[kNameEnd + i]);
    }
    return absl::InvalidArgumentError(
        absl::StrCat(path(), ": byte 16: format version ", version,
                     "; this program reads version ", kTraceFormatVersion));
  }
  in_at_ += kTracePrologue.size();
  return absl::OkStatus();
}

absl::Status KvtraceReader::ReadHeader() {
  v1::TraceRecord record;
  absl::StatusOr<bool> read = ReadNext(&record);
  if (!read.ok()) return read.status();
  if (!*read) {
    return absl::DataLossError(absl::StrCat(
        path(), ": no whole record",
        truncated() ? absl::StrCat("; ", truncation_) : std::string()));
  }
  if (record.body_case() != v1::TraceRecord::kHeader) {
    return absl::InvalidArgumentError(
        absl::StrCat(Where(), ": expected a header as the first record"));
  }
  header_ = record.header();
  if (header_.format_version() != kTraceFormatVersion) {
    return absl::InvalidArgumentError(absl::StrCat(
        Where(), ": header.format_version ", header_.format_version(),
        "; this program reads version ", kTraceFormatVersion));
  }
  header_pending_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> KvtraceReader::Next(v1::TraceRecord* record) {
  if (!failed_.ok()) return failed_;
  if (header_pending_) {
    header_pending_ = false;
    *record->mutable_header() = header_;
    return true;
  }
  absl::StatusOr<bool> read = ReadNext(record);
  if (!read.ok()) failed_ = read.status();
  return read;
}

absl::StatusOr<bool> KvtraceReader::ReadNext(v1::TraceRecord* record) {
  while (frame_at_ == frame_size_) {
    absl::StatusOr<bool> loaded = LoadFrame();
    if (!loaded.ok() || !*loaded) return loaded;
  }
  std::string_view rest(frame_.data() + frame_at_, frame_size_ - frame_at_);
  const size_t before = rest.size();
  ++records_;
  uint64_t length;
  if (!TakeLength(&rest, &length)) {
    return Damaged("the record's length is not a varint within its frame");
  }
  if (length > rest.size()) {
    return Damaged("the record's length ", length, " exceeds the ", rest.size(),
                   " bytes left in its frame");
  }
  if (!record->ParseFromArray(rest.data(), static_cast<int>(length))) {
    return Damaged("the ", length, " bytes at ",
                   frame_at_ + before - rest.size(),
                   " of the frame are not a TraceRecord");
  }
  frame_at_ += before - rest.size() + length;
  record_bytes_ += length;
  if (record->body_case() == v1::TraceRecord::kStep) ++steps_;
  return true;
}

absl::Status KvtraceReader::Fill(size_t size) {
  if (in_end_ - in_at_ >= size) return absl::OkStatus();
  std::memmove(in_.data(), in_.data() + in_at_, in_end_ - in_at_);
  in_end_ -= in_at_;
  in_at_ = 0;
  absl::StatusOr<size_t> got =
      file_->Read(in_.data() + in_end_, in_.size() - in_end_);
  if (!got.ok()) return got.status();
  in_end_ += *got;
  file_at_ += *got;
  return absl::OkStatus();
}

absl::StatusOr<bool> KvtraceReader::LoadFrame() {
  if (ended_) return false;
  if (absl::Status read = Fill(kFrameStartBytes); !read.ok()) return read;
  if (unread().empty()) {
    EndOfFile();
    return false;
  }
  ++frames_;
  frame_offset_ = file_at_ - unread().size();
  if (absl::Status start = CheckFrameStart(); !start.ok()) return start;
  absl::StatusOr<bool> whole = Decompress();
  if (!whole.ok()) return whole;
  if (!*whole) {
    ended_ = true;
    frame_size_ = frame_at_ = 0;
    truncation_ = absl::StrCat("the file ends at byte ", file_at_,
                               ", in the middle of frame ", frames_,
                               " that begins at byte ", frame_offset_);
  }
  return whole;
}

absl::Status KvtraceReader::CheckFrameStart() const {
  const std::string_view start = unread();
  const std::string_view magic(kZstdMagic, sizeof(kZstdMagic));
  if (start.substr(0, magic.size()) != magic.substr(0, start.size())) {
    return DamagedFrame("not the beginning of a zstd frame");
  }
  if (start.size() >= kFrameStartBytes &&
      (static_cast<uint8_t>(start[magic.size()]) & kContentChecksumFlag) == 0) {
    return DamagedFrame("the zstd frame has no checksum");
  }
  return absl::OkStatus();
}

// Into frame_. False if the file ends before the frame does.
absl::StatusOr<bool> KvtraceReader::Decompress() {
  ZSTD_DCtx_reset(decompressor_.get(), ZSTD_reset_session_only);
  frame_at_ = 0;
  frame_size_ = 0;
  if (frame_.empty()) frame_.resize(kTraceFrameBytes + kTraceFrameBytes / 4);
  size_t expected = 1;
  while (expected != 0) {
    if (frame_size_ == frame_.size()) {
      if (frame_size_ > options_.max_frame_bytes) {
        return DamagedFrame("the frame holds more than ",
                            options_.max_frame_bytes, " bytes");
      }
      frame_.resize(std::min(frame_.size() * 2, options_.max_frame_bytes + 1));
    }
    if (absl::Status read = Fill(1); !read.ok()) return read;
    ZSTD_inBuffer in{in_.data(), in_end_, in_at_};
    ZSTD_outBuffer out{frame_.data(), frame_.size(), frame_size_};
    expected = ZSTD_decompressStream(decompressor_.get(), &out, &in);
    if (ZSTD_isError(expected)) {
      return DamagedFrame("bad zstd data near byte ",
                          file_at_ - (in_end_ - in.pos), ": ",
                          ZSTD_getErrorName(expected));
    }
    // Without input it may still have output that did not fit before.
    if (in.pos == in_at_ && out.pos == frame_size_ && unread().empty()) {
      return false;
    }
    in_at_ = in.pos;
    frame_size_ = out.pos;
  }
  if (frame_size_ > options_.max_frame_bytes) {
    return DamagedFrame("the frame holds more than ", options_.max_frame_bytes,
                        " bytes");
  }
  return true;
}

void KvtraceReader::EndOfFile() {
  ended_ = true;
  frame_size_ = frame_at_ = 0;
  if (steps_ < header_.steps()) {
    truncation_ = absl::StrCat("the file ends after ", steps_, " of ",
                               header_.steps(), " steps");
  }
}

std::string KvtraceReader::Where() const {
  return absl::StrCat(path(), ": record ", records_, " (frame ", frames_,
                      " at byte ", frame_offset_, ")");
}

template <typename... Words>
absl::Status KvtraceReader::Damaged(const Words&... words) const {
  return absl::DataLossError(absl::StrCat(Where(), ": ", words...));
}

template <typename... Words>
absl::Status KvtraceReader::DamagedFrame(const Words&... words) const {
  return absl::DataLossError(
      absl::StrCat(path(), ": frame ", frames_, " at byte ", frame_offset_,
                   ", after record ", records_, ": ", words...));
}

}  // namespace kvplace
