#include "server/metrics/metric_catalog.h"

#include <array>

namespace kvplace {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricType kHistogram = MetricType::kHistogram;

constexpr std::array<MetricInfo, kMetricCount> kCatalog = {{
    {Metric::kBuildInfo, kGauge, "kvplace_build_info", "version,git,compiler",
     "1", "Always 1; the labels say what runs."},
    {Metric::kProcessStartTime, kGauge, "kvplace_process_start_time_seconds",
     "", "seconds", "Start of the process, seconds since the epoch."},
    {Metric::kDraining, kGauge, "kvplace_draining", "", "1",
     "1 while the server drains: health is NOT_SERVING, sessions are told."},
    {Metric::kSessions, kGauge, "kvplace_sessions", "", "sessions",
     "Live sessions, one per worker device."},
    {Metric::kRejectedMessages, kCounter, "kvplace_rejected_messages_total",
     "reason", "messages", "Messages and streams refused, by reason."},
    {Metric::kDroppedRecords, kCounter, "kvplace_dropped_records_total",
     "reason", "records", "Trace records that were not written, by reason."},
    {Metric::kRecorderRecords, kCounter, "kvplace_recorder_records_total", "",
     "records", "Trace records written."},
    {Metric::kRecorderBytes, kCounter, "kvplace_recorder_bytes_total", "",
     "bytes", "Bytes written to trace files, compressed."},
    {Metric::kRecorderErrors, kCounter, "kvplace_recorder_errors_total", "",
     "errors", "Failed attempts to open, write or close a trace file."},
    {Metric::kRecorderDiskBytes, kGauge, "kvplace_recorder_disk_bytes", "",
     "bytes", "Size of all trace files in the record directory."},
    {Metric::kConfigReloads, kCounter, "kvplace_config_reloads_total", "result",
     "reloads", "SIGHUP reloads of the configuration, by result."},
    {Metric::kConfigReloadOk, kGauge, "kvplace_config_last_reload_successful",
     "", "1", "0 while the file on disk is bad and the old settings stand."},
    {Metric::kLogLinesSuppressed, kCounter,
     "kvplace_log_lines_suppressed_total", "", "lines",
     "Log lines that the limit per cause, or a full log queue, kept back."},
    {Metric::kTlsCertificateExpiry, kGauge,
     "kvplace_tls_certificate_expiry_timestamp_seconds", "", "seconds",
     "When the server's certificate expires, seconds since the epoch; 0 "
     "without TLS."},
    {Metric::kSteps, kCounter, "kvplace_steps_total", "node,device", "steps",
     "Step messages applied."},
    {Metric::kDecodeSteps, kCounter, "kvplace_decode_steps_total",
     "node,device", "steps",
     "Decode steps that the Step messages stood for; more than steps_total "
     "when the worker samples."},
    {Metric::kStepSeconds, kHistogram, "kvplace_step_seconds", "node,device",
     "seconds", "Modelled memory time of a decode step."},
    {Metric::kMeasuredStepSeconds, kHistogram, "kvplace_measured_step_seconds",
     "node,device", "seconds",
     "Wall time of a decode step as the worker measured it."},
    {Metric::kRooflineSeconds, kCounter, "kvplace_roofline_seconds_total",
     "node,device", "seconds",
     "Time of the same steps at the roofline, the least any placement needs."},
    {Metric::kLastStepSeconds, kGauge, "kvplace_last_step_seconds",
     "node,device", "seconds", "Modelled time of the last step."},
    {Metric::kLastMeasuredStepSeconds, kGauge,
     "kvplace_last_measured_step_seconds", "node,device", "seconds",
     "Measured time of the last step that was measured; 0 before."},
    {Metric::kLastRooflineSeconds, kGauge, "kvplace_last_roofline_seconds",
     "node,device", "seconds", "Roofline time of the last step."},
    {Metric::kPeakBandwidth, kGauge, "kvplace_peak_bytes_per_second",
     "node,device", "bytes per second",
     "Read bandwidth of HBM and DRAM together, as declared."},
    {Metric::kAchievedBandwidth, kGauge, "kvplace_achieved_bytes_per_second",
     "node,device", "bytes per second",
     "KV bytes read by the last step over its time, measured if the worker "
     "measures, else modelled."},
    {Metric::kRooflineBandwidth, kGauge, "kvplace_roofline_bytes_per_second",
     "node,device", "bytes per second",
     "KV bytes read by the last step over its time at the roofline."},
    {Metric::kUtilization, kGauge, "kvplace_utilization_ratio", "node,device",
     "1", "Achieved bandwidth over peak in the last step."},
    {Metric::kRooflineRatio, kGauge, "kvplace_roofline_ratio", "node,device",
     "1", "Roofline time over modelled time of the last step."},
    {Metric::kHindsightRatio, kGauge, "kvplace_hindsight_ratio", "node,device",
     "1",
     "Time of the last steps that no schedule can beat although it knows them, "
     "over their modelled time."},
    {Metric::kHindsightGapRatio, kGauge, "kvplace_hindsight_gap_ratio",
     "node,device", "1",
     "Time of the best schedule known for these steps over the certified time, "
     "less 1."},
    {Metric::kHindsightAge, kGauge, "kvplace_hindsight_age_seconds",
     "node,device", "seconds",
     "Time since the steps of the hindsight bound were taken."},
    {Metric::kHindsightWindowSteps, kGauge, "kvplace_hindsight_window_steps",
     "node,device", "steps", "Step messages that the hindsight bound is over."},
    {Metric::kHindsightCpu, kCounter, "kvplace_hindsight_cpu_seconds_total",
     "node,device", "seconds", "CPU time spent on hindsight bounds."},
    {Metric::kReadBytes, kCounter, "kvplace_read_bytes_total",
     "node,device,tier", "bytes", "KV bytes that attention read, by tier."},
    {Metric::kMovedBytes, kCounter, "kvplace_moved_bytes_total",
     "node,device,move,direction", "bytes",
     "KV bytes moved between the tiers, by kind of move and direction."},
    {Metric::kNewKvBytes, kCounter, "kvplace_new_kv_bytes_total",
     "node,device,tier", "bytes",
     "KV bytes of new tokens, by the tier of their block."},
    {Metric::kHbmCapacityBytes, kGauge, "kvplace_hbm_capacity_bytes",
     "node,device", "bytes", "HBM that KV may use."},
    {Metric::kHbmResidentBytes, kGauge, "kvplace_hbm_resident_bytes",
     "node,device", "bytes", "KV blocks in HBM."},
    {Metric::kHbmReservedBytes, kGauge, "kvplace_hbm_reserved_bytes",
     "node,device", "bytes", "HBM promised to a plan not sent yet."},
    {Metric::kHbmInFlightBytes, kGauge, "kvplace_hbm_in_flight_bytes",
     "node,device", "bytes", "HBM promised to a plan not reported on yet."},
    {Metric::kPlans, kCounter, "kvplace_plans_total", "node,device", "plans",
     "Plans made."},
    {Metric::kPlanDecideSeconds, kHistogram, "kvplace_plan_decide_seconds",
     "node,device", "seconds", "Time that making one plan took."},
    {Metric::kPlanLatencySeconds, kHistogram, "kvplace_plan_latency_seconds",
     "node,device", "seconds",
     "From the arrival of a step to the hand-over of its plan to the stream."},
    {Metric::kMovedBlocks, kCounter, "kvplace_moved_blocks_total",
     "node,device,reason,outcome", "blocks",
     "Planned moves that workers reported on, by reason and outcome."},
    {Metric::kLeftInDram, kCounter, "kvplace_left_in_dram_blocks_total",
     "node,device,order", "blocks",
     "Block reads that missed HBM and left the block in DRAM, by whose order "
     "was in force."},
    {Metric::kResyncs, kCounter, "kvplace_resyncs_total", "node,device,cause",
     "resyncs", "Times the picture of a device was thrown away, by cause."},
    {Metric::kDroppedMessages, kCounter, "kvplace_dropped_messages_total",
     "node,device,reason", "messages",
     "Messages of sound streams that were not processed, by reason."},
    {Metric::kPolicyInfo, kGauge, "kvplace_policy_info",
     "node,device,policy,mode", "1",
     "Always 1; the labels say which policy plans for the device, and whether "
     "its plans are executed."},
    {Metric::kPolicyLeader, kGauge, "kvplace_policy_leader",
     "node,device,leader", "1",
     "1 for the order that shadow-price follows: its own values or a simple "
     "rule that does better."},
    {Metric::kLayerGroups, kGauge, "kvplace_layer_groups", "node,device",
     "groups", "Layer groups of the device."},
    {Metric::kGroupReadBlocks, kCounter, "kvplace_group_read_blocks_total",
     "node,device,group", "blocks",
     "Blocks that attention read, by layer group."},
    {Metric::kGroupMissedBlocks, kCounter, "kvplace_group_missed_blocks_total",
     "node,device,group", "blocks", "Of these, the ones that were not in HBM."},
    {Metric::kGroupTheta, kGauge, "kvplace_group_theta_ratio",
     "node,device,group", "1",
     "How often DRAM is what the group's phases wait for: the price of HBM "
     "there, as shadow-price sees it."},
    {Metric::kObservedBaseSeconds, kCounter,
     "kvplace_observed_base_seconds_total", "node,device", "seconds",
     "Observe mode: modelled time of the steps as they ran."},
    {Metric::kObservedPlanSeconds, kCounter,
     "kvplace_observed_plan_seconds_total", "node,device", "seconds",
     "Observe mode: modelled time of the same steps had the plans been "
     "executed."},
    {Metric::kObservedLastStepSeconds, kGauge,
     "kvplace_observed_last_step_seconds", "node,device", "seconds",
     "Observe mode: modelled time of the last step with plans."},
    {Metric::kObservedGainRatio, kGauge, "kvplace_observed_gain_ratio",
     "node,device", "1",
     "Observe mode: time of the last step as it ran over its time with "
     "plans."},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kCatalog.size(); ++i) {
    if (static_cast<size_t>(kCatalog[i].metric) != i) return false;
    if (kCatalog[i].name == nullptr) return false;
  }
  return true;
}
static_assert(InOrder(), "entry i of the catalog is that of Metric(i)");
static_assert(static_cast<size_t>(Metric::kObservedGainRatio) + 1 ==
              kMetricCount);

}  // namespace

const char* Name(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

std::span<const MetricInfo> MetricCatalog() { return kCatalog; }

const MetricInfo& Info(Metric metric) {
  return kCatalog[static_cast<size_t>(metric)];
}

const std::vector<double>& StepSecondsBuckets() {
  static const auto* const kBuckets =
      new std::vector<double>{1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02,
                              0.05, 0.1,  0.2,  0.5,  1,    2,    5,    10};
  return *kBuckets;
}

const std::vector<double>& PlanSecondsBuckets() {
  static const auto* const kBuckets = new std::vector<double>{
      1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1};
  return *kBuckets;
}

}  // namespace kvplace
