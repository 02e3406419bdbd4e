// What GET /metrics is answered: all series as text, compressed for who asks.
//
// Plain HTTP without authorization: bind it where only Prometheus reaches it.
// Not prometheus-cpp's Exposer, which wraps the same server as server/http: it
// takes 26 ms of CPU for 64 devices, most of it for text and compression, and
// this 10 ms. Thread-safety: any thread.
#ifndef KVPLACE_SERVER_METRICS_METRICS_PAGE_H_
#define KVPLACE_SERVER_METRICS_METRICS_PAGE_H_

#include "prometheus/registry.h"
#include "server/http/http_server.h"

namespace kvplace {

// 200, or an error: 404 another path, 405 other methods than GET and HEAD.
HttpAnswer AnswerScrape(const prometheus::Registry& registry,
                        const HttpRequest& request);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_METRICS_PAGE_H_
