#include "client/cli/plot_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvplace {
namespace {

constexpr int kMostTicks = 8;
constexpr double kSmallest = std::numeric_limits<double>::min();
constexpr double kLargest = std::numeric_limits<double>::max();

// The least of 1, 2, 5 times a power of ten that cuts `range` into at most
// kMostTicks parts.
double NiceStep(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / kMostTicks)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (range / (digit * power) <= kMostTicks) return digit * power;
  }
  return 10 * power;
}

std::vector<double> LinearTicks(double low, double high, double step) {
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double n = std::ceil((low - slack) / step); n * step <= high + slack;
       ++n) {
    ticks.push_back(n == 0 ? 0 : n * step);  // Never -0.
  }
  return ticks;
}

std::vector<double> LogTicks(double low, double high) {
  const double decades = std::log10(high) - std::log10(low);
  static const std::vector<double> kFine = {1, 1.5, 2, 3, 4, 5, 7};
  static const std::vector<double> kMiddle = {1, 2, 5};
  static const std::vector<double> kCoarse = {1};
  const std::vector<double>& digits = decades < 1.2 ? kFine
                                      : decades < 3 ? kMiddle
                                                    : kCoarse;
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / 10)));
  std::vector<double> ticks;
  const int first = static_cast<int>(std::floor(std::log10(low)));
  for (int e = first; e <= first + decades + 1; e += stride) {
    for (const double digit : digits) {
      const double tick = digit * std::pow(10, e);
      if (tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  return ticks;
}

}  // namespace

std::string TimeUnit::Format(double seconds_value) const {
  const double value = seconds_value / seconds;
  // Digits after the point that make four in all.
  const double rounded_up = value * 1.00005;
  const double magnitude =
      rounded_up >= 1 ? std::floor(std::log10(rounded_up)) : 0;
  const int decimals = std::clamp(3 - static_cast<int>(magnitude), 0, 3);
  return fmt::format("{:.{}f} {}", value, decimals, name);
}

TimeUnit UnitFor(double largest_seconds) {
  if (largest_seconds >= 10) return {"s", 1};
  if (largest_seconds >= 1e-2) return {"ms", 1e-3};
  if (largest_seconds >= 1e-5) return {"\u00b5s", 1e-6};
  return {"ns", 1e-9};
}

double PlotAxis::At(double value) const {
  const double share =
      log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low))
          : (value - low) / (high - low);
  // A value <= 0 has no logarithm: the low end.
  return std::isnan(share) ? 0 : std::clamp(share, 0.0, 1.0);
}

std::string PlotAxis::Label(double tick) const {
  // Six digits are enough: ticks are few digits times a power of ten. No
  // scientific notation before 1e6.
  return fmt::format("{:.6g}", tick);
}

PlotAxis ValueAxis(double least, double most) {
  PlotAxis axis;
  if (most <= 0) {
    axis.ticks = {0, 1};
    return axis;
  }
  axis.log = least > 0 && most / least > kLogRatio;
  if (axis.log) {
    // Of any range: the ratio itself might overflow.
    const double margin = 0.04 * (std::log(most) - std::log(least));
    axis.low = std::max(least * std::exp(-margin), kSmallest);
    axis.high = std::min(most * std::exp(margin), kLargest);
    axis.ticks = LogTicks(axis.low, axis.high);
    return axis;
  }
  // Flat data gets a range, too.
  const double margin = std::max(0.06 * (most - least), 0.02 * most);
  axis.low = std::max(0.0, least - margin);
  axis.high = most + margin;
  axis.ticks = LinearTicks(axis.low, axis.high, NiceStep(axis.high - axis.low));
  return axis;
}

PlotAxis FromZeroAxis(double most, bool whole) {
  PlotAxis axis;
  axis.high = most > 0 ? most : 1;
  double step = NiceStep(axis.high);
  if (whole) step = std::max(1.0, step);
  axis.ticks = LinearTicks(0, axis.high, step);
  return axis;
}

}  // namespace kvplace
