// Every metric that kvplaced exports, in one table: what registers the families
// at start, what docs/metrics.md is compared with, and what tests go through.
//
// Names follow Prometheus' rules: `kvplace_` in front, base units, `_total` on
// counters. The values of every label but node, device and group come from
// enums; how many devices and groups have series of their own is bounded (see
// prometheus_sink.h).
//
// Thread-safety: constants.
#ifndef KVPLACE_SERVER_METRICS_METRIC_CATALOG_H_
#define KVPLACE_SERVER_METRICS_METRIC_CATALOG_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kvplace {

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };
// As Prometheus' text format says it.
const char* Name(MetricType type);

// In the order of the catalog.
enum class Metric : uint8_t {
  // Of the server.
  kBuildInfo,
  kProcessStartTime,
  kDraining,
  kSessions,
  kRejectedMessages,
  kDroppedRecords,
  kRecorderRecords,
  kRecorderBytes,
  kRecorderErrors,
  kRecorderDiskBytes,
  kConfigReloads,
  kConfigReloadOk,
  kLogLinesSuppressed,
  kTlsCertificateExpiry,
  // Of a device: steps.
  kSteps,
  kDecodeSteps,
  kStepSeconds,
  kMeasuredStepSeconds,
  kRooflineSeconds,
  kLastStepSeconds,
  kLastMeasuredStepSeconds,
  kLastRooflineSeconds,
  // Bandwidth.
  kPeakBandwidth,
  kAchievedBandwidth,
  kRooflineBandwidth,
  kUtilization,
  kRooflineRatio,
  // The rolling hindsight bound.
  kHindsightRatio,
  kHindsightGapRatio,
  kHindsightAge,
  kHindsightWindowSteps,
  kHindsightCpu,
  // Bytes.
  kReadBytes,
  kMovedBytes,
  kNewKvBytes,
  kHbmCapacityBytes,
  kHbmResidentBytes,
  kHbmReservedBytes,
  kHbmInFlightBytes,
  // Plans.
  kPlans,
  kPlanDecideSeconds,
  kPlanLatencySeconds,
  kMovedBlocks,
  kLeftInDram,
  kResyncs,
  kDroppedMessages,
  // The policy, and layer groups.
  kPolicyInfo,
  kPolicyLeader,
  kLayerGroups,
  kGroupReadBlocks,
  kGroupMissedBlocks,
  kGroupTheta,
  // Observe mode.
  kObservedBaseSeconds,
  kObservedPlanSeconds,
  kObservedLastStepSeconds,
  kObservedGainRatio,
};
inline constexpr size_t kMetricCount = 56;

struct MetricInfo {
  Metric metric;
  MetricType type;
  const char* name;
  // Comma-separated label names, in the order of the documentation; may be "".
  const char* labels;
  // "seconds", "bytes", "1" for ratios and states, or what is counted.
  const char* unit;
  const char* help;
};

// kMetricCount entries; entry i is that of Metric(i).
std::span<const MetricInfo> MetricCatalog();
const MetricInfo& Info(Metric metric);

// Upper bounds of the buckets, +Inf aside. Of steps: 100 us to 10 s, three per
// decade; of plans: 1 us to 1 s, two per decade.
const std::vector<double>& StepSecondsBuckets();
const std::vector<double>& PlanSecondsBuckets();

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_METRIC_CATALOG_H_
