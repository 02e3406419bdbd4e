// Over real sockets: what sound, odd and hostile clients get.
#include "server/http/http_server.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/status/status_site.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/http_get.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  // Ending it takes up to 2 s, so the tests share one.
  static void SetUpTestSuite() {
    auto server = HttpServer::Start(
        "127.0.0.1:0",
        [](const HttpRequest& request) { return site().Answer(request); },
        &StatusSite::Error);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  static void TearDownTestSuite() { server_.reset(); }

  static StatusSite& site() {
    static FakeClock clock;
    static StatusSite site({}, &clock,
                           [] { return std::string(R"({"a": 1})"); });
    return site;
  }
  int port() const { return server_->port(); }
  // The whole answer to exactly these bytes.
  std::string Send(const std::string& bytes) const {
    return testing::HttpExchange(port(), bytes);
  }
  std::string Get(const std::string& target) const {
    return Send(
        absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
  }
  bool Serves() const {
    return absl::StartsWith(Get("/api/v1/status"), "HTTP/1.1 200 OK\r\n");
  }

  inline static std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ServesPageAndDocument) {
  EXPECT_THAT(Get("/"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                              HasSubstr("\r\nConnection: close\r\n"),
                              HasSubstr("\r\nX-Content-Type-Options: nosniff"),
                              HasSubstr("<!doctype html>")));
  const std::string document = Get("/api/v1/status?x=../../y");
  EXPECT_THAT(document, AllOf(HasSubstr("\r\nContent-Length: 8\r\n"),
                              HasSubstr("\r\nCache-Control: no-store\r\n")));
  EXPECT_EQ(testing::HttpBody(document), R"({"a": 1})");
  EXPECT_THAT(testing::HttpGet(port(), "/api/v1/status"),
              StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string head =
      Send("HEAD /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(head, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                          HasSubstr("\r\nContent-Length: 8\r\n")));
  EXPECT_THAT(testing::HttpBody(head), IsEmpty());
}

TEST_F(HttpServerTest, TheBrowserAsksWhetherItsCopyIsGood) {
  const std::string page = Get("/app.js");
  const size_t at = page.find("\r\nETag: ");
  ASSERT_NE(at, std::string::npos);
  const std::string etag = page.substr(at + 8, 34);
  const std::string again =
      Send(absl::StrCat("GET /app.js HTTP/1.1\r\nHost: localhost\r\n"
                        "If-None-Match: ",
                        etag, "\r\n\r\n"));
  EXPECT_THAT(again, StartsWith("HTTP/1.1 304 Not Modified\r\n"));
  EXPECT_THAT(testing::HttpBody(again), IsEmpty());
}

TEST_F(HttpServerTest, NothingElseIsThere) {
  for (const char* target :
       {"/x", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd", "/..%2f..%2fetc%2fpasswd", "/.", "/page/",
        "/index.html%00.js/x", "/\\..\\etc\\passwd", "/server/status/page/",
        "/app.js/", "/%ff%fe"}) {
    const std::string answer = Get(target);
    EXPECT_THAT(answer, AnyOf(StartsWith("HTTP/1.1 404 Not Found\r\n"),
                              StartsWith("HTTP/1.1 400 Bad Request\r\n")))
        << target;
    EXPECT_THAT(answer, Not(HasSubstr("root:"))) << target;
    EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  }
}

TEST_F(HttpServerTest, OtherMethodsAreRefused) {
  for (const char* method :
       {"POST", "PUT", "DELETE", "PATCH", "CONNECT", "PROPFIND"}) {
    const std::string answer =
        Send(absl::StrCat(method, " / HTTP/1.1\r\nHost: localhost\r\n",
                          "Content-Length: 3\r\n\r\nabc"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  }
  // A preflight too, which the library would answer by itself.
  const std::string preflight = Send(
      "OPTIONS /api/v1/status HTTP/1.1\r\nHost: localhost\r\n"
      "Origin: http://evil.example\r\n"
      "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_THAT(preflight, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(preflight, Not(HasSubstr("Access-Control-Allow")));
  for (const char* method : {"TRACE", "BREW", "\x01"}) {
    EXPECT_THAT(
        Send(absl::StrCat(method, " / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"),
              HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n")));
  }
}

TEST_F(HttpServerTest, LongAndBrokenRequestsDoNoHarm) {
  const std::string host = "\r\nHost: localhost\r\n";
  const std::string many(100'000, 'a');
  for (const std::string& bytes : {
           absl::StrCat("GET /", many, " HTTP/1.1", host, "\r\n"),
           absl::StrCat("GET / HTTP/1.1", host, "X: ", many, "\r\n\r\n"),
           absl::StrCat(many, many),
           std::string("GARBAGE\r\n\r\n"),
           std::string("\r\n\r\n\r\n"),
           std::string("GET\r\n\r\n"),
           std::string("GET / HTTP/9.9\r\n\r\n"),
           std::string("GET http://[::1 HTTP/1.1\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9),
           std::string(4096, '\0'),
           std::string("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"),
           std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "ffffffffffffffff\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
       }) {
    const std::string answer = Send(bytes);
    EXPECT_THAT(answer, AnyOf(IsEmpty(), StartsWith("HTTP/1.1 4"),
                              StartsWith("HTTP/1.1 5")))
        << bytes.substr(0, 40);
    EXPECT_TRUE(Serves()) << bytes.substr(0, 40);
  }
}

TEST_F(HttpServerTest, ManyHeadersDoNoHarm) {
  std::string headers = "Host: localhost\r\n";
  for (int i = 0; i < 500; ++i) absl::StrAppend(&headers, "H", i, ": 1\r\n");
  EXPECT_THAT(Send(absl::StrCat("GET / HTTP/1.1\r\n", headers, "\r\n")),
              AnyOf(StartsWith("HTTP/1.1 200"), StartsWith("HTTP/1.1 4")));
  EXPECT_TRUE(Serves());
}

TEST_F(HttpServerTest, RandomBytesDoNoHarm) {
  unsigned seed = 20261125;
  for (int round = 0; round < 200; ++round) {
    std::string bytes =
        "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int flips = 0; flips < 4; ++flips) {
      seed = seed * 1103515245 + 12345;
      bytes[(seed >> 8) % (bytes.size() - 4)] = static_cast<char>(seed >> 20);
    }
    EXPECT_THAT(Send(bytes), AnyOf(IsEmpty(), StartsWith("HTTP/1.1 ")));
  }
  EXPECT_TRUE(Serves());
}

// Whoever connects and is silent holds a thread for no longer than kPatience.
TEST_F(HttpServerTest, SilentClientsHoldNobodyUpForLong) {
  std::vector<testing::HttpConnection> silent;
  for (int i = 0; i < 2 * HttpServer::kThreads; ++i) {
    silent.emplace_back(port());
    ASSERT_TRUE(silent.back().open());
    silent.back().Write(i % 2 == 0 ? "" : "GET / HTTP/1.1\r\nHo");
  }
  const absl::Time begun = absl::Now();
  EXPECT_TRUE(Serves());
  EXPECT_LT(absl::Now() - begun, 10 * HttpServer::kPatience);
}

TEST_F(HttpServerTest, ManyAtOnce) {
  std::vector<std::thread> clients;
  std::atomic<int> served = 0;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 20; ++n) served += Serves();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(served, 16 * 20);
}

TEST_F(HttpServerTest, EndsWithClientsConnected) {
  auto server = HttpServer::Start(
      "127.0.0.1:0",
      [](const HttpRequest& request) { return site().Answer(request); },
      &StatusSite::Error);
  ASSERT_TRUE(server.ok()) << server.status();
  testing::HttpConnection silent((*server)->port());
  ASSERT_TRUE(silent.open());
  const absl::Time begun = absl::Now();
  server->reset();
  EXPECT_LT(absl::Now() - begun, 10 * HttpServer::kPatience);
}

TEST_F(HttpServerTest, SaysWhichAddressIsTaken) {
  const std::string address = absl::StrCat("127.0.0.1:", port());
  const auto second = HttpServer::Start(
      address, [](const HttpRequest&) { return HttpAnswer(); },
      &StatusSite::Error);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

}  // namespace
}  // namespace kvplace
