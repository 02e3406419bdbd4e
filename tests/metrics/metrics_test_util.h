// Reads what a registry would export.
#ifndef KVPLACE_TESTS_METRICS_METRICS_TEST_UTIL_H_
#define KVPLACE_TESTS_METRICS_METRICS_TEST_UTIL_H_

#include <map>
#include <optional>
#include <string>

#include "prometheus/registry.h"
#include "server/core/metrics_sink.h"
#include "server/metrics/prometheus_sink.h"
#include "server/metrics/text_format.h"

namespace kvplace {

// The text that a scrape gets.
inline std::string Scrape(const PrometheusSink& sink) {
  return PrometheusText(sink.registry()->Collect());
}

// The value of one series; labels in any order. Nothing if it does not exist.
// Histograms: name_sum and name_count.
inline std::optional<double> Value(
    const PrometheusSink& sink, std::string name,
    const std::map<std::string, std::string>& labels = {}) {
  const auto ends_with = [&name](const char* suffix) {
    const std::string s(suffix);
    return name.size() > s.size() &&
           name.compare(name.size() - s.size(), s.size(), s) == 0;
  };
  const bool sum = ends_with("_sum");
  const bool count = ends_with("_count");
  if (sum) name.resize(name.size() - 4);
  if (count) name.resize(name.size() - 6);
  for (const prometheus::MetricFamily& family : sink.registry()->Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::map<std::string, std::string> found;
      for (const auto& label : metric.label) found[label.name] = label.value;
      if (found != labels) continue;
      if (sum) return metric.histogram.sample_sum;
      if (count) return static_cast<double>(metric.histogram.sample_count);
      return family.type == prometheus::MetricType::Counter
                 ? metric.counter.value
                 : metric.gauge.value;
    }
  }
  return std::nullopt;
}

// A step with a different number everywhere.
inline StepAccount SomeStep() {
  StepAccount step;
  step.traffic.hbm_reads = Bytes(5'000'000'000);
  step.traffic.dram_reads = Bytes(1'000'000'000);
  step.traffic.promoted = Bytes(30);
  step.traffic.prefetched = Bytes(40);
  step.traffic.demoted = Bytes(50);
  step.traffic.new_kv_hbm = Bytes(60);
  step.traffic.new_kv_dram = Bytes(70);
  step.seconds = Seconds(0.004);
  step.roofline = Seconds(0.003);
  step.blocks_read = 7;
  return step;
}

inline RollingBound SomeBound() {
  return {48, Seconds(0.2), Seconds(0.16), Seconds(0.164)};
}

// theta of group g is 1 / (g + 2).
inline GroupPrices SomePrices(uint32_t groups) {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.groups.resize(groups);
  GroupPrices prices(device);
  for (uint32_t g = 0; g < groups; ++g) {
    prices.OnPhase(GroupId(g), Seconds(1), Seconds(0.5), 1 - 1.0 / (g + 2));
  }
  return prices;
}

// Makes every metric of the catalog appear. The result holds the gauges.
inline std::unique_ptr<DeviceMetrics> TouchEverything(PrometheusSink& sink) {
  sink.SetBuildInfo("1.2.3", "abc", "gcc");
  sink.SetProcessStartTime(1.5e9);
  std::unique_ptr<DeviceMetrics> device =
      sink.AddDevice("n0", 3, {BytesPerSecond(3e12)});
  device->OnPolicy("shadow-price", "act");
  device->OnStep(SomeStep(), 1, std::nullopt);
  const GroupAccount group{10, 3};
  device->OnGroups({&group, 1});
  device->OnPrices(Leader::kValues, SomePrices(1));
  device->OnHindsight(SomeBound(), Seconds(0.5));
  return device;
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_METRICS_METRICS_TEST_UTIL_H_
