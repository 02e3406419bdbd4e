#include "server/daemon/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace kvplace {
namespace {

template <auto Function>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Function(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

absl::Status Wrong(const char* flag, const std::string& path,
                   absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("--", flag, " ", path, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const char* flag,
                                     const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Wrong(flag, path, std::strerror(errno == 0 ? EIO : errno));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Nobody is there to be asked for a pass phrase.
int NoPassPhrase(char*, int, int, void*) { return -1; }

absl::StatusOr<Certificate> ReadCertificate(const char* flag,
                                            const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(flag, path);
  if (!text.ok()) return text.status();
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  Certificate certificate(
      PEM_read_bio_X509(bio.get(), nullptr, NoPassPhrase, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) {
    return Wrong(flag, path, "holds no certificate, expected PEM");
  }
  return certificate;
}

absl::StatusOr<Key> ReadKey(const char* flag, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(flag, path);
  if (!text.ok()) return text.status();
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassPhrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return Wrong(flag, path,
                 "holds no private key, expected PEM without a pass phrase");
  }
  return key;
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTimeT(timegm(&fields));
}

}  // namespace

absl::StatusOr<TlsFiles> CheckTlsFiles(const TlsOptions& tls) {
  const auto certificate = ReadCertificate("tls-cert", tls.cert);
  if (!certificate.ok()) return certificate.status();
  const auto key = ReadKey("tls-key", tls.key);
  if (!key.ok()) return key.status();
  const bool fits = X509_check_private_key(certificate->get(), key->get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return Wrong("tls-key", tls.key,
                 absl::StrCat("is not the key of ", tls.cert));
  }
  if (!tls.client_ca.empty()) {
    const auto ca = ReadCertificate("tls-client-ca", tls.client_ca);
    if (!ca.ok()) return ca.status();
  }
  return TlsFiles{.not_after = ToTime(X509_get0_notAfter(certificate->get()))};
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const TlsOptions& tls) {
  if (tls.cert.empty()) return grpc::InsecureServerCredentials();
  namespace ge = grpc::experimental;
  const bool mutual = !tls.client_ca.empty();
  const auto interval =
      static_cast<unsigned int>(absl::ToInt64Seconds(tls.reload_interval));
  const auto provider =
      mutual ? std::make_shared<ge::FileWatcherCertificateProvider>(
                   tls.key, tls.cert, tls.client_ca, interval)
             : std::make_shared<ge::FileWatcherCertificateProvider>(
                   tls.key, tls.cert, interval);
  ge::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (mutual) {
    options.watch_root_certs();
    options.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return ge::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeProbeCredentials(
    const TlsOptions& tls, const ProbeRequest& request) {
  namespace ge = grpc::experimental;
  if (tls.cert.empty() && request.ca.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  const absl::StatusOr<std::string> roots =
      request.ca.empty() ? ReadFile("tls-cert", tls.cert)
                         : ReadFile("probe-ca", request.ca);
  if (!roots.ok()) return roots.status();
  const bool own = request.cert.empty();
  const std::string& cert_path = own ? tls.cert : request.cert;
  std::vector<ge::IdentityKeyCertPair> pairs;
  if (!cert_path.empty()) {
    const auto cert = ReadFile(own ? "tls-cert" : "probe-cert", cert_path);
    if (!cert.ok()) return cert.status();
    const auto key =
        own ? ReadFile("tls-key", tls.key) : ReadFile("probe-key", request.key);
    if (!key.ok()) return key.status();
    pairs.push_back({*key, *cert});
  }
  ge::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<ge::StaticDataCertificateProvider>(*roots, pairs));
  options.watch_root_certs();
  if (!pairs.empty()) options.watch_identity_key_cert_pairs();
  // Trust in exactly one certificate needs no name.
  options.set_verify_server_certs(true);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      std::make_shared<ge::NoOpCertificateVerifier>());
  return ge::TlsCredentials(options);
}

}  // namespace kvplace
