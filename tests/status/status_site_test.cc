#include "server/status/status_site.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/status/page_assets.h"
#include "tests/testing/fake_clock.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class StatusSiteTest : public ::testing::Test {
 protected:
  HttpAnswer Get(const std::string& path, const std::string& method = "GET",
                 const std::string& host = "127.0.0.1:9552",
                 const std::string& etag = "") {
    return site_.Answer({method, path, host, etag});
  }
  static std::string Header(const HttpAnswer& answer, const std::string& name) {
    const std::map<std::string, std::string> all(answer.headers.begin(),
                                                 answer.headers.end());
    const auto it = all.find(name);
    return it == all.end() ? "(none)" : it->second;
  }

  FakeClock clock_;
  int made_ = 0;
  StatusSite site_{{}, &clock_, [this] { return std::to_string(++made_); }};
};

TEST_F(StatusSiteTest, ServesEachFileOfThePage) {
  size_t bytes = 0;
  for (const PageAsset& asset : PageAssets()) {
    const HttpAnswer answer = Get(std::string("/") + asset.name);
    EXPECT_EQ(answer.status, 200) << asset.name;
    EXPECT_THAT(Header(answer, "Content-Type"), Not(HasSubstr("octet-stream")));
    EXPECT_EQ(answer.body.size(), asset.size);
    bytes += asset.size;
  }
  EXPECT_LT(bytes, 200u << 10);
  const HttpAnswer page = Get("/");
  EXPECT_EQ(page.body, Get("/index.html").body);
  EXPECT_THAT(std::string(page.body), HasSubstr("<!doctype html>"));
  EXPECT_EQ(Header(page, "Content-Type"), "text/html; charset=utf-8");
}

TEST_F(StatusSiteTest, KnownBytesAreNotSentAgain) {
  const HttpAnswer first = Get("/style.css");
  const std::string etag = Header(first, "ETag");
  EXPECT_EQ(etag.size(), 34u);
  EXPECT_NE(etag, Header(Get("/app.js"), "ETag"));
  const HttpAnswer again = Get("/style.css", "GET", "localhost", etag);
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
  EXPECT_EQ(Header(again, "Cache-Control"), "no-cache");
}

// The policy allows no inline script or style, so there must be none; and no
// address of anywhere else.
TEST_F(StatusSiteTest, ThePageKeepsToItsOwnPolicy) {
  for (const PageAsset& asset : PageAssets()) {
    const std::string text(reinterpret_cast<const char*>(asset.bytes),
                           asset.size);
    EXPECT_THAT(text, AllOf(Not(HasSubstr("innerHTML")),
                            Not(HasSubstr("insertAdjacentHTML")),
                            Not(HasSubstr("document.write")),
                            Not(HasSubstr(" style=")), Not(HasSubstr("eval("))))
        << asset.name;
    EXPECT_THAT(text, Not(HasSubstr("https://"))) << asset.name;
  }
  EXPECT_THAT(std::string(Get("/").body),
              AllOf(Not(HasSubstr("<style")), Not(HasSubstr("<script>")),
                    Not(HasSubstr("onclick"))));
}

TEST_F(StatusSiteTest, EveryAnswerHasTheHeaders) {
  for (const HttpAnswer& answer :
       {Get("/"), Get("/api/v1/status"), Get("/nothing"), Get("/", "POST"),
        Get("/", "GET", "evil.example"), StatusSite::Error(400)}) {
    EXPECT_EQ(Header(answer, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(Header(answer, "X-Frame-Options"), "DENY");
    EXPECT_THAT(
        Header(answer, "Content-Security-Policy"),
        AllOf(HasSubstr("default-src 'none'"), HasSubstr("script-src 'self';"),
              HasSubstr("frame-ancestors 'none'"), Not(HasSubstr("unsafe"))));
    EXPECT_EQ(Header(answer, "Access-Control-Allow-Origin"), "(none)");
  }
  EXPECT_EQ(Header(Get("/api/v1/status"), "Cache-Control"), "no-store");
  EXPECT_EQ(Header(Get("/nothing"), "Cache-Control"), "no-store");
}

TEST_F(StatusSiteTest, OtherPathsAreNotThere) {
  for (const char* path :
       {"/nothing", "", "index.html", "//", "//index.html", "/index.html/",
        "/page/app.js", "/../index.html", "/api/v1/status/", "/api/v1", "/api",
        "/API/V1/STATUS", "/etc/passwd", "/../../etc/passwd"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(StatusSiteTest, OnlyReadingIsAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH",
                             "CONNECT", "get", "", "PROPFIND"}) {
    const HttpAnswer answer = Get("/api/v1/status", method);
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(Header(answer, "Allow"), "GET, HEAD");
  }
  EXPECT_EQ(Get("/api/v1/status", "HEAD").status, 200);
}

TEST_F(StatusSiteTest, AnswersToLocalNamesOnly) {
  for (const char* host :
       {"", "localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:9552",
        "10.1.2.3:80", "[::1]:9552", "[::1]"}) {
    EXPECT_EQ(Get("/", "GET", host).status, 200) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:9552", "localhost.evil",
        "127.0.0.1.nip.io", "a", "0x7f.1.example"}) {
    EXPECT_EQ(Get("/", "GET", host).status, 421) << host;
    EXPECT_EQ(Get("/api/v1/status", "GET", host).status, 421) << host;
  }
  EXPECT_EQ(made_, 0);
  StatusSite open({.local_names_only = false}, &clock_, [] { return "{}"; });
  EXPECT_EQ(open.Answer({"GET", "/", "status.example", ""}).status, 200);
}

TEST_F(StatusSiteTest, ADocumentServesAllWhoAskAtOnce) {
  EXPECT_EQ(Get("/api/v1/status").body, "1");
  clock_.Advance(StatusSite::kFreshFor - absl::Nanoseconds(1));
  EXPECT_EQ(Get("/api/v1/status").body, "1");
  clock_.Advance(absl::Nanoseconds(1));
  const HttpAnswer held = Get("/api/v1/status");
  EXPECT_EQ(held.body, "2");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Get("/api/v1/status").body, "3");
  EXPECT_EQ(held.body, "2");
}

}  // namespace
}  // namespace kvplace
