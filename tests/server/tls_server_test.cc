// TLS and mutual TLS of the real server, with certificates made for the test.
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/daemon_process.h"
#include "tests/server/test_certificates.h"
#include "tests/server/test_client.h"
#include "tests/testing/http_get.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kRefusal = absl::Seconds(5);

class TlsServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HaveOpenssl()) GTEST_SKIP() << "openssl is not installed";
    for (auto* authority : {&ours_, &theirs_}) {
      *authority = std::make_unique<TestAuthority>("test");
      (*authority)->Issue("server", "serverAuth");
      (*authority)->Issue("client", "clientAuth");
      (*authority)->Issue("both", "serverAuth,clientAuth");
    }
  }

  std::vector<std::string> Flags(bool mutual,
                                 const std::string& name = "server") {
    std::vector<std::string> flags = {
        "--tls-cert=" + ours_->File(name + ".pem"),
        "--tls-key=" + ours_->File(name + ".key"), "--tls-reload-interval=1s"};
    if (mutual) flags.push_back("--tls-client-ca=" + ours_->File("ca.pem"));
    return flags;
  }
  static bool Works(const TestServer& server,
                    std::shared_ptr<grpc::ChannelCredentials> credentials) {
    return ListNodes(Connect(server.address(), std::move(credentials)), "",
                     kRefusal)
        .ok();
  }
  static int Probe(const TestServer& server, std::vector<std::string> flags) {
    flags.insert(flags.end(),
                 {"--probe", "--probe-address=" + server.address()});
    return RunProgram(flags).status;
  }

  std::unique_ptr<TestAuthority> ours_, theirs_;
};

TEST_F(TlsServerTest, ServesWhoTrustsItsCertificate) {
  TestServer server(Flags(false));
  EXPECT_TRUE(Works(server, ours_->ClientCredentials()));
  EXPECT_FALSE(Works(server, theirs_->ClientCredentials()));
  EXPECT_FALSE(Works(server, grpc::InsecureChannelCredentials()));
  EXPECT_EQ(Probe(server, Flags(false)), 0);
  EXPECT_EQ(Probe(server, {"--probe-ca=" + ours_->File("ca.pem")}), 0);
  EXPECT_EQ(Probe(server, {"--probe-ca=" + theirs_->File("ca.pem")}), 1);
  EXPECT_EQ(Probe(server, {}), 1);
  EXPECT_THAT(testing::HttpGet(server.metrics_port(), "/metrics"),
              Not(HasSubstr("expiry_timestamp_seconds 0\n")));
  // Handshakes that fail are in the log, and it is ours.
  EXPECT_TRUE(server.process().Logs("cause=grpc"));
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0);
}

TEST_F(TlsServerTest, MutualTlsRefusesStrangers) {
  TestServer server(Flags(true));
  EXPECT_TRUE(Works(server, ours_->ClientCredentials("client")));
  // No certificate; one of another authority; none of a client.
  EXPECT_FALSE(Works(server, ours_->ClientCredentials()));
  grpc::SslCredentialsOptions stranger;
  stranger.pem_root_certs = ReadFile(ours_->File("ca.pem"));
  stranger.pem_cert_chain = ReadFile(theirs_->File("client.pem"));
  stranger.pem_private_key = ReadFile(theirs_->File("client.key"));
  EXPECT_FALSE(Works(server, grpc::SslCredentials(stranger)));
  EXPECT_FALSE(Works(server, ours_->ClientCredentials("server")));
  // The probe shows what it is told to.
  std::vector<std::string> flags = Flags(true);
  EXPECT_EQ(Probe(server, flags), 1);
  flags.push_back("--probe-cert=" + ours_->File("client.pem"));
  flags.push_back("--probe-key=" + ours_->File("client.key"));
  EXPECT_EQ(Probe(server, flags), 0);
}

TEST_F(TlsServerTest, ACertificateForBothSidesLetsTheServerProbeItself) {
  TestServer server(Flags(true, "both"));
  EXPECT_EQ(Probe(server, Flags(true, "both")), 0);
}

TEST_F(TlsServerTest, CertificatesRotateWithoutARestart) {
  TestServer server(Flags(true));
  const ChannelPtr before =
      Connect(server.address(), ours_->ClientCredentials("client"));
  ASSERT_TRUE(ListNodes(before).ok());
  // The other authority's, key first: a torn pair must not stop the server.
  const std::string new_ca = theirs_->File("ca.pem");
  ReplaceFile(theirs_->File("server.key"), ours_->File("server.key"));
  ReplaceFile(theirs_->File("server.pem"), ours_->File("server.pem"));
  const std::string old_ca = ReadFile(ours_->File("ca.pem"));
  const auto old_client = ours_->ClientCredentials("client");
  ReplaceFile(new_ca, ours_->File("ca.pem"));
  EXPECT_TRUE(Eventually(
      [&] { return Works(server, theirs_->ClientCredentials("client")); }));
  EXPECT_FALSE(Works(server, old_client));
  // Who was connected stays so.
  EXPECT_TRUE(ListNodes(before).ok());
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0);
}

TEST_F(TlsServerTest, ABrokenFileIsSaid) {
  TestServer server(Flags(false));
  ReplaceFile(theirs_->File("server.key"), ours_->File("server.key"));
  EXPECT_TRUE(server.process().Logs("new connections may fail"));
  EXPECT_THAT(server.process().err(), HasSubstr("is not the key of"));
  ReplaceFile(theirs_->File("server.pem"), ours_->File("server.pem"));
  EXPECT_TRUE(
      Eventually([&] { return Works(server, theirs_->ClientCredentials()); }));
}

}  // namespace
}  // namespace kvplace
