// A GET over HTTP/1.0, as little as a test needs to read /metrics.
//
// Thread-safety: any thread.
#ifndef KVPLACE_TESTS_TESTING_HTTP_GET_H_
#define KVPLACE_TESTS_TESTING_HTTP_GET_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace kvplace::testing {

// The whole answer of 127.0.0.1:port, head and body; empty if there is none.
// `headers`: each with its end of line.
inline std::string HttpGet(int port, const std::string& path,
                           const std::string& headers = "",
                           const std::string& method = "GET") {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  const std::string request =
      method + " " + path + " HTTP/1.0\r\n" + headers + "\r\n";
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[65536];
    for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  return answer;
}

// What follows the head.
inline std::string HttpBody(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace kvplace::testing

#endif  // KVPLACE_TESTS_TESTING_HTTP_GET_H_
