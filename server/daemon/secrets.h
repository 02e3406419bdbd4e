// The admin token's file.
#ifndef KVPLACE_SERVER_DAEMON_SECRETS_H_
#define KVPLACE_SERVER_DAEMON_SECRETS_H_

#include <string>

#include "absl/status/statusor.h"

namespace kvplace {

// Shorter tokens can be guessed.
inline constexpr size_t kLeastTokenLength = 16;

// The token in the file, without white space around it; "" for an empty path.
// FAILED_PRECONDITION names the flag and the file, never the content.
absl::StatusOr<std::string> ReadAdminToken(const std::string& path);

// Whether others than the owner and the group may read the file.
bool ReadableByAll(const std::string& path);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_SECRETS_H_
