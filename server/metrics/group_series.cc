#include "server/metrics/group_series.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {

GroupSeries::GroupSeries(MetricFamilies* families, prometheus::Labels device,
                         uint32_t groups, uint32_t max_rows)
    : families_(families), device_(std::move(device)), groups_(groups) {
  const uint32_t width = (groups + max_rows - 1) / max_rows;
  for (uint32_t first = 0; first < groups; first += width) {
    Row row{.first = first, .end = std::min(first + width, groups)};
    const prometheus::Labels labels = LabelsOf(row);
    row.reads = &families_->AddCounter(Metric::kGroupReadBlocks, labels);
    row.misses = &families_->AddCounter(Metric::kGroupMissedBlocks, labels);
    rows_.push_back(row);
  }
}

GroupSeries::~GroupSeries() {
  RemovePrices();
  for (const Row& row : rows_) {
    families_->Remove(Metric::kGroupReadBlocks, row.reads);
    families_->Remove(Metric::kGroupMissedBlocks, row.misses);
  }
}

// "07", or "06-07": as many digits everywhere, so that text sorts as numbers.
prometheus::Labels GroupSeries::LabelsOf(const Row& row) const {
  const size_t digits = absl::StrCat(groups_ - 1).size();
  const auto number = [digits](uint32_t group) {
    const std::string text = absl::StrCat(group);
    return std::string(digits - text.size(), '0') + text;
  };
  std::string name = number(row.first);
  if (row.end - row.first > 1) absl::StrAppend(&name, "-", number(row.end - 1));
  prometheus::Labels labels = device_;
  labels.emplace("group", std::move(name));
  return labels;
}

void GroupSeries::Count(absl::Span<const GroupAccount> groups) {
  for (const Row& row : rows_) {
    GroupAccount sum;
    for (uint32_t g = row.first; g < row.end; ++g) {
      sum.reads += groups[g].reads;
      sum.misses += groups[g].misses;
    }
    row.reads->Increment(static_cast<double>(sum.reads));
    row.misses->Increment(static_cast<double>(sum.misses));
  }
}

void GroupSeries::SetPrices(const GroupPrices& prices) {
  for (Row& row : rows_) {
    double sum = 0;
    for (uint32_t g = row.first; g < row.end; ++g) {
      sum += prices.theta(GroupId(g));
    }
    if (row.theta == nullptr) {
      row.theta = &families_->AddGauge(Metric::kGroupTheta, LabelsOf(row));
    }
    row.theta->Set(sum / (row.end - row.first));
  }
}

void GroupSeries::RemovePrices() {
  for (Row& row : rows_) {
    if (row.theta == nullptr) continue;
    families_->Remove(Metric::kGroupTheta, row.theta);
    row.theta = nullptr;
  }
}

}  // namespace kvplace
