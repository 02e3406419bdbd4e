// Certificate authorities made by openssl for one test.
#ifndef KVPLACE_TESTS_SERVER_TEST_CERTIFICATES_H_
#define KVPLACE_TESTS_SERVER_TEST_CERTIFICATES_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {

inline bool HaveOpenssl() {
  return std::system("command -v openssl > /dev/null 2>&1") == 0;
}

// A CA in a folder, and certificates signed by it: NAME.pem and NAME.key.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name) {
    Run(absl::StrCat(
        "openssl ecparam -name prime256v1 -genkey -noout -out ca.key && "
        "openssl req -x509 -new -key ca.key -sha256 -days 2 -subj /CN=",
        name,
        " -addext basicConstraints=critical,CA:TRUE"
        " -addext keyUsage=critical,keyCertSign,cRLSign -out ca.pem"));
  }

  // `usage`: serverAuth, clientAuth or both with a comma.
  void Issue(const std::string& name, const std::string& usage) {
    Run(absl::StrCat(
        "openssl ecparam -name prime256v1 -genkey -noout | "
        "openssl pkcs8 -topk8 -nocrypt -out ",
        name, ".key && ", "openssl req -new -key ", name,
        ".key -subj /CN=", name, " -out ", name,
        ".csr && printf 'basicConstraints=CA:FALSE\\nkeyUsage="
        "digitalSignature\\nextendedKeyUsage=",
        usage, "\\nsubjectAltName=DNS:localhost,IP:127.0.0.1\\n' > ", name,
        ".ext && ", "openssl x509 -req -in ", name,
        ".csr -CA ca.pem -CAkey ca.key "
        "-CAcreateserial -days 2 -sha256 -extfile ",
        name, ".ext -out ", name, ".pem"));
  }

  std::string File(const std::string& name) const { return dir_.File(name); }

  // Trusts this CA; with a name also shows that certificate.
  std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(
      const std::string& name = "") const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(File("ca.pem"));
    if (!name.empty()) {
      options.pem_cert_chain = ReadFile(File(name + ".pem"));
      options.pem_private_key = ReadFile(File(name + ".key"));
    }
    return grpc::SslCredentials(options);
  }

 private:
  void Run(const std::string& command) {
    const int status =
        std::system(absl::StrCat("cd ", dir_.File(""), " && { ", command,
                                 "; } > openssl.log 2>&1")
                        .c_str());
    EXPECT_EQ(status, 0) << command << "\n" << ReadFile(File("openssl.log"));
  }

  TempDir dir_;
};

// Puts `from` in the place of `to` in one step, as a mounted secret changes.
inline void ReplaceFile(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to + ".new",
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::rename(to + ".new", to);
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_SERVER_TEST_CERTIFICATES_H_
