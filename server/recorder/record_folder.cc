#include "server/recorder/record_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kvplace {
namespace {

constexpr absl::string_view kSuffix = ".kvtrace";
constexpr char kTimeFormat[] = "%Y%m%dT%H%M%SZ";
constexpr size_t kTimeLength = 16;

bool IsDigits(absl::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == absl::string_view::npos;
}

// "a-b" into "a" and "b" at the last dash; false without one.
bool CutLast(absl::string_view* text, absl::string_view* last) {
  const size_t dash = text->rfind('-');
  if (dash == absl::string_view::npos) return false;
  *last = text->substr(dash + 1);
  *text = text->substr(0, dash);
  return true;
}

absl::Status SystemError(const char* what, const std::string& path, int error) {
  const std::string message =
      absl::StrCat(what, " ", path, ": ", std::strerror(error));
  return error == ENOSPC ? absl::ResourceExhaustedError(message)
                         : absl::FailedPreconditionError(message);
}

}  // namespace

std::string RecordFileName(const SessionKey& key, absl::Time begun,
                           uint32_t sequence) {
  std::string node = key.node_id.substr(0, 128);
  for (char& c : node) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' &&
        c != '_' && c != '-') {
      c = '_';
    }
  }
  if (node.empty() || node[0] == '.' || node[0] == '-') {
    node = absl::StrCat("_", node);
  }
  return absl::StrFormat(
      "%s-%u-%u-%s-%04u%s", node, key.device_index, key.epoch,
      absl::FormatTime(kTimeFormat, begun, absl::UTCTimeZone()), sequence,
      kSuffix);
}

std::optional<std::pair<std::string, uint32_t>> RecordFileAge(
    absl::string_view name) {
  if (!absl::EndsWith(name, kSuffix) || name.size() > 255) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  absl::string_view sequence, time, epoch, device;
  uint32_t number = 0;
  if (!CutLast(&name, &sequence) || !CutLast(&name, &time) ||
      !CutLast(&name, &epoch) || !CutLast(&name, &device)) {
    return std::nullopt;
  }
  const bool time_fits = time.size() == kTimeLength && time[8] == 'T' &&
                         time[15] == 'Z' && IsDigits(time.substr(0, 8)) &&
                         IsDigits(time.substr(9, 6));
  if (name.empty() || !IsDigits(device) || !IsDigits(epoch) || !time_fits ||
      sequence.size() < 4 || !IsDigits(sequence) ||
      !absl::SimpleAtoi(sequence, &number)) {
    return std::nullopt;
  }
  return std::pair(std::string(time), number);
}

std::optional<RecordFolder::Age> RecordFolder::AgeOf(const std::string& name) {
  auto age = RecordFileAge(name);
  if (!age.has_value()) return std::nullopt;
  return Age(*std::move(age), name);
}

std::string RecordFolder::PathOf(const std::string& name) const {
  return absl::StrCat(path_, "/", name);
}

absl::Status RecordFolder::Open() {
  // Recordings show what was served to whom: nobody else's to read.
  if (mkdir(path_.c_str(), 0750) != 0 && errno != EEXIST) {
    return SystemError("cannot make the folder", path_, errno);
  }
  if (access(path_.c_str(), W_OK | X_OK) != 0) {
    return SystemError("cannot write into", path_, errno);
  }
  std::error_code error;
  std::filesystem::directory_iterator it(path_, error);
  if (error) return SystemError("cannot read", path_, error.value());
  for (; it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (error) return SystemError("cannot read", path_, error.value());
    const std::string name = it->path().filename();
    std::error_code ignored;
    if (it->is_regular_file(ignored)) Set(name, it->file_size(ignored), false);
  }
  return absl::OkStatus();
}

void RecordFolder::Set(const std::string& name, uint64_t bytes, bool open) {
  const std::optional<Age> age = AgeOf(name);
  if (!age.has_value()) return;
  File& file = files_[*age];
  file.name = name;
  total_bytes_ += bytes - file.bytes;
  file.bytes = bytes;
  file.open = open;
}

int RecordFolder::DeleteOldest(uint64_t limit) {
  int deleted = 0;
  last_error_ = absl::OkStatus();
  for (auto it = files_.begin(); it != files_.end() && total_bytes_ > limit;) {
    const File& file = it->second;
    if (file.open) {
      ++it;
      continue;
    }
    const std::string path = PathOf(file.name);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      last_error_ = SystemError("cannot delete", path, errno);
      ++it;
      continue;
    }
    total_bytes_ -= file.bytes;
    it = files_.erase(it);
    ++deleted;
  }
  return deleted;
}

}  // namespace kvplace
