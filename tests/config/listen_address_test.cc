#include "server/config/listen_address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

TEST(ListenAddressTest, ReadsHostAndPort) {
  for (const char* text :
       {"127.0.0.1:0", "localhost:65535", "[::1]:50551", "a.b-c:1"}) {
    const auto address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(ToString(*address), text);
  }
  EXPECT_EQ(ParseListenAddress("[::1]:2")->host, "::1");
  EXPECT_EQ(ParseListenAddress("[::1]:2")->port, 2);
}

TEST(ListenAddressTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "localhost", ":1", "a:", "a:-1", "a:65536", "a:1x", "::1:5",
        "a b:1", "a/b:1", "unix:/tmp/x", "[]:1", "a\n:1"}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
  EXPECT_FALSE(
      ParseListenAddress(absl::StrCat(std::string(1000, 'a'), ":1")).ok());
}

TEST(ListenAddressTest, KnowsLoopback) {
  EXPECT_TRUE(IsLoopback({"127.0.0.1", 1}));
  EXPECT_TRUE(IsLoopback({"::1", 1}));
  EXPECT_TRUE(IsLoopback({"localhost", 1}));
  EXPECT_FALSE(IsLoopback({"0.0.0.0", 1}));
  EXPECT_FALSE(IsLoopback({"10.0.0.1", 1}));
  EXPECT_EQ(ConnectableFrom({"0.0.0.0", 7}).host, "127.0.0.1");
  EXPECT_EQ(ConnectableFrom({"::", 7}).host, "::1");
  EXPECT_EQ(ConnectableFrom({"10.0.0.1", 7}).host, "10.0.0.1");
}

TEST(ListenAddressTest, ExplainsWhyItCannotListen) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(ExplainBindFailure({"127.0.0.1", ntohs(address.sin_port)}),
            "Address already in use");
  close(fd);
  EXPECT_EQ(ExplainBindFailure({"192.0.2.1", 0}),
            "Cannot assign requested address");
}

}  // namespace
}  // namespace kvplace
