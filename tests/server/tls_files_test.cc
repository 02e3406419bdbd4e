#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/daemon/tls.h"
#include "tests/server/test_certificates.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

class TlsFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HaveOpenssl()) GTEST_SKIP() << "openssl is not installed";
    authority_ = std::make_unique<TestAuthority>("test");
    authority_->Issue("server", "serverAuth");
    authority_->Issue("other", "serverAuth");
    WriteFile(File("garbage"), "-----BEGIN CERTIFICATE-----\nAAAA\n");
  }
  std::string File(const std::string& name) { return authority_->File(name); }
  TlsOptions Options() {
    return {File("server.pem"), File("server.key"), File("ca.pem")};
  }

  std::unique_ptr<TestAuthority> authority_;
};

TEST_F(TlsFilesTest, GoodFiles) {
  const auto files = CheckTlsFiles(Options());
  ASSERT_THAT(files, IsOk());
  EXPECT_GT(files->not_after, absl::Now() + absl::Hours(47));
  EXPECT_LT(files->not_after, absl::Now() + absl::Hours(49));
}

TEST_F(TlsFilesTest, BadFilesAreNamed) {
  const auto expect_problem = [](const TlsOptions& options,
                                 const std::string& text) {
    EXPECT_THAT(
        CheckTlsFiles(options),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(text)));
  };
  TlsOptions options = Options();
  options.cert = File("none.pem");
  expect_problem(options, "none.pem: No such file or directory");
  options.cert = File("garbage");
  expect_problem(options, "garbage: holds no certificate");
  options = Options();
  options.key = File("other.key");
  expect_problem(options, "other.key: is not the key of ");
  options.key = File("server.pem");
  expect_problem(options, "--tls-key");
  options = Options();
  options.client_ca = File("server.key");
  expect_problem(options, "--tls-client-ca");
}

TEST_F(TlsFilesTest, AKeyWithAPassPhraseIsRefusedWithoutAsking) {
  ASSERT_EQ(std::system(("openssl ec -in " + File("server.key") +
                         " -aes128 -passout pass:x -out " + File("locked.key") +
                         " > /dev/null 2>&1")
                            .c_str()),
            0);
  TlsOptions options = Options();
  options.key = File("locked.key");
  EXPECT_THAT(CheckTlsFiles(options),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("without a pass phrase")));
}

}  // namespace
}  // namespace kvplace
