// All series of one device, looked up once so that an event costs atomic adds
// and, for histograms, their own lock; no lookup and no allocation.
//
// Counters and histograms live as long as this object, which outlives sessions:
// a worker that reconnects goes on counting. Gauges tell of a live session only
// and come and go with AddGauges and RemoveGauges; between, writes to them go
// nowhere.
//
// Thread-safety: the series may be written by any thread. What adds or removes
// gauges: not beside any other call.
#ifndef KVPLACE_SERVER_METRICS_DEVICE_SERIES_H_
#define KVPLACE_SERVER_METRICS_DEVICE_SERIES_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "server/core/metrics_sink.h"
#include "server/core/plan.h"
#include "server/metrics/metric_families.h"

namespace kvplace {

class DeviceSeries {
 public:
  // Registers counters and histograms. `families` outlives the object.
  DeviceSeries(MetricFamilies* families, std::string node, std::string device);
  // Removes every series.
  ~DeviceSeries();
  DeviceSeries(const DeviceSeries&) = delete;
  DeviceSeries& operator=(const DeviceSeries&) = delete;

  void AddGauges();
  // Those of the hindsight bound, which are there once there is one. Not where
  // AddGauges was not called; does nothing the second time.
  void AddHindsightGauges();
  void RemoveGauges();
  // The policy in force, in place of the one before. Not where AddGauges was
  // not called.
  void SetPolicy(const std::string& policy, const std::string& mode);
  // Whom shadow-price follows; nothing: another policy plans.
  void SetLeader(std::optional<Leader> leader);

  prometheus::Counter& counter(Metric metric) {
    return *counters_[static_cast<size_t>(metric)];
  }
  prometheus::Gauge& gauge(Metric metric) {
    return *gauges_[static_cast<size_t>(metric)];
  }
  prometheus::Histogram& histogram(Metric metric) {
    return *histograms_[static_cast<size_t>(metric)];
  }
  prometheus::Counter& moved_blocks(MoveReason reason, MoveOutcome outcome) {
    return *moved_blocks_[static_cast<size_t>(reason)]
                         [static_cast<size_t>(outcome)];
  }
  prometheus::Counter& resyncs(ResyncCause cause) {
    return *resyncs_[static_cast<size_t>(cause)];
  }
  prometheus::Counter& left_in_dram(OrderSource order) {
    return *left_in_dram_[static_cast<size_t>(order)];
  }
  prometheus::Counter& dropped(DropReason reason) {
    return *dropped_[static_cast<size_t>(reason)];
  }

  // By tier, and by kind of move.
  struct ByteCounters {
    prometheus::Counter* read_hbm;
    prometheus::Counter* read_dram;
    prometheus::Counter* promoted;
    prometheus::Counter* prefetched;
    prometheus::Counter* demoted;
    prometheus::Counter* new_kv_hbm;
    prometheus::Counter* new_kv_dram;
  };
  const ByteCounters& bytes() const { return bytes_; }
  const prometheus::Labels& labels() const { return labels_; }

 private:
  void AddCounters();
  // `extra` and the labels of the device.
  prometheus::Labels With(prometheus::Labels extra) const;
  prometheus::Counter* Add(Metric metric, prometheus::Labels extra);

  MetricFamilies* const families_;
  const prometheus::Labels labels_;

  // What takes writes while there are no gauges.
  prometheus::Gauge nowhere_;
  // Null where the metric has another type or more labels.
  std::array<prometheus::Counter*, kMetricCount> counters_{};
  std::array<prometheus::Gauge*, kMetricCount> gauges_{};
  std::array<prometheus::Histogram*, kMetricCount> histograms_{};
  std::array<std::array<prometheus::Counter*, kMoveOutcomes>, kMoveReasons>
      moved_blocks_{};
  std::array<prometheus::Counter*, kResyncCauses> resyncs_{};
  std::array<prometheus::Counter*, kDropReasons> dropped_{};
  std::array<prometheus::Counter*, kOrderSources> left_in_dram_{};
  std::array<prometheus::Gauge*, kLeaders> leaders_{};
  // Null while there is none.
  prometheus::Gauge* policy_ = nullptr;
  ByteCounters bytes_{};

  // Everything registered but the gauges, for removal.
  std::vector<std::pair<Metric, prometheus::Counter*>> all_counters_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_DEVICE_SERIES_H_
