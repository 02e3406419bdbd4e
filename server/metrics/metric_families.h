// The families of the catalog in a Prometheus registry, all registered at
// construction: a bad name stops the program at start, not at the first event.
//
// Thread-safety: any thread (the families lock themselves).
#ifndef KVPLACE_SERVER_METRICS_METRIC_FAMILIES_H_
#define KVPLACE_SERVER_METRICS_METRIC_FAMILIES_H_

#include <array>
#include <memory>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/labels.h"
#include "prometheus/registry.h"
#include "server/metrics/metric_catalog.h"

namespace kvplace {

class MetricFamilies {
 public:
  // Throws what prometheus-cpp throws on a bad name, which is a bug of ours.
  MetricFamilies();
  MetricFamilies(const MetricFamilies&) = delete;
  MetricFamilies& operator=(const MetricFamilies&) = delete;

  // REQUIRES: the metric has that type. The same labels give the same object,
  // which lives until it is removed.
  prometheus::Counter& AddCounter(Metric metric,
                                  const prometheus::Labels& labels);
  prometheus::Gauge& AddGauge(Metric metric, const prometheus::Labels& labels);
  prometheus::Histogram& AddHistogram(Metric metric,
                                      const prometheus::Labels& labels);

  void Remove(Metric metric, prometheus::Counter* counter);
  void Remove(Metric metric, prometheus::Gauge* gauge);
  void Remove(Metric metric, prometheus::Histogram* histogram);

  // For an Exposer.
  const std::shared_ptr<prometheus::Registry>& registry() const {
    return registry_;
  }

 private:
  template <typename T>
  using ByMetric = std::array<prometheus::Family<T>*, kMetricCount>;

  const std::shared_ptr<prometheus::Registry> registry_;
  // Null where the metric has another type.
  ByMetric<prometheus::Counter> counters_{};
  ByMetric<prometheus::Gauge> gauges_{};
  ByMetric<prometheus::Histogram> histograms_{};
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_METRIC_FAMILIES_H_
