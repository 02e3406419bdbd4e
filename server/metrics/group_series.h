// The series of one device's layer groups. A device with more groups than rows
// counts neighbours together, as many in each row but the last: the series stay
// bounded, and no layer is left out.
//
// Counters live as long as this object; the gauges of prices come with the
// first price and go with RemovePrices.
//
// Thread-safety: one thread at a time. An event costs atomic adds per row; no
// lookup, and no allocation but for the first price.
#ifndef KVPLACE_SERVER_METRICS_GROUP_SERIES_H_
#define KVPLACE_SERVER_METRICS_GROUP_SERIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/labels.h"
#include "server/core/metrics_sink.h"
#include "server/metrics/metric_families.h"

namespace kvplace {

class GroupSeries {
 public:
  // `device`: the labels of the device. REQUIRES: groups, max_rows >= 1.
  GroupSeries(MetricFamilies* families, prometheus::Labels device,
              uint32_t groups, uint32_t max_rows);
  // Removes every series.
  ~GroupSeries();
  GroupSeries(const GroupSeries&) = delete;
  GroupSeries& operator=(const GroupSeries&) = delete;

  uint32_t groups() const { return groups_; }

  // REQUIRES: one entry per group.
  void Count(absl::Span<const GroupAccount> groups);
  // A row has the mean of its groups. REQUIRES: prices of `groups()` groups.
  void SetPrices(const GroupPrices& prices);
  void RemovePrices();

 private:
  struct Row {
    uint32_t first, end;  // groups
    prometheus::Counter* reads;
    prometheus::Counter* misses;
    prometheus::Gauge* theta;  // null while there are no prices
  };
  prometheus::Labels LabelsOf(const Row& row) const;

  MetricFamilies* const families_;
  const prometheus::Labels device_;
  const uint32_t groups_;
  std::vector<Row> rows_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_METRICS_GROUP_SERIES_H_
