#include "client/cli/time_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "client/cli/svg_writer.h"
#include "client/cli/time_plot_panels.h"

namespace kvplace {
namespace {

constexpr double kWidth = 1000;
// Bold letters are wider by about 15%.
constexpr double kTitleSize = 17;
constexpr double kLeft = 140;
constexpr double kDataWidth = 640;
constexpr double kLegendWidth = kWidth - kLeft - kDataWidth - 12;
constexpr double kLinesTop = 92;
constexpr double kLinesHeight = 320;
// Between the panels: an axis with its name, and a heading.
constexpr double kBetween = 100;
// Below the bars: an axis with its name, and the notes.
constexpr double kBelow = 94;

// Names of traces as far as they fit: "bible, handbook and 3 more".
std::string TitleOf(const TimePlot& plot, double font_size, double width) {
  const std::string start = "Time per decode step: ";
  const size_t n = plot.traces.size();
  if (n == 0) return "Time per decode step";
  std::string names;
  std::string best;
  for (size_t i = 0; i < n; ++i) {
    names += (i > 0 ? ", " : "") + plot.traces[i];
    const std::string title =
        start + names +
        (i + 1 < n ? fmt::format(" and {} more", n - i - 1) : "");
    const bool fits = Shortened(title, font_size, width) == title;
    if (fits) best = title;
  }
  if (!best.empty()) return best;
  const std::string more = n > 1 ? fmt::format(" and {} more", n - 1) : "";
  const double rest = 0.6 * font_size * static_cast<double>(more.size());
  return Shortened(start + plot.traces[0], font_size, width - rest) + more;
}

void Heading(const TimePlot& plot, SvgWriter& svg) {
  const std::string title = TitleOf(plot, 1.15 * kTitleSize, kWidth - 48);
  svg.Text("title", title);
  svg.Text("desc",
           "Above: time of each step by policy. Below: total time by policy "
           "and what it is spent on.");
  svg.Element("rect",
              {{"width", "100%"}, {"height", "100%"}, {"fill", "#ffffff"}});
  svg.Text("text", title,
           {{"x", 24.0},
            {"y", 32.0},
            {"font-size", kTitleSize},
            {"font-weight", "bold"},
            {"fill", kInk}});
  svg.Text(
      "text", Shortened(plot.setting, 12.5, kWidth - 48),
      {{"x", 24.0}, {"y", 53.0}, {"font-size", 12.5}, {"fill", kFaintInk}});
}

void PanelHeading(std::string_view text, const PlotArea& area, SvgWriter& svg) {
  svg.Text("text", text,
           {{"x", area.left},
            {"y", area.top - 10},
            {"font-size", 13.0},
            {"font-weight", "bold"},
            {"fill", kInk}});
}

void Notes(const TimePlot& plot, double top, SvgWriter& svg) {
  std::vector<std::string> notes = {
      "Migration: time that a phase would not take without its promotions, "
      "prefetches and demotions. The rest of a phase counts for the memory "
      "that limits it."};
  std::string more;
  if (RooflineTotal(plot)) {
    more =
        "Roofline: no placement can be faster phase by phase; \u00d7 is "
        "time over roofline. ";
  }
  if (std::any_of(plot.policies.begin(), plot.policies.end(),
                  [](const auto& p) { return p.clairvoyant; })) {
    more += "* knows the future.";
  }
  if (!more.empty()) notes.push_back(more);
  for (size_t i = 0; i < notes.size(); ++i) {
    svg.Text("text", notes[i],
             {{"x", 24.0},
              {"y", top + 15 * static_cast<double>(i)},
              {"font-size", 11.0},
              {"fill", kFaintInk}});
  }
}

}  // namespace

double TimePlot::Policy::total_seconds() const {
  return breakdown.hbm.value() + breakdown.dram.value() +
         breakdown.migration.value();
}

size_t TimePlot::steps() const {
  size_t steps = 0;
  for (const Policy& policy : policies) {
    steps = std::max(steps, policy.step_seconds.size());
  }
  for (const auto* bound :
       {&roofline_step_seconds, &hindsight_upper_step_seconds}) {
    if (*bound) steps = std::max(steps, (*bound)->size());
  }
  return steps;
}

double SumOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    if (std::isfinite(value)) sum += value;
  }
  return sum;
}

std::optional<double> RooflineTotal(const TimePlot& plot) {
  if (!plot.roofline_step_seconds) return std::nullopt;
  const double total = SumOf(*plot.roofline_step_seconds);
  return total > 0 ? std::optional(total) : std::nullopt;
}

std::vector<const TimePlot::Policy*> SlowestFirst(const TimePlot& plot) {
  std::vector<std::pair<double, const TimePlot::Policy*>> by_time;
  for (const TimePlot::Policy& policy : plot.policies) {
    by_time.emplace_back(SumOf(policy.step_seconds), &policy);
  }
  std::stable_sort(
      by_time.begin(), by_time.end(),
      [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<const TimePlot::Policy*> order;
  for (const auto& [time, policy] : by_time) order.push_back(policy);
  return order;
}

std::string NameOf(const TimePlot::Policy& policy) {
  return policy.name + (policy.clairvoyant ? "*" : "");
}

std::string Shortened(std::string_view text, double font_size, double width) {
  // Half an em is the mean of Latin letters in these fonts, or more; others may
  // take a whole one.
  constexpr double kLatin = 0.56;
  double used = 0;
  size_t fits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xC0) == 0x80) continue;
    if (used + font_size <= width) fits = i;
    used += font_size * (byte < 0xE0 ? kLatin : 1);
  }
  if (used <= width) return std::string(text);
  return std::string(text.substr(0, fits)) + "\u2026";
}

void DrawFrame(const PlotArea& area, SvgWriter& svg) {
  svg.Element("path",
              {{"d", fmt::format("M{} {}V{}H{}", SvgNumber(area.left),
                                 SvgNumber(area.top), SvgNumber(area.bottom()),
                                 SvgNumber(area.right()))},
               {"fill", "none"},
               {"stroke", kInk}});
}

void WriteSvg(const TimePlot& plot, std::ostream& out) {
  const PlotArea lines{kLeft, kLinesTop, kDataWidth, kLinesHeight};
  const PlotArea bars{kLeft, lines.bottom() + kBetween, kDataWidth,
                      BarsHeight(plot)};
  SvgWriter svg(out, kWidth, bars.bottom() + kBelow);
  Heading(plot, svg);
  PanelHeading("(a) Time per step", lines, svg);
  DrawLines(plot, lines, kLegendWidth, svg);
  PanelHeading("(b) Where the time goes", bars, svg);
  DrawBars(plot, bars, svg);
  Notes(plot, bars.bottom() + 62, svg);
}

}  // namespace kvplace
