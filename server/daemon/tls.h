// The server's TLS: what its files hold, and credentials that follow them.
//
// Thread-safety: pure, but for reading files.
#ifndef KVPLACE_SERVER_DAEMON_TLS_H_
#define KVPLACE_SERVER_DAEMON_TLS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "server/config/command_line.h"
#include "server/config/options.h"

namespace kvplace {

struct TlsFiles {
  // When the server's certificate ends.
  absl::Time not_after;
};

// Reads the files that `tls` names and sees whether they are what they should
// be. FAILED_PRECONDITION names the flag and the file. REQUIRES: tls.cert is
// not empty.
absl::StatusOr<TlsFiles> CheckTlsFiles(const TlsOptions& tls);

// Plaintext if tls.cert is empty. Otherwise the files are read again every
// reload_interval: new connections get the new certificate, and clients are
// checked against the new CA, without a restart. REQUIRES: CheckTlsFiles is OK.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const TlsOptions& tls);

// What a probe on the server's own machine uses. The server's certificate is
// trusted as it is, so its names do not matter; with request.ca it must be
// signed by that. FAILED_PRECONDITION names the file that cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeProbeCredentials(
    const TlsOptions& tls, const ProbeRequest& request);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_TLS_H_
