#include "server/trace/line_reader.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

constexpr size_t kFirstBytes = size_t{1} << 18;
constexpr size_t kMaxLineBytes = size_t{256} << 20;

}  // namespace

absl::StatusOr<LineReader> LineReader::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<DecompressedInput>> input =
      DecompressedInput::Open(path);
  if (!input.ok()) return input.status();
  return LineReader(*std::move(input));
}

LineReader::LineReader(std::unique_ptr<DecompressedInput> input)
    : input_(std::move(input)), buffer_(kFirstBytes) {}

absl::StatusOr<bool> LineReader::Next(absl::string_view* line) {
  size_t searched = at_;
  while (true) {
    const void* newline =
        std::memchr(buffer_.data() + searched, '\n', end_ - searched);
    if (newline != nullptr || ended_) {
      if (newline == nullptr && at_ == end_) return false;
      const char* begin = buffer_.data() + at_;
      const char* stop = newline != nullptr ? static_cast<const char*>(newline)
                                            : buffer_.data() + end_;
      at_ = static_cast<size_t>(stop - buffer_.data()) + (newline != nullptr);
      if (stop > begin && stop[-1] == '\r') --stop;
      *line = absl::string_view(begin, static_cast<size_t>(stop - begin));
      ++line_number_;
      return true;
    }
    // Keep the begun line at the front and read on behind it.
    std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    searched = end_;
    if (end_ == buffer_.size()) {
      if (end_ >= kMaxLineBytes) {
        return absl::InvalidArgumentError(absl::StrCat(
            path(), ": line ", line_number_ + 1, " has more than 2^28 bytes"));
      }
      buffer_.resize(buffer_.size() * 2);
    }
    absl::StatusOr<size_t> got =
        input_->Read(buffer_.data() + end_, buffer_.size() - end_);
    if (!got.ok()) return got.status();
    ended_ = *got == 0;
    end_ += *got;
  }
}

}  // namespace kvplace
