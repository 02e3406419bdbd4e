// The service's MetricsSink as Prometheus series, and what the server reports
// about itself.
//
// A device has series of its own from its first session on. They outlive the
// session, so that counters go on when a worker reconnects (its gauges leave at
// once); when max_devices are known, the one that has been without a session
// for longest is forgotten. If every known device has a live session, a further
// one counts under node="(other)", a name that no node can have, and has no
// gauges. So the number of series is bounded whatever the workers call
// themselves: 131 per device, and three for each row of layer groups, of which
// a device has at most max_group_rows (see group_series.h).
//
// Thread-safety: any thread; a DeviceMetrics as its interface says.
#ifndef KVPLACE_SERVER_METRICS_PROMETHEUS_SINK_H_
#define KVPLACE_SERVER_METRICS_PROMETHEUS_SINK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/registry.h"
#include "server/core/metrics_sink.h"
#include "server/metrics/device_series.h"
#include "server/metrics/group_series.h"
#include "server/metrics/metric_families.h"

namespace kvplace {

// Value of the label `node` of devices beyond the bound.
inline constexpr char kOtherNode[] = "(other)";

class PrometheusSink final : public MetricsSink {
 public:
  struct Options {
    // Devices with series of their own, >= 1.
    size_t max_devices = 1024;
    // Rows of layer groups that a device has, >= 1. With 8 and 64 devices a
    // scrape stays below 1 MiB.
    uint32_t max_group_rows = 8;
  };

  explicit PrometheusSink(const Options& options);
  // REQUIRES: every DeviceMetrics is gone.
  ~PrometheusSink() override;

  std::unique_ptr<DeviceMetrics> AddDevice(absl::string_view node,
                                           uint32_t device,
                                           const DeviceFacts& facts) override;
  void SetSessions(uint64_t live) override;
  void OnRejected(RejectReason reason) override;
  void OnDropped(DropReason reason, uint64_t records) override;
  void OnRecorded(uint64_t records, uint64_t bytes) override;

  // What the rest of the server reports.
  void SetBuildInfo(const std::string& version, const std::string& git,
                    const std::string& compiler);
  // Seconds since the epoch.
  void SetProcessStartTime(double seconds);
  void SetDraining(bool draining);
  void OnRecorderError();
  void SetRecorderDiskBytes(uint64_t bytes);
  void OnConfigReload(bool ok);
  void OnLogLinesSuppressed(uint64_t lines);
  // Seconds since the epoch.
  void SetTlsCertificateExpiry(double seconds);

  // For an Exposer; may outlive the sink only where nobody scrapes it.
  const std::shared_ptr<prometheus::Registry>& registry() const {
    return families_.registry();
  }

 private:
  class Device;
  using Key = std::pair<std::string, uint32_t>;
  struct Slot {
    std::unique_ptr<DeviceSeries> series;
    // Made anew by a session with another number of groups.
    std::unique_ptr<GroupSeries> groups;
    uint64_t live = 0;
    // Value of ends_ when the last session ended.
    uint64_t ended = 0;
  };

  // The slot of the device, made if there is room; null: count it with others.
  Slot* SlotFor(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Release(const Key& key) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;

  // With synchronization of their own.
  MetricFamilies families_;
  std::array<prometheus::Counter*, kRejectReasons> rejected_{};
  std::array<prometheus::Counter*, kDropReasons> dropped_{};
  // Server-wide counters and gauges without further labels, by Metric.
  std::array<prometheus::Counter*, kMetricCount> counters_{};
  std::array<prometheus::Gauge*, kMetricCount> gauges_{};
  prometheus::Counter* reloads_ok_;
  prometheus::Counter* reloads_failed_;

  absl::Mutex mu_;
  std::map<Key, Slot> slots_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<DeviceSeries> other_ ABSL_GUARDED_BY(mu_);
  uint64_t ends_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_PROMETHEUS_SINK_H_
