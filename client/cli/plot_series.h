// A value per step, made few enough to draw without hiding what it did.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_PLOT_SERIES_H_
#define KVPLACE_CLIENT_CLI_PLOT_SERIES_H_

#include <cstddef>
#include <span>
#include <vector>

namespace kvplace {

// Stands for one step, or for a bucket of neighbouring ones.
struct PlotPoint {
  // Mean of the steps.
  double step = 0;
  // Median (of an even number, the mean of the middle two), least and most of
  // the bucket's finite values; all NaN where it has none.
  double median = 0;
  double least = 0;
  double most = 0;
};

// Steps per bucket so that there are at most `most_points`; 1: no buckets.
size_t BucketSteps(size_t steps, size_t most_points);

// Buckets of `bucket_steps` >= 1 steps, the last may have fewer. A mean was
// rejected: one step of a hundred times the usual would lift its bucket and
// not be seen for what it is; with the median it is the band that shows it.
std::vector<PlotPoint> Buckets(std::span<const double> values,
                               size_t bucket_steps);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_PLOT_SERIES_H_
