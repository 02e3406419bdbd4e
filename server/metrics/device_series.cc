#include "server/metrics/device_series.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace kvplace {
namespace {

constexpr std::string_view kDeviceLabels = "node,device";

// The catalog's metrics of this type with exactly the labels of a device.
template <typename Function>
void ForEachOf(MetricType type, Function function) {
  for (const MetricInfo& info : MetricCatalog()) {
    if (info.type == type && info.labels == kDeviceLabels) {
      function(info.metric);
    }
  }
}

// Gauges without a meaning until the first bound.
constexpr Metric kHindsightGauges[] = {
    Metric::kHindsightRatio, Metric::kHindsightGapRatio, Metric::kHindsightAge,
    Metric::kHindsightWindowSteps};

std::string Text(absl::string_view name) { return std::string(name); }

}  // namespace

DeviceSeries::DeviceSeries(MetricFamilies* families, std::string node,
                           std::string device)
    : families_(families),
      labels_{{"node", std::move(node)}, {"device", std::move(device)}} {
  gauges_.fill(&nowhere_);
  leaders_.fill(&nowhere_);
  ForEachOf(MetricType::kCounter, [this](Metric metric) {
    counters_[static_cast<size_t>(metric)] = Add(metric, {});
  });
  ForEachOf(MetricType::kHistogram, [this](Metric metric) {
    histograms_[static_cast<size_t>(metric)] =
        &families_->AddHistogram(metric, labels_);
  });
  AddCounters();
}

DeviceSeries::~DeviceSeries() {
  RemoveGauges();
  for (const auto& [metric, counter] : all_counters_) {
    families_->Remove(metric, counter);
  }
  ForEachOf(MetricType::kHistogram, [this](Metric metric) {
    families_->Remove(metric, histograms_[static_cast<size_t>(metric)]);
  });
}

void DeviceSeries::AddGauges() {
  ForEachOf(MetricType::kGauge, [this](Metric metric) {
    if (std::count(std::begin(kHindsightGauges), std::end(kHindsightGauges),
                   metric) > 0) {
      return;
    }
    gauges_[static_cast<size_t>(metric)] =
        &families_->AddGauge(metric, labels_);
  });
  for (size_t l = 0; l < kLeaders; ++l) {
    leaders_[l] = &families_->AddGauge(
        Metric::kPolicyLeader,
        With({{"leader", Text(Name(static_cast<Leader>(l)))}}));
  }
}

void DeviceSeries::AddHindsightGauges() {
  for (const Metric metric : kHindsightGauges) {
    prometheus::Gauge*& gauge = gauges_[static_cast<size_t>(metric)];
    if (gauge == &nowhere_) gauge = &families_->AddGauge(metric, labels_);
  }
}

void DeviceSeries::RemoveGauges() {
  ForEachOf(MetricType::kGauge, [this](Metric metric) {
    prometheus::Gauge*& gauge = gauges_[static_cast<size_t>(metric)];
    if (gauge != &nowhere_) families_->Remove(metric, gauge);
    gauge = &nowhere_;
  });
  for (prometheus::Gauge*& leader : leaders_) {
    if (leader != &nowhere_) families_->Remove(Metric::kPolicyLeader, leader);
    leader = &nowhere_;
  }
  if (policy_ != nullptr) families_->Remove(Metric::kPolicyInfo, policy_);
  policy_ = nullptr;
}

void DeviceSeries::SetPolicy(const std::string& policy,
                             const std::string& mode) {
  if (policy_ != nullptr) families_->Remove(Metric::kPolicyInfo, policy_);
  policy_ = &families_->AddGauge(Metric::kPolicyInfo,
                                 With({{"policy", policy}, {"mode", mode}}));
  policy_->Set(1);
}

void DeviceSeries::SetLeader(std::optional<Leader> leader) {
  for (size_t l = 0; l < kLeaders; ++l) {
    leaders_[l]->Set(leader == static_cast<Leader>(l) ? 1 : 0);
  }
}

prometheus::Labels DeviceSeries::With(prometheus::Labels extra) const {
  extra.insert(labels_.begin(), labels_.end());
  return extra;
}

prometheus::Counter* DeviceSeries::Add(Metric metric,
                                       prometheus::Labels extra) {
  prometheus::Counter* const counter =
      &families_->AddCounter(metric, With(std::move(extra)));
  all_counters_.emplace_back(metric, counter);
  return counter;
}

void DeviceSeries::AddCounters() {
  const auto moved = [this](const char* move, const char* direction) {
    return Add(Metric::kMovedBytes, {{"move", move}, {"direction", direction}});
  };
  bytes_ = {
      .read_hbm = Add(Metric::kReadBytes, {{"tier", "hbm"}}),
      .read_dram = Add(Metric::kReadBytes, {{"tier", "dram"}}),
      .promoted = moved("promoted", "to_hbm"),
      .prefetched = moved("prefetched", "to_hbm"),
      .demoted = moved("demoted", "to_dram"),
      .new_kv_hbm = Add(Metric::kNewKvBytes, {{"tier", "hbm"}}),
      .new_kv_dram = Add(Metric::kNewKvBytes, {{"tier", "dram"}}),
  };
  for (int r = 0; r < kMoveReasons; ++r) {
    for (int o = 0; o < kMoveOutcomes; ++o) {
      moved_blocks_[r][o] =
          Add(Metric::kMovedBlocks,
              {{"reason", Text(Name(static_cast<MoveReason>(r)))},
               {"outcome", Text(Name(static_cast<MoveOutcome>(o)))}});
    }
  }
  for (int o = 0; o < kOrderSources; ++o) {
    left_in_dram_[o] =
        Add(Metric::kLeftInDram,
            {{"order", Text(Name(static_cast<OrderSource>(o)))}});
  }
  for (int c = 0; c < kResyncCauses; ++c) {
    resyncs_[c] = Add(Metric::kResyncs,
                      {{"cause", Text(Name(static_cast<ResyncCause>(c)))}});
  }
  for (int r = 0; r < kDropReasons; ++r) {
    dropped_[r] = Add(Metric::kDroppedMessages,
                      {{"reason", Text(Name(static_cast<DropReason>(r)))}});
  }
}

}  // namespace kvplace
