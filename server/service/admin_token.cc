#include "server/service/admin_token.h"

#include <cstddef>
#include <utility>

#include "absl/strings/strip.h"

namespace kvplace {
namespace {

bool SameInConstantTime(absl::string_view given, absl::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const char expected = secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i] ^ expected);
  }
  return difference == 0;
}

}  // namespace

void AdminToken::Set(std::string token) {
  absl::MutexLock lock(&mu_);
  token_ = std::move(token);
}

absl::Status AdminToken::Check(absl::string_view authorization) const {
  absl::MutexLock lock(&mu_);
  if (token_.empty()) return absl::OkStatus();
  if (!absl::ConsumePrefix(&authorization, "Bearer ")) {
    return absl::UnauthenticatedError(
        "metadata authorization is missing or no bearer token, expected "
        "\"Bearer <token>\" with the server's admin token");
  }
  if (!SameInConstantTime(authorization, token_)) {
    return absl::PermissionDeniedError(
        "metadata authorization holds another token than the server's admin "
        "token");
  }
  return absl::OkStatus();
}

}  // namespace kvplace
