#include "client/cli/plot_series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvplace {
namespace {

PlotPoint PointOf(std::span<const double> values, double step) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> finite;
  for (const double value : values) {
    if (std::isfinite(value)) finite.push_back(value);
  }
  if (finite.empty()) return {step, kNone, kNone, kNone};
  std::sort(finite.begin(), finite.end());
  const size_t n = finite.size();
  const double median = finite[(n - 1) / 2] / 2 + finite[n / 2] / 2;
  return {step, median, finite.front(), finite.back()};
}

}  // namespace

size_t BucketSteps(size_t steps, size_t most_points) {
  return std::max<size_t>(1, (steps + most_points - 1) / most_points);
}

std::vector<PlotPoint> Buckets(std::span<const double> values,
                               size_t bucket_steps) {
  std::vector<PlotPoint> points;
  for (size_t first = 0; first < values.size(); first += bucket_steps) {
    const size_t count = std::min(bucket_steps, values.size() - first);
    const double middle =
        static_cast<double>(first) + static_cast<double>(count - 1) / 2;
    points.push_back(PointOf(values.subspan(first, count), middle));
  }
  return points;
}

}  // namespace kvplace
