// A small HTTP server on an address of its own: hands every request to one
// function and writes what it answers. Knows no files and no folders.
//
// By civetweb, which prometheus-cpp brings anyway (docs/adr/0009). Bounded:
// kThreads threads, one connection each at a time, 20 connections waiting, a
// head of 16 KiB, kPatience for a request to arrive; a connection ends with its
// answer. Plain HTTP without authorization.
//
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_HTTP_HTTP_SERVER_H_
#define KVPLACE_SERVER_HTTP_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct mg_context;
struct mg_connection;

namespace kvplace {

struct HttpRequest {
  std::string method;
  // What comes before '?', as it was sent.
  std::string path;
  // Headers; empty if they are missing.
  std::string host;
  std::string if_none_match;
  std::string accept_encoding;
};

struct HttpAnswer {
  // Makes `bytes` the body.
  void Own(std::string bytes);

  int status = 200;
  // Besides Date, Content-Length and Connection.
  std::vector<std::pair<std::string, std::string>> headers;
  // Not sent to HEAD, which gets its length.
  absl::string_view body;
  // What holds the body's bytes, if nothing else does.
  std::shared_ptr<const std::string> holder;
};

// A line of text for people, as errors have.
HttpAnswer PlainAnswer(int status, std::string line);

class HttpServer {
 public:
  static constexpr int kThreads = 4;
  static constexpr absl::Duration kPatience = absl::Seconds(2);

  // Called by kThreads threads at a time.
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;
  // What a request gets that cannot be read, by its status (400 and so on).
  using ErrorHandler = std::function<HttpAnswer(int status)>;

  // `address`: host:port, port 0 for any. UNAVAILABLE: it cannot listen there.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const std::string& address, Handler handler, ErrorHandler on_error);
  // Returns when no handler runs any more.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The port it listens on.
  int port() const { return port_; }

 private:
  HttpServer(Handler handler, ErrorHandler on_error)
      : handler_(std::move(handler)), on_error_(std::move(on_error)) {}

  static int OnRequest(mg_connection* connection);
  static int OnError(mg_connection* connection, int status, const char* text);

  const Handler handler_;
  const ErrorHandler on_error_;
  mg_context* context_ = nullptr;
  int port_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_HTTP_HTTP_SERVER_H_
