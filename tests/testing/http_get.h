// A GET over HTTP/1.0, as little as a test needs to read /metrics; and the
// bytes under it, for tests of a server.
//
// Thread-safety: any thread; a connection one at a time.
#ifndef KVPLACE_TESTS_TESTING_HTTP_GET_H_
#define KVPLACE_TESTS_TESTING_HTTP_GET_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

namespace kvplace::testing {

// To 127.0.0.1:port.
class HttpConnection {
 public:
  explicit HttpConnection(int port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                    sizeof(address)) == 0;
  }
  ~HttpConnection() {
    if (fd_ >= 0) close(fd_);
  }
  HttpConnection(HttpConnection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), open_(other.open_) {}
  HttpConnection& operator=(HttpConnection&&) = delete;

  bool open() const { return open_; }
  // As much as the server takes.
  void Write(const std::string& bytes) const {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t n =
          send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<size_t>(n);
    }
  }
  // Up to the end of the connection.
  std::string ReadAll() const {
    std::string answer;
    char buffer[65536];
    for (ssize_t n; (n = recv(fd_, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
    return answer;
  }

 private:
  int fd_;
  bool open_ = false;
};

// The whole answer to exactly these bytes; empty if there is none.
inline std::string HttpExchange(int port, const std::string& bytes) {
  const HttpConnection connection(port);
  if (!connection.open()) return "";
  connection.Write(bytes);
  return connection.ReadAll();
}

// The whole answer, head and body; empty if there is none. `headers`: each with
// its end of line.
inline std::string HttpGet(int port, const std::string& path,
                           const std::string& headers = "",
                           const std::string& method = "GET") {
  return HttpExchange(port,
                      method + " " + path + " HTTP/1.0\r\n" + headers + "\r\n");
}

// What follows the head.
inline std::string HttpBody(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace kvplace::testing

#endif  // KVPLACE_TESTS_TESTING_HTTP_GET_H_
