#include "server/metrics/metrics_server.h"

#include <zlib.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "civetweb.h"
#include "server/metrics/text_format.h"

namespace kvplace {
namespace {

absl::string_view Text(const char* text) {
  return text == nullptr ? absl::string_view() : text;
}

// Level 1: names repeat so much that others gain little and take long. Empty
// where zlib fails, which it does without memory only.
std::string Gzip(const std::string& text) {
  constexpr int kGzipFormat = 15 + 16;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipFormat, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return "";
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // reads only
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

void Write(mg_connection* connection, absl::string_view status,
           absl::string_view headers, absl::string_view body, bool with_body) {
  const std::string head =
      absl::StrCat("HTTP/1.1 ", status, "\r\nConnection: close\r\n", headers,
                   "Content-Length: ", body.size(), "\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  if (with_body) mg_write(connection, body.data(), body.size());
}

constexpr absl::string_view kPlain = "Content-Type: text/plain\r\n";
constexpr absl::string_view kPrometheus =
    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
    "Vary: Accept-Encoding\r\n";

}  // namespace

int MetricsServer::OnRequest(mg_connection* connection) {
  const auto* server =
      static_cast<MetricsServer*>(mg_get_user_context_data(connection));
  const mg_request_info& info = *mg_get_request_info(connection);
  const absl::string_view method = Text(info.request_method);
  if (method != "GET" && method != "HEAD") {
    Write(connection, "405 Method Not Allowed",
          absl::StrCat("Allow: GET, HEAD\r\n", kPlain), "GET /metrics\n", true);
    return 405;
  }
  const bool get = method == "GET";
  if (Text(info.local_uri_raw) != "/metrics") {
    Write(connection, "404 Not Found", kPlain, "metrics are at /metrics\n",
          get);
    return 404;
  }
  const std::string text = PrometheusText(server->registry_->Collect());
  if (absl::StrContains(Text(mg_get_header(connection, "Accept-Encoding")),
                        "gzip")) {
    if (const std::string packed = Gzip(text); !packed.empty()) {
      Write(connection, "200 OK",
            absl::StrCat(kPrometheus, "Content-Encoding: gzip\r\n"), packed,
            get);
      return 200;
    }
  }
  Write(connection, "200 OK", kPrometheus, text, get);
  return 200;
}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address,
    std::shared_ptr<prometheus::Registry> registry) {
  auto server =
      std::unique_ptr<MetricsServer>(new MetricsServer(std::move(registry)));
  // Counts its callers; what it sets up stays for other servers of the process.
  static const unsigned kFeatures = mg_init_library(MG_FEATURES_DEFAULT);
  static_cast<void>(kFeatures);
  mg_callbacks callbacks{};
  callbacks.begin_request = &MetricsServer::OnRequest;
  // Whoever talks nonsense must not fill the log.
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
  // A client that connects and says nothing holds a thread for as long as the
  // timeout; the default of 30 s is a blind spot.
  const char* options[] = {"listening_ports",
                           address.c_str(),
                           "num_threads",
                           "4",
                           "request_timeout_ms",
                           "5000",
                           "linger_timeout_ms",
                           "1000",
                           "enable_keep_alive",
                           "no",
                           nullptr};
  char reason[256] = "";
  unsigned code = 0;
  mg_init_data init{&callbacks, server.get(), options};
  mg_error_data error{&code, reason, sizeof(reason)};
  server->context_ = mg_start2(&init, &error);
  mg_server_port port{};
  if (server->context_ == nullptr ||
      mg_get_server_ports(server->context_, 1, &port) < 1) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", reason));
  }
  server->port_ = port.port;
  return server;
}

MetricsServer::~MetricsServer() {
  if (context_ != nullptr) mg_stop(context_);
}

}  // namespace kvplace
