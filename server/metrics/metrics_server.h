// GET /metrics on an address of its own, by prometheus-cpp's Exposer.
//
// The endpoint is plain HTTP without authorization: bind it where only
// Prometheus reaches it. The library adds three series about itself, named
// exposer_*. Thread-safety: any thread.
#ifndef KVPLACE_SERVER_METRICS_METRICS_SERVER_H_
#define KVPLACE_SERVER_METRICS_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "prometheus/exposer.h"
#include "prometheus/registry.h"

namespace kvplace {

class MetricsServer {
 public:
  // `address`: host:port, port 0 for any. UNAVAILABLE, naming the address: it
  // cannot listen there.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address,
      std::shared_ptr<prometheus::Registry> registry);

  // The port it listens on.
  int port() const { return port_; }

 private:
  MetricsServer(std::unique_ptr<prometheus::Exposer> exposer,
                std::shared_ptr<prometheus::Registry> registry, int port)
      : registry_(std::move(registry)),
        exposer_(std::move(exposer)),
        port_(port) {}

  // The exposer holds a weak pointer only.
  const std::shared_ptr<prometheus::Registry> registry_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
  const int port_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_METRICS_SERVER_H_
