// Panel (b): total time by policy, and what it is made of.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "client/cli/plot_axis.h"
#include "client/cli/time_plot_panels.h"

namespace kvplace {
namespace {

constexpr double kRow = 23;
constexpr double kBar = 15;

struct Part {
  const char* name;
  const char* fill;
};
// Dark, light and hatched: told apart in print without colour, too.
constexpr Part kParts[] = {{"HBM-bound", "#2f5d8c"},
                           {"DRAM-bound", "#f0b65a"},
                           {"migration", "url(#migration)"}};

struct Row {
  std::string name;
  // Policies: seconds by part. Bounds: a frame of `total`.
  std::vector<double> parts;
  double total = 0;
};

double OrZero(double value) {
  return std::isfinite(value) && value > 0 ? value : 0;
}

std::vector<Row> RowsOf(const TimePlot& plot) {
  std::vector<Row> rows;
  for (const TimePlot::Policy* policy : SlowestFirst(plot)) {
    Row row;
    row.name = NameOf(*policy);
    const TimeBreakdown& b = policy->breakdown;
    for (const Seconds part : {b.hbm, b.dram, b.migration}) {
      row.parts.push_back(OrZero(part.value()));
      row.total += row.parts.back();
    }
    rows.push_back(std::move(row));
  }
  if (plot.hindsight_upper_step_seconds) {
    rows.push_back(
        {"hindsight schedule", {}, SumOf(*plot.hindsight_upper_step_seconds)});
  }
  if (plot.hindsight_lower_seconds) {
    rows.push_back(
        {"certified bound", {}, OrZero(*plot.hindsight_lower_seconds)});
  }
  if (plot.roofline_step_seconds) {
    rows.push_back({"roofline", {}, SumOf(*plot.roofline_step_seconds)});
  }
  return rows;
}

class BarsPanel {
 public:
  BarsPanel(const TimePlot& plot, const PlotArea& area, SvgWriter& svg)
      : area_(area),
        svg_(svg),
        steps_(plot.steps()),
        rows_(RowsOf(plot)),
        roofline_(RooflineTotal(plot)) {
    double most = 0;
    for (const Row& row : rows_) most = std::max(most, row.total);
    unit_ = UnitFor(most);
    axis_ = FromZeroAxis(most / unit_.seconds, false);
  }

  void Draw() {
    Hatch();
    Legend();
    Axis();
    svg_.Open("g", {{"class", "bars"}, {"font-size", 12.0}, {"fill", kInk}});
    for (size_t i = 0; i < rows_.size(); ++i) {
      Bar(rows_[i], area_.top + kRow * (static_cast<double>(i) + 0.5));
    }
    svg_.Close();
  }

 private:
  double X(double seconds) const {
    return area_.left + axis_.At(seconds / unit_.seconds) * area_.width;
  }

  void Hatch() {
    svg_.Open("defs");
    svg_.Open("pattern", {{"id", "migration"},
                          {"width", 5.0},
                          {"height", 5.0},
                          {"patternUnits", "userSpaceOnUse"},
                          {"patternTransform", "rotate(45)"}});
    svg_.Element("rect",
                 {{"width", 5.0}, {"height", 5.0}, {"fill", "#ffffff"}});
    svg_.Element("rect",
                 {{"width", 2.5}, {"height", 5.0}, {"fill", "#b03a2e"}});
    svg_.Close();
    svg_.Close();
  }

  void Legend() {
    double x = area_.right() - 322;
    const double y = area_.top - 14;
    svg_.Open("g", {{"class", "legend"}, {"font-size", 12.0}, {"fill", kInk}});
    for (const Part& part : kParts) {
      svg_.Element("rect", {{"x", x},
                            {"y", y - 6},
                            {"width", 20.0},
                            {"height", 11.0},
                            {"fill", part.fill},
                            {"stroke", kInk},
                            {"stroke-width", 0.5}});
      svg_.Text("text", part.name, {{"x", x + 26}, {"y", y + 4}});
      x += 118;
    }
    svg_.Close();
  }

  void Axis() {
    svg_.Open("g", {{"font-size", 11.0}, {"fill", kInk}});
    for (const double tick : axis_.ticks) {
      const double x = X(tick * unit_.seconds);
      svg_.Element("line", {{"x1", x},
                            {"x2", x},
                            {"y1", area_.top},
                            {"y2", area_.bottom()},
                            {"stroke", kGrid}});
      svg_.Text(
          "text", axis_.Label(tick),
          {{"x", x}, {"y", area_.bottom() + 16}, {"text-anchor", "middle"}});
    }
    DrawFrame(area_, svg_);
    svg_.Text("text",
              fmt::format("Total of {} step{} ({})", steps_,
                          steps_ == 1 ? "" : "s", unit_.name),
              {{"x", area_.left + area_.width / 2},
               {"y", area_.bottom() + 35},
               {"text-anchor", "middle"},
               {"font-size", 12.5},
               {"fill", kInk}});
    svg_.Close();
  }

  void Bar(const Row& row, double y) {
    svg_.Open("g", {{"class", "bar"}});
    svg_.Text("text", Shortened(row.name, 12, area_.left - 16),
              {{"x", area_.left - 8}, {"y", y + 4}, {"text-anchor", "end"}});
    double start = 0;
    for (size_t i = 0; i < row.parts.size(); ++i) {
      const double end = start + row.parts[i];
      if (row.parts[i] > 0) Rectangle(start, end, y, kParts[i].fill);
      start = end;
    }
    if (row.parts.empty() && row.total > 0) {
      Rectangle(0, row.total, y, "#ffffff");
    }
    std::string numbers = unit_.Format(row.total);
    if (roofline_) {
      numbers += fmt::format(" ({:.2f}\u00d7)", row.total / *roofline_);
    }
    svg_.Text("text", numbers, {{"x", X(row.total) + 7}, {"y", y + 4}});
    svg_.Close();
  }

  void Rectangle(double start, double end, double y, const char* fill) {
    svg_.Element("rect", {{"x", X(start)},
                          {"y", y - kBar / 2},
                          {"width", X(end) - X(start)},
                          {"height", kBar},
                          {"fill", fill},
                          {"stroke", kInk},
                          {"stroke-width", 0.5}});
  }

  const PlotArea area_;
  SvgWriter& svg_;
  const size_t steps_;
  const std::vector<Row> rows_;
  const std::optional<double> roofline_;
  TimeUnit unit_;
  PlotAxis axis_;
};

}  // namespace

double BarsHeight(const TimePlot& plot) {
  return kRow * static_cast<double>(std::max<size_t>(1, RowsOf(plot).size()));
}

void DrawBars(const TimePlot& plot, const PlotArea& area, SvgWriter& svg) {
  BarsPanel(plot, area, svg).Draw();
}

}  // namespace kvplace
