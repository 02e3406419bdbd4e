#include "server/http/http_server.h"

#include "absl/strings/str_cat.h"
#include "civetweb.h"

namespace kvplace {
namespace {

std::string Text(const char* text) { return text == nullptr ? "" : text; }

HttpRequest ReadRequest(mg_connection* connection) {
  const mg_request_info& info = *mg_get_request_info(connection);
  HttpRequest request;
  request.method = Text(info.request_method);
  request.path = Text(info.local_uri_raw);
  request.host = Text(mg_get_header(connection, "Host"));
  request.if_none_match = Text(mg_get_header(connection, "If-None-Match"));
  request.accept_encoding = Text(mg_get_header(connection, "Accept-Encoding"));
  return request;
}

void Write(mg_connection* connection, const HttpAnswer& answer, bool body) {
  std::string head =
      absl::StrCat("HTTP/1.1 ", answer.status, " ",
                   mg_get_response_code_text(connection, answer.status),
                   "\r\nConnection: close\r\n");
  for (const auto& [name, value] : answer.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  if (answer.status != 304) {
    absl::StrAppend(&head, "Content-Length: ", answer.body.size(), "\r\n");
  }
  absl::StrAppend(&head, "\r\n");
  mg_write(connection, head.data(), head.size());
  if (body) mg_write(connection, answer.body.data(), answer.body.size());
}

}  // namespace

void HttpAnswer::Own(std::string bytes) {
  holder = std::make_shared<const std::string>(std::move(bytes));
  body = *holder;
}

HttpAnswer PlainAnswer(int status, std::string line) {
  HttpAnswer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
  answer.Own(std::move(line));
  return answer;
}

int HttpServer::OnRequest(mg_connection* connection) {
  const auto* server =
      static_cast<HttpServer*>(mg_get_user_context_data(connection));
  const HttpRequest request = ReadRequest(connection);
  const HttpAnswer answer = server->handler_(request);
  Write(connection, answer, request.method != "HEAD" && answer.status != 304);
  return answer.status;
}

int HttpServer::OnError(mg_connection* connection, int status, const char*) {
  const auto* server =
      static_cast<HttpServer*>(mg_get_user_context_data(connection));
  Write(connection, server->on_error_(status), true);
  return 0;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& address, Handler handler, ErrorHandler on_error) {
  auto server = std::unique_ptr<HttpServer>(
      new HttpServer(std::move(handler), std::move(on_error)));
  // Counts its callers; what it sets up stays, since another server of the
  // process may have counted on it without a call.
  static const unsigned kFeatures = mg_init_library(MG_FEATURES_DEFAULT);
  static_cast<void>(kFeatures);
  mg_callbacks callbacks{};
  callbacks.begin_request = &HttpServer::OnRequest;
  callbacks.http_error = &HttpServer::OnError;
  // Whoever talks nonsense must not fill the log.
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
  const std::string threads = absl::StrCat(kThreads);
  const std::string patience =
      absl::StrCat(absl::ToInt64Milliseconds(kPatience));
  const char* options[] = {
      "listening_ports", address.c_str(), "num_threads", threads.c_str(),
      "request_timeout_ms", patience.c_str(), "linger_timeout_ms", "1000",
      "max_request_size", "16384", "enable_keep_alive", "no",
      // No file here has a name that needs it, and a decoded NUL would end the
      // path.
      "decode_url", "no",
      // Or else it answers preflights by itself.
      "access_control_allow_methods", "", nullptr};
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

HttpServer::~HttpServer() {
  if (context_ != nullptr) mg_stop(context_);
}

}  // namespace kvplace
