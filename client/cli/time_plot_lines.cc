// Panel (a): time per step.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "client/cli/plot_axis.h"
#include "client/cli/plot_series.h"
#include "client/cli/time_plot_panels.h"

namespace kvplace {
namespace {

struct LineStyle {
  const char* colour;
  const char* dash;
  double width = 1.6;
};

// Okabe and Ito's colours and darker ones of Tol's: told apart by people with
// any colour vision, and with the dashes without colour, too. Greys are left to
// the bounds.
constexpr const char* kColours[] = {"#56b4e9", "#e69f00", "#8c510a", "#0072b2",
                                    "#d55e00", "#cc79a7", "#009e73", "#332288",
                                    "#882255", "#999933", "#117733"};
constexpr const char* kDashes[] = {"none", "7 2.5", "2.2 2.2", "9 2.5 2.2 2.5"};

LineStyle StyleOf(size_t n) {
  return {kColours[n % std::size(kColours)],
          kDashes[(n + n / std::size(kColours)) % std::size(kDashes)]};
}

constexpr LineStyle kRoofline{"#000000", "none", 1.2};
constexpr LineStyle kUpper{"#777777", "none", 1.6};
constexpr LineStyle kLower{"#000000", "6 4", 1.2};

struct Line {
  std::string name;
  LineStyle style;
  // In the axis' unit.
  std::vector<PlotPoint> points;
};

class LinesPanel {
 public:
  LinesPanel(const TimePlot& plot, const PlotArea& area, SvgWriter& svg)
      : plot_(plot),
        area_(area),
        svg_(svg),
        bucket_(BucketSteps(plot.steps(), kMostPlotPoints)) {}

  void Draw(double legend_width) {
    Collect();
    MakeAxes();
    Frame();
    if (bucket_ > 1) {
      for (const Line& line : lines_) Band(line);
    }
    for (const Line& line : lines_) Curve(line);
    Lower();
    Legend(legend_width);
  }

 private:
  void Collect() {
    const auto add = [&](const std::string& name, LineStyle style,
                         const std::vector<double>& seconds) {
      lines_.push_back({name, style, Buckets(seconds, bucket_)});
    };
    for (const TimePlot::Policy* policy : SlowestFirst(plot_)) {
      add(NameOf(*policy), StyleOf(policy->style), policy->step_seconds);
    }
    if (plot_.hindsight_upper_step_seconds) {
      add("hindsight schedule", kUpper, *plot_.hindsight_upper_step_seconds);
    }
    if (plot_.roofline_step_seconds) {
      add("roofline", kRoofline, *plot_.roofline_step_seconds);
    }
    if (plot_.hindsight_lower_seconds && plot_.steps() > 0) {
      lower_ =
          *plot_.hindsight_lower_seconds / static_cast<double>(plot_.steps());
      if (!std::isfinite(lower_)) lower_ = 0;
    }
  }

  // The range of what is drawn, zeros aside where there is more.
  void MakeAxes() {
    double least = lower_ > 0 ? lower_ : HUGE_VAL;
    double most = lower_;
    for (const Line& line : lines_) {
      for (const PlotPoint& point : line.points) {
        if (!std::isfinite(point.median)) continue;
        most = std::max(most, point.most);
        if (point.least > 0) least = std::min(least, point.least);
      }
    }
    unit_ = UnitFor(most);
    for (Line& line : lines_) {
      for (PlotPoint& point : line.points) {
        for (double* value : {&point.median, &point.least, &point.most}) {
          *value /= unit_.seconds;
        }
      }
    }
    values_ =
        ValueAxis(std::min(least, most) / unit_.seconds, most / unit_.seconds);
    if (plot_.steps() > 1) {
      steps_ = FromZeroAxis(static_cast<double>(plot_.steps() - 1), true);
    } else {
      // One dot in the middle.
      steps_ = {-1, 1, false, {0}};
    }
  }

  double X(double step) const {
    return area_.left + steps_.At(step) * area_.width;
  }
  double Y(double value) const {
    return area_.bottom() - values_.At(value) * area_.height;
  }

  void Frame() {
    svg_.Open("g", {{"font-size", 11.0}, {"fill", kInk}});
    for (const double tick : values_.ticks) {
      svg_.Element("line", {{"x1", area_.left},
                            {"x2", area_.right()},
                            {"y1", Y(tick)},
                            {"y2", Y(tick)},
                            {"stroke", kGrid}});
      svg_.Text(
          "text", values_.Label(tick),
          {{"x", area_.left - 8}, {"y", Y(tick) + 4}, {"text-anchor", "end"}});
    }
    for (const double tick : steps_.ticks) {
      svg_.Element("line", {{"x1", X(tick)},
                            {"x2", X(tick)},
                            {"y1", area_.bottom()},
                            {"y2", area_.bottom() + 4},
                            {"stroke", kInk}});
      svg_.Text("text", steps_.Label(tick),
                {{"x", X(tick)},
                 {"y", area_.bottom() + 17},
                 {"text-anchor", "middle"}});
    }
    DrawFrame(area_, svg_);
    svg_.Close();
    AxisNames();
  }

