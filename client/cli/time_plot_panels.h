// The two panels of a time plot, and what they share. For time_plot.cc only.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_TIME_PLOT_PANELS_H_
#define KVPLACE_CLIENT_CLI_TIME_PLOT_PANELS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/svg_writer.h"
#include "client/cli/time_plot.h"

namespace kvplace {

inline constexpr char kInk[] = "#222222";
inline constexpr char kFaintInk[] = "#555555";
inline constexpr char kGrid[] = "#e4e4e4";

// Of the data; labels are outside of it.
struct PlotArea {
  double left, top, width, height;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

// Sum of the finite values.
double SumOf(const std::vector<double>& values);

// Sum of the roofline's steps, where it is there and more than zero.
std::optional<double> RooflineTotal(const TimePlot& plot);

// The policies, slowest first, so that names stand in the order of the lines.
std::vector<const TimePlot::Policy*> SlowestFirst(const TimePlot& plot);

// "lfu", "belady*".
std::string NameOf(const TimePlot::Policy& policy);

// `text` if it is at most about `width` pixels wide in `font_size`, else its
// beginning and an ellipsis. No renderer is asked: an estimate, on the safe
// side.
std::string Shortened(std::string_view text, double font_size, double width);

// The axes' lines: left and below.
void DrawFrame(const PlotArea& area, SvgWriter& svg);

// Time over steps with its legend, which takes `legend_width` to the right of
// the area.
void DrawLines(const TimePlot& plot, const PlotArea& area, double legend_width,
               SvgWriter& svg);

// Height that DrawBars wants.
double BarsHeight(const TimePlot& plot);
void DrawBars(const TimePlot& plot, const PlotArea& area, SvgWriter& svg);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_TIME_PLOT_PANELS_H_
