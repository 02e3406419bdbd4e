#include "server/daemon/secrets.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

constexpr size_t kMostTokenLength = 4096;

}  // namespace

absl::StatusOr<std::string> ReadAdminToken(const std::string& path) {
  if (path.empty()) return std::string();
  const auto wrong = [&path](absl::string_view what) {
    return absl::FailedPreconditionError(
        absl::StrCat("--admin-token-file ", path, ": ", what));
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::array<char, kMostTokenLength + 3> bytes;
  file.read(bytes.data(), std::streamsize{bytes.size()});
  if (!file.eof() && !file.good()) {
    return wrong(std::strerror(errno == 0 ? EIO : errno));
  }
  const std::string token(absl::StripAsciiWhitespace(
      absl::string_view(bytes.data(), static_cast<size_t>(file.gcount()))));
  if (token.size() < kLeastTokenLength || token.size() > kMostTokenLength) {
    return wrong(absl::StrCat("holds ", token.size(), " characters, expected ",
                              kLeastTokenLength, "..", kMostTokenLength));
  }
  for (const char c : token) {
    // Others cannot stand in a header.
    if (c <= ' ' || c > '~') {
      return wrong("expected printable ASCII characters without spaces");
    }
  }
  return token;
}

bool ReadableByAll(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

}  // namespace kvplace
