#include "server/metrics/metrics_server.h"

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace kvplace {

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address,
    std::shared_ptr<prometheus::Registry> registry) {
  // A client that connects and says nothing holds a thread for as long as the
  // timeout; the default of 30 s times two threads is a blind spot.
  std::vector<std::string> options = {
      "listening_ports",    address, "num_threads",       "4",
      "request_timeout_ms", "5000",  "linger_timeout_ms", "1000"};
  std::unique_ptr<prometheus::Exposer> exposer;
  try {
    exposer = std::make_unique<prometheus::Exposer>(std::move(options));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.what()));
  }
  exposer->RegisterCollectable(registry);
  const std::vector<int> ports = exposer->GetListeningPorts();
  if (ports.empty()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": no port was opened"));
  }
  return std::unique_ptr<MetricsServer>(new MetricsServer(
      std::move(exposer), std::move(registry), ports.front()));
}

}  // namespace kvplace
