// TLS for the server and for its probe.
#ifndef KVPLACE_SERVER_APP_CREDENTIALS_H_
#define KVPLACE_SERVER_APP_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "server/config/command_line.h"
#include "server/config/options.h"

namespace kvplace {

// The whole of a file. INVALID_ARGUMENT names the option and the file.
absl::StatusOr<std::string> ReadOptionFile(const std::string& option,
                                           const std::string& path);

// Plaintext without a certificate; else TLS whose files are read again when
// they change. INVALID_ARGUMENT: a file that cannot be read, or holds no PEM.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& tls);

// What --probe connects with: the files the request names, or those of the
// server it looks after.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeProbeCredentials(
    const ProbeRequest& probe, const TlsOptions& tls);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_APP_CREDENTIALS_H_