  void AxisNames() {
    const double x = area_.left - 66;
    const double y = area_.top + area_.height / 2;
    svg_.Text("text",
              fmt::format("Time per step ({}{})", unit_.name,
                          values_.log ? ", log scale" : ""),
              {{"transform", fmt::format("translate({} {}) rotate(-90)",
                                         SvgNumber(x), SvgNumber(y))},
               {"text-anchor", "middle"},
               {"font-size", 12.5},
               {"fill", kInk}});
    std::string name = "Step";
    if (bucket_ > 1) {
      name += fmt::format(
          " (lines: median of each {} steps; bands: least to most)", bucket_);
    }
    svg_.Text("text", name,
              {{"x", area_.left + area_.width / 2},
               {"y", area_.bottom() + 37},
               {"text-anchor", "middle"},
               {"font-size", 12.5},
               {"fill", kInk}});
    if (plot_.steps() == 0) {
      svg_.Text("text", "no steps",
                {{"x", area_.left + area_.width / 2},
                 {"y", y},
                 {"text-anchor", "middle"},
                 {"font-size", 13.0},
                 {"fill", kFaintInk}});
    }
  }

  bool Drawable(const PlotPoint& point) const {
    return std::isfinite(point.median) && (!values_.log || point.median > 0);
  }

  // Calls run(first, end) for each longest run of points that can be drawn.
  template <typename Run>
  void EachRun(const Line& line, Run run) const {
    const auto& points = line.points;
    for (size_t i = 0; i < points.size(); ++i) {
      if (!Drawable(points[i])) continue;
      const size_t first = i;
      while (i < points.size() && Drawable(points[i])) ++i;
      run(first, i);
    }
  }

  std::string Coordinates(double step, double value) const {
    return SvgNumber(X(step)) + "," + SvgNumber(Y(value));
  }

  void Band(const Line& line) {
    EachRun(line, [&](size_t first, size_t end) {
      std::string outline;
      for (size_t i = first; i < end; ++i) {
        outline += Coordinates(line.points[i].step, line.points[i].most) + " ";
      }
      for (size_t i = end; i-- > first;) {
        outline += Coordinates(line.points[i].step, line.points[i].least) + " ";
      }
      outline.pop_back();
      svg_.Element("polygon", {{"points", outline},
                               {"fill", line.style.colour},
                               {"fill-opacity", 0.13}});
    });
  }

  void Curve(const Line& line) {
    svg_.Open("g", {{"class", "line"},
                    {"fill", "none"},
                    {"stroke", line.style.colour},
                    {"stroke-width", line.style.width},
                    {"stroke-linejoin", "round"}});
    svg_.Text("title", line.name);
    EachRun(line, [&](size_t first, size_t end) {
      if (end - first == 1) {
        svg_.Element("circle", {{"cx", X(line.points[first].step)},
                                {"cy", Y(line.points[first].median)},
                                {"r", 2.5},
                                {"fill", line.style.colour}});
        return;
      }
      std::string points;
      for (size_t i = first; i < end; ++i) {
        if (i > first) points += " ";
        points += Coordinates(line.points[i].step, line.points[i].median);
      }
      svg_.Element("polyline",
                   {{"points", points}, {"stroke-dasharray", line.style.dash}});
    });
    svg_.Close();
  }

  void Lower() {
    if (lower_ <= 0) return;
    const double y = Y(lower_ / unit_.seconds);
    svg_.Element("line", {{"class", "lower"},
                          {"x1", area_.left},
                          {"x2", area_.right()},
                          {"y1", y},
                          {"y2", y},
                          {"stroke", kLower.colour},
                          {"stroke-width", kLower.width},
                          {"stroke-dasharray", kLower.dash}});
  }

  void Legend(double width) {
    std::vector<std::pair<std::string, LineStyle>> entries;
    for (const Line& line : lines_) entries.emplace_back(line.name, line.style);
    if (lower_ > 0) {
      // Above the roofline, as in the picture.
      entries.insert(entries.end() - (plot_.roofline_step_seconds ? 1 : 0),
                     {"certified bound (mean)", kLower});
    }
    const double pitch = std::min(
        20.0, area_.height /
                  std::max<double>(1, static_cast<double>(entries.size())));
    const double x = area_.right() + 16;
    constexpr double kSample = 34;
    svg_.Open("g", {{"class", "legend"}, {"font-size", 12.0}, {"fill", kInk}});
    for (size_t i = 0; i < entries.size(); ++i) {
      const auto& [name, style] = entries[i];
      const double y = area_.top + pitch * (static_cast<double>(i) + 0.5);
      svg_.Element("line", {{"x1", x},
                            {"x2", x + kSample},
                            {"y1", y},
                            {"y2", y},
                            {"stroke", style.colour},
                            {"stroke-width", style.width + 0.4},
                            {"stroke-dasharray", style.dash}});
      svg_.Text("text", Shortened(name, 12, width - 16 - kSample - 8),
                {{"x", x + kSample + 8}, {"y", y + 4}});
    }
    svg_.Close();
  }

  const TimePlot& plot_;
  const PlotArea area_;
  SvgWriter& svg_;
  const size_t bucket_;
  std::vector<Line> lines_;
  // Seconds; 0: none.
  double lower_ = 0;
  TimeUnit unit_;
  PlotAxis values_, steps_;
};

}  // namespace

void DrawLines(const TimePlot& plot, const PlotArea& area, double legend_width,
               SvgWriter& svg) {
  LinesPanel(plot, area, svg).Draw(legend_width);
}

}  // namespace kvplace
