#include "server/daemon/port_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kvplace {

absl::Status WritePortFile(const std::string& path, const OpenPorts& ports) {
  nlohmann::ordered_json json = {
      {"listen", ports.listen}, {"grpc_port", ports.port},
      {"metrics", nullptr},     {"metrics_port", nullptr},
      {"status", nullptr},      {"status_port", nullptr},
      {"pid", getpid()}};
  if (ports.metrics_port.has_value()) {
    json["metrics"] = ports.metrics_listen;
    json["metrics_port"] = *ports.metrics_port;
  }
  if (ports.status_port.has_value()) {
    json["status"] = ports.status_listen;
    json["status_port"] = *ports.status_port;
  }
  const std::string part = absl::StrCat(path, ".", getpid(), ".tmp");
  errno = 0;
  std::ofstream file(part, std::ios::trunc);
  file << json.dump() << "\n";
  file.close();
  if (!file || std::rename(part.c_str(), path.c_str()) != 0) {
    const int error = errno == 0 ? EIO : errno;
    std::remove(part.c_str());
    return absl::FailedPreconditionError(
        absl::StrCat("--port-file ", path, ": ", std::strerror(error)));
  }
  return absl::OkStatus();
}

}  // namespace kvplace
