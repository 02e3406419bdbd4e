// How commands say which server they talk to.
#ifndef KVPLACE_CLIENT_CLI_SERVER_FLAGS_H_
#define KVPLACE_CLIENT_CLI_SERVER_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>

#include "client/cpp/channel.h"

namespace kvplace {

struct ServerFlags {
  // kvplaced's own default (--listen).
  std::string server = "127.0.0.1:50551";
  client::ChannelOptions channel;
};

// --server and the TLS flags. `flags` must outlive `command`.
void AddServerFlags(CLI::App* command, ServerFlags* flags);
// The TLS flags alone. `tls` must outlive `command`.
void AddTlsFlags(CLI::App* command, client::ChannelOptions* tls);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SERVER_FLAGS_H_
