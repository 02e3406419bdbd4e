#include "server/metrics/metric_families.h"

#include <cstddef>

namespace kvplace {
namespace {

size_t Index(Metric metric) { return static_cast<size_t>(metric); }

const std::vector<double>& BucketsOf(Metric metric) {
  const bool plan = metric == Metric::kPlanDecideSeconds ||
                    metric == Metric::kPlanLatencySeconds;
  return plan ? PlanSecondsBuckets() : StepSecondsBuckets();
}

}  // namespace

MetricFamilies::MetricFamilies()
    : registry_(std::make_shared<prometheus::Registry>(
          prometheus::Registry::InsertBehavior::Throw)) {
  for (const MetricInfo& info : MetricCatalog()) {
    const size_t i = Index(info.metric);
    switch (info.type) {
      case MetricType::kCounter:
        counters_[i] = &prometheus::BuildCounter()
                            .Name(info.name)
                            .Help(info.help)
                            .Register(*registry_);
        break;
      case MetricType::kGauge:
        gauges_[i] =
            &prometheus::BuildGauge().Name(info.name).Help(info.help).Register(
                *registry_);
        break;
      case MetricType::kHistogram:
        histograms_[i] = &prometheus::BuildHistogram()
                              .Name(info.name)
                              .Help(info.help)
                              .Register(*registry_);
        break;
    }
  }
}

prometheus::Counter& MetricFamilies::AddCounter(
    Metric metric, const prometheus::Labels& labels) {
  return counters_[Index(metric)]->Add(labels);
}

prometheus::Gauge& MetricFamilies::AddGauge(Metric metric,
                                            const prometheus::Labels& labels) {
  return gauges_[Index(metric)]->Add(labels);
}

prometheus::Histogram& MetricFamilies::AddHistogram(
    Metric metric, const prometheus::Labels& labels) {
  return histograms_[Index(metric)]->Add(labels, BucketsOf(metric));
}

void MetricFamilies::Remove(Metric metric, prometheus::Counter* counter) {
  counters_[Index(metric)]->Remove(counter);
}

void MetricFamilies::Remove(Metric metric, prometheus::Gauge* gauge) {
  gauges_[Index(metric)]->Remove(gauge);
}

void MetricFamilies::Remove(Metric metric, prometheus::Histogram* histogram) {
  histograms_[Index(metric)]->Remove(histogram);
}

}  // namespace kvplace
