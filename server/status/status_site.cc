#include "server/status/status_site.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/status/page_assets.h"

namespace kvplace {
namespace {

constexpr char kDocumentPath[] = "/api/v1/status";

const char* ContentType(absl::string_view name) {
  if (absl::EndsWith(name, ".html")) return "text/html; charset=utf-8";
  if (absl::EndsWith(name, ".css")) return "text/css; charset=utf-8";
  if (absl::EndsWith(name, ".js")) return "text/javascript; charset=utf-8";
  if (absl::EndsWith(name, ".svg")) return "image/svg+xml";
  return "application/octet-stream";
}

HttpAnswer MakeAnswer(int status, const char* type, const char* caching) {
  HttpAnswer answer;
  answer.status = status;
  answer.headers = {
      {"Content-Type", type},
      {"Cache-Control", caching},
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src "
       "'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
       "frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
  return answer;
}

HttpAnswer MakeError(int status, std::string line) {
  HttpAnswer answer =
      MakeAnswer(status, "text/plain; charset=utf-8", "no-store");
  answer.Own(std::move(line));
  return answer;
}

HttpAnswer MakeFile(const PageAsset& asset, absl::string_view known) {
  // no-cache: to be asked for again, and answered by 304.
  HttpAnswer answer = MakeAnswer(known == asset.etag ? 304 : 200,
                                 ContentType(asset.name), "no-cache");
  answer.headers.emplace_back("ETag", asset.etag);
  if (answer.status == 200) {
    answer.body = absl::string_view(reinterpret_cast<const char*>(asset.bytes),
                                    asset.size);
  }
  return answer;
}

// An address, or localhost; with a port or without. What is not a name that
// somebody could register needs no closer look.
bool IsLocalName(absl::string_view host) {
  if (host.empty() || host[0] == '[') return true;
  host = host.substr(0, host.find(':'));
  return absl::EqualsIgnoreCase(host, "localhost") ||
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

}  // namespace

StatusSite::StatusSite(const Options& options, const Clock* clock,
                       std::function<std::string()> document)
    : options_(options), clock_(clock), make_document_(std::move(document)) {}

HttpAnswer StatusSite::Answer(const HttpRequest& request) {
  if (options_.local_names_only && !IsLocalName(request.host)) {
    return MakeError(421,
                     "This page answers to localhost or an address only; see "
                     "--status-listen.\n");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    HttpAnswer answer = MakeError(405, "Only GET and HEAD are allowed.\n");
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return answer;
  }
  if (request.path == kDocumentPath) return Document();
  const absl::string_view name = request.path == "/"
                                     ? absl::string_view("/index.html")
                                     : absl::string_view(request.path);
  for (const PageAsset& asset : PageAssets()) {
    if (name.substr(0, 1) == "/" && name.substr(1) == asset.name) {
      return MakeFile(asset, request.if_none_match);
    }
  }
  return MakeError(404, "There is no such page; the status page is at /.\n");
}

HttpAnswer StatusSite::Document() {
  HttpAnswer answer = MakeAnswer(200, "application/json", "no-store");
  {
    absl::MutexLock lock(&mu_);
    const absl::Duration now = clock_->Monotonic();
    if (document_ == nullptr || now - made_ >= kFreshFor) {
      document_ = std::make_shared<const std::string>(make_document_());
      made_ = now;
    }
    answer.holder = document_;
  }
  answer.body = *answer.holder;
  return answer;
}

HttpAnswer StatusSite::Error(int status) {
  return MakeError(status, "The request cannot be read.\n");
}

}  // namespace kvplace
