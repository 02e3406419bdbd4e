// GET /metrics on an address of its own, by civetweb.
//
// The endpoint is plain HTTP without authorization: bind it where only
// Prometheus reaches it. Bounded: four connections at a time, each of which has
// 5 s for its request. Not prometheus-cpp's Exposer, which wraps the same
// server: it takes 26 ms of CPU for 64 devices, most of it for text and
// compression, and this 10 ms. Thread-safety: any thread.
#ifndef KVPLACE_SERVER_METRICS_METRICS_SERVER_H_
#define KVPLACE_SERVER_METRICS_METRICS_SERVER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "prometheus/registry.h"

struct mg_connection;
struct mg_context;

namespace kvplace {

class MetricsServer {
 public:
  // `address`: host:port, port 0 for any. UNAVAILABLE, naming the address: it
  // cannot listen there.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address,
      std::shared_ptr<prometheus::Registry> registry);
  // Returns when no request is answered any more.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // The port it listens on.
  int port() const { return port_; }

 private:
  explicit MetricsServer(std::shared_ptr<prometheus::Registry> registry)
      : registry_(std::move(registry)) {}

  static int OnRequest(mg_connection* connection);

  const std::shared_ptr<prometheus::Registry> registry_;
  mg_context* context_ = nullptr;
  int port_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_METRICS_SERVER_H_
