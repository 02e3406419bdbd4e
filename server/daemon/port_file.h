// The file that says which ports were opened, for scripts that asked for any.
#ifndef KVPLACE_SERVER_DAEMON_PORT_FILE_H_
#define KVPLACE_SERVER_DAEMON_PORT_FILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace kvplace {

struct OpenPorts {
  // As --listen, with the port that was opened.
  std::string listen;
  int port = 0;
  // Nothing with --metrics-listen off.
  std::string metrics_listen;
  std::optional<int> metrics_port;
  // Nothing with --status-listen off.
  std::string status_listen;
  std::optional<int> status_port;
};

// Writes {"listen":"127.0.0.1:4321","grpc_port":4321,"metrics":"127.0.0.1:99",
// "metrics_port":99,"status":"127.0.0.1:98","status_port":98,"pid":7}, null for
// what is off; whoever sees the file sees all of it.
absl::Status WritePortFile(const std::string& path, const OpenPorts& ports);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_PORT_FILE_H_
