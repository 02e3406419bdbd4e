#include "server/app/credentials.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace kvplace {
namespace {

absl::Status CheckPem(const std::string& option, const std::string& path) {
  auto text = ReadOptionFile(option, path);
  if (!text.ok()) return text.status();
  if (!absl::StrContains(*text, "-----BEGIN ")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, " ", path, " holds no PEM block"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadOptionFile(const std::string& option,
                                           const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", option, " ", path, " cannot be read: ", strerror(errno)));
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& tls) {
  namespace experimental = grpc::experimental;
  if (tls.cert.empty()) return grpc::InsecureServerCredentials();
  if (auto s = CheckPem("tls-cert", tls.cert); !s.ok()) return s;
  if (auto s = CheckPem("tls-key", tls.key); !s.ok()) return s;
  const auto seconds =
      static_cast<unsigned>(absl::ToInt64Seconds(tls.reload_interval));
  std::shared_ptr<experimental::CertificateProviderInterface> files;
  if (tls.client_ca.empty()) {
    files = std::make_shared<experimental::FileWatcherCertificateProvider>(
        tls.key, tls.cert, seconds);
  } else {
    if (auto s = CheckPem("tls-client-ca", tls.client_ca); !s.ok()) return s;
    files = std::make_shared<experimental::FileWatcherCertificateProvider>(
        tls.key, tls.cert, tls.client_ca, seconds);
  }
  experimental::TlsServerCredentialsOptions options(files);
  options.watch_identity_key_cert_pairs();
  if (tls.client_ca.empty()) {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    options.watch_root_certs();
    options.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeProbeCredentials(
    const ProbeRequest& probe, const TlsOptions& tls) {
  if (probe.ca.empty() && tls.cert.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions options;
  const auto read = [](const std::string& option, const std::string& path,
                       std::string* into) {
    if (path.empty()) return absl::OkStatus();
    auto text = ReadOptionFile(option, path);
    if (text.ok()) *into = *std::move(text);
    return text.status();
  };
  const bool own = probe.ca.empty();
  if (auto s = own ? read("tls-cert", tls.cert, &options.pem_root_certs)
                   : read("probe-ca", probe.ca, &options.pem_root_certs);
      !s.ok()) {
    return s;
  }
  const bool own_identity = probe.cert.empty() && !tls.client_ca.empty();
  if (auto s = own_identity
                   ? read("tls-cert", tls.cert, &options.pem_cert_chain)
                   : read("probe-cert", probe.cert, &options.pem_cert_chain);
      !s.ok()) {
    return s;
  }
  if (auto s = own_identity
                   ? read("tls-key", tls.key, &options.pem_private_key)
                   : read("probe-key", probe.key, &options.pem_private_key);
      !s.ok()) {
    return s;
  }
  return grpc::SslCredentials(options);
}

}  // namespace kvplace
