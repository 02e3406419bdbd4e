// host:port as flags name it, and why nothing can listen there.
//
// Thread-safety: pure, but for ExplainBindFailure, which asks the system.
#ifndef KVPLACE_SERVER_CONFIG_LISTEN_ADDRESS_H_
#define KVPLACE_SERVER_CONFIG_LISTEN_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kvplace {

struct ListenAddress {
  // A name or an IPv4 address, or an IPv6 address without its brackets.
  std::string host;
  uint16_t port = 0;
};

// "host:port" or "[v6]:port", port 0..65535. INVALID_ARGUMENT says what was
// expected; the caller adds whose value it is.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

// Back to the text, with brackets where they are needed.
std::string ToString(const ListenAddress& address);

// Only this machine reaches it: 127.0.0.0/8, ::1 or localhost.
bool IsLoopback(const ListenAddress& address);

// What a client on this machine connects to: 127.0.0.1 or ::1 in the place of
// an address that means "any".
ListenAddress ConnectableFrom(ListenAddress address);

// After a failure to listen: the system's words for why ("Address already in
// use"), found by trying again. Libraries only say that it failed.
std::string ExplainBindFailure(const ListenAddress& address);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_LISTEN_ADDRESS_H_
