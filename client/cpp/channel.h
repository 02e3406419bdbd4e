// gRPC channels to kvplaced, for sessions and for the admin calls.
#ifndef KVPLACE_CLIENT_CPP_CHANNEL_H_
#define KVPLACE_CLIENT_CPP_CHANNEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace kvplace::client {

struct ChannelOptions {
  // TLS if any of these is set. PEM files; they are read anew for every
  // channel, so that a session picks up rotated ones when it reconnects.
  bool tls = false;
  // Certificates of the authorities to trust; empty: the system's.
  std::string ca_file;
  // Our own, for servers that ask for one (mTLS): both or none.
  std::string cert_file;
  std::string key_file;
  // Name the server's certificate must be for, if not the target's.
  std::string server_name;

  // Largest message to receive, in bytes: plans grow with the device.
  int max_receive_bytes = 64 << 20;
  // A connection without traffic is probed after this; one without an answer
  // for as long again is given up. >= 10 s, which kvplaced allows.
  absl::Duration keepalive = absl::Seconds(20);

  bool secure() const {
    return tls || !ca_file.empty() || !cert_file.empty() || !key_file.empty() ||
           !server_name.empty();
  }
};

// A channel with a connection of its own, made when first used.
// INVALID_ARGUMENT: certificate without key; NOT_FOUND: a file that cannot be
// read; both name the option.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& target, const ChannelOptions& options);

// The bridge from gRPC's status.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_CHANNEL_H_
