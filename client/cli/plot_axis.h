// Axes of plots: their range, where their ticks are, and in which unit times
// are told.
//
// Thread-safety: values and pure functions.
#ifndef KVPLACE_CLIENT_CLI_PLOT_AXIS_H_
#define KVPLACE_CLIENT_CLI_PLOT_AXIS_H_

#include <string>
#include <vector>

namespace kvplace {

struct TimeUnit {
  // "s", "ms", "µs" or "ns".
  std::string name;
  double seconds = 1;

  // Four significant digits and the unit: "31.28 ms".
  std::string Format(double seconds_value) const;
};

// The unit in which `largest_seconds` reads best.
TimeUnit UnitFor(double largest_seconds);

struct PlotAxis {
  // low < high, both > 0 where `log`.
  double low = 0;
  double high = 1;
  bool log = false;
  // Within [low, high], rising.
  std::vector<double> ticks;

  // Where `value` is: 0 at low, 1 at high; what is beyond is put at the end.
  double At(double value) const;
  // A tick's label, with as many digits as tell it from its neighbours.
  std::string Label(double tick) const;
};

// Of times per step: as much as [least, most] needs and a little more, not from
// zero. Logarithmic where most is more than kLogRatio times least and
// least > 0. REQUIRES: finite, 0 <= least <= most.
inline constexpr double kLogRatio = 5;
PlotAxis ValueAxis(double least, double most);

// From zero to exactly `most`, of lengths or counts. `whole`: ticks are whole
// numbers. REQUIRES: finite, most >= 0.
PlotAxis FromZeroAxis(double most, bool whole);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_PLOT_AXIS_H_
