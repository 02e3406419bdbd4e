// Time plots by their structure: what must be in the picture, and that every
// input makes one. How it looks is for people;
// tests/integration/simulate_plot_test.py reads it with an XML parser.
#include "client/cli/time_plot.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "client/cli/time_plot_panels.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string Svg(const TimePlot& plot) {
  std::ostringstream out;
  WriteSvg(plot, out);
  // For people who want to look: KVPLACE_PLOT_DIR=/tmp time_plot_test.
  if (const char* folder = std::getenv("KVPLACE_PLOT_DIR")) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::ofstream(std::string(folder) + "/" + test->name() + ".svg")
        << out.str();
  }
  return out.str();
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// Points of every polyline, in order.
std::vector<size_t> Points(const std::string& svg) {
  const std::string opening = "<polyline points=\"";
  std::vector<size_t> counts;
  for (size_t at = svg.find(opening); at != std::string::npos;
       at = svg.find(opening, at)) {
    at += opening.size();
    counts.push_back(Count(svg.substr(at, svg.find('"', at) - at), ","));
  }
  return counts;
}

void ExpectSane(const std::string& svg) {
  EXPECT_THAT(svg, Not(ContainsRegex("[^a-z](-?nan|-?inf)[^a-z]")));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("href")));
  EXPECT_EQ(Count(svg, "<g"), Count(svg, "</g>"));
  EXPECT_THAT(svg, HasSubstr("fill=\"#ffffff\""));
}

TimePlot::Policy Steady(const std::string& name, size_t style, double each,
                        size_t steps) {
  TimePlot::Policy policy;
  policy.name = name;
  policy.style = style;
  for (size_t i = 0; i < steps; ++i) {
    policy.step_seconds.push_back(
        each * (1 + 0.1 * std::sin(static_cast<double>(i + style))));
  }
  const double total = SumOf(policy.step_seconds);
  policy.breakdown = {Seconds(total * 0.5), Seconds(total * 0.3),
                      Seconds(total * 0.2)};
  return policy;
}

TimePlot FullPlot(size_t steps) {
  TimePlot plot;
  plot.traces = {"bible", "handbook"};
  plot.setting = "paper-gh200, inclusive, HBM 1 GB (20.0% of peak KV)";
  const char* names[] = {"static",
                         "reactive-layer",
                         "reactive-page",
                         "lru",
                         "lfu",
                         "lookahead-1",
                         "balanced",
                         "slack-oracle",
                         "annealed-oracle",
                         "belady",
                         "shadow-price"};
  for (size_t i = 0; i < 11; ++i) {
    plot.policies.push_back(Steady(
        names[i], i, 1e-4 * (1 + 2.0 / static_cast<double>(i + 1)), steps));
    plot.policies.back().clairvoyant = i >= 7 && i < 10;
  }
  plot.roofline_step_seconds = std::vector<double>(steps, 0.8e-4);
  plot.hindsight_lower_seconds = 0.9e-4 * static_cast<double>(steps);
  plot.hindsight_upper_step_seconds = Steady("", 3, 1.0e-4, steps).step_seconds;
  return plot;
}

TEST(TimePlot, ShowsEverythingThatIsThere) {
  const TimePlot plot = FullPlot(120);
  const std::string svg = Svg(plot);
  ExpectSane(svg);
  for (const TimePlot::Policy& policy : plot.policies) {
    // Its line, its legend, its bar.
    EXPECT_EQ(Count(svg, ">" + NameOf(policy) + "<"), 3u) << policy.name;
  }
  for (const char* text :
       {"Time per decode step: bible, handbook", "paper-gh200, inclusive",
        ">certified bound (mean)<", ">hindsight schedule<", ">roofline<",
        "Time per step (\u00b5s)", ">Step<", "Total of 120 steps (ms)",
        "HBM-bound", "DRAM-bound", "migration", "* knows the future"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
  EXPECT_THAT(Points(svg),
              ::testing::ElementsAreArray(std::vector<size_t>(13, 120)));
  EXPECT_EQ(Count(svg, "class=\"lower\""), 1u);
  EXPECT_EQ(Count(svg, "class=\"bar\""), 14u);
  EXPECT_EQ(Count(svg, "<polygon"), 0u);
  EXPECT_EQ(svg, Svg(plot)) << "the same plot gives the same bytes";
}

TEST(TimePlot, NumbersAtTheEndsOfBars) {
  TimePlot plot;
  TimePlot::Policy policy;
  policy.name = "lru";
  policy.step_seconds = {0.02, 0.03};
  policy.breakdown = {Seconds(0.025), Seconds(0.015), Seconds(0.01)};
  plot.policies = {policy};
  EXPECT_THAT(Svg(plot),
              AllOf(HasSubstr(">50.00 ms<"), Not(HasSubstr("roofline"))));
  plot.roofline_step_seconds = {0.02, 0.02};
  const std::string svg = Svg(plot);
  EXPECT_THAT(svg, AllOf(HasSubstr(">50.00 ms (1.25\u00d7)<"),
                         HasSubstr(">40.00 ms (1.00\u00d7)<")));
  // Half of 640 pixels, then three tenths, then a fifth.
  EXPECT_THAT(svg, ContainsRegex("x=\"140\" y=\"[0-9.]+\" width=\"320\" "
                                 "height=\"15\" fill=\"#2f5d8c\""));
  EXPECT_THAT(svg, ContainsRegex("x=\"460\" y=\"[0-9.]+\" width=\"192\" "
                                 "height=\"15\" fill=\"#f0b65a\""));
  EXPECT_THAT(svg, ContainsRegex("x=\"652\" y=\"[0-9.]+\" width=\"128\" "
                                 "height=\"15\" fill=\"url.#migration.\""));
}

TEST(TimePlot, LinesOfOneStyleLookAlikeInEveryPlot) {
  TimePlot plot = FullPlot(20);
  const auto style = [](const std::string& svg, const std::string& name) {
    const size_t end = svg.find("<title>" + name + "<");
    const size_t start = svg.rfind("stroke=\"", end);
    return svg.substr(start, 16);
  };
  const std::string all = style(Svg(plot), "lfu");
  plot.policies = {plot.policies[4]};
  EXPECT_EQ(style(Svg(plot), "lfu"), all);
}

TEST(TimePlot, ManyStepsAreDrawnInBuckets) {
  const std::string svg = Svg(FullPlot(100000));
  ExpectSane(svg);
  EXPECT_LT(svg.size(), size_t{1} << 20);
  EXPECT_THAT(svg, HasSubstr("median of each 667 steps; bands: least to most"));
  EXPECT_EQ(Count(svg, "<polygon"), 13u);
  for (const size_t points : Points(svg)) EXPECT_EQ(points, 150u);
}

TEST(TimePlot, LogScaleIsSaidOnTheAxis) {
  TimePlot plot = FullPlot(50);
  EXPECT_THAT(Svg(plot), Not(HasSubstr("log scale")));
  plot.policies.push_back(Steady("slow", 11, 1e-3, 50));
  EXPECT_THAT(Svg(plot), HasSubstr("Time per step (\u00b5s, log scale)"));
}

TEST(TimePlot, NoSteps) {
  TimePlot plot = FullPlot(0);
  std::string svg = Svg(plot);
  ExpectSane(svg);
  EXPECT_THAT(svg, AllOf(HasSubstr("no steps"), HasSubstr("shadow-price")));
  svg = Svg(TimePlot());
  ExpectSane(svg);
}

TEST(TimePlot, OneStepIsADot) {
  const std::string svg = Svg(FullPlot(1));
  ExpectSane(svg);
  EXPECT_EQ(Count(svg, "<circle"), 13u);
  EXPECT_EQ(Count(svg, "<polyline"), 0u);
  EXPECT_THAT(svg, HasSubstr("Total of 1 step ("));
}

TEST(TimePlot, WhatIsNotFiniteIsAGap) {
  TimePlot plot = FullPlot(10);
  plot.policies.resize(1);
  plot.hindsight_upper_step_seconds.reset();
  plot.roofline_step_seconds.reset();
  plot.policies[0].step_seconds[3] = kNan;
  plot.policies[0].step_seconds[8] = HUGE_VAL;
  plot.policies[0].breakdown.hbm = Seconds(kNan);
  plot.hindsight_lower_seconds = HUGE_VAL;
  const std::string svg = Svg(plot);
  ExpectSane(svg);
  EXPECT_THAT(Points(svg), ::testing::ElementsAre(3, 4));
  EXPECT_EQ(Count(svg, "<circle"), 1u);
}

TEST(TimePlot, ZeroHasNoPlaceOnALogScale) {
  TimePlot plot;
  plot.policies = {Steady("a", 0, 1, 9), Steady("b", 1, 100, 9)};
  plot.policies[0].step_seconds[4] = 0;
  const std::string svg = Svg(plot);
  EXPECT_THAT(svg, HasSubstr("log scale"));
  EXPECT_THAT(Points(svg), ::testing::ElementsAre(9, 4, 4));
  // A machine without limits takes no time.
  plot.policies[0].step_seconds.assign(9, 0);
  plot.policies[0].breakdown = {};
  plot.policies.pop_back();
  ExpectSane(Svg(plot));
}

TEST(TimePlot, HostileNames) {
  TimePlot plot = FullPlot(5);
  plot.traces = {"a<b>&\"c", std::string("\x1b]0;x\xFF\0", 7)};
  plot.setting = "<script>alert(1)</script>";
  plot.policies[0].name = "--></text>";
  const std::string svg = Svg(plot);
  ExpectSane(svg);
  EXPECT_THAT(svg, AllOf(HasSubstr("a&lt;b&gt;&amp;&quot;c, \uFFFD]0;x"),
                         HasSubstr("&lt;script&gt;"),
                         HasSubstr("--&gt;&lt;/text&gt;")));
}

TEST(TimePlot, LongTitlesAreCutToTheWidth) {
  TimePlot plot = FullPlot(5);
  plot.traces.assign(40, "a-rather-long-name");
  EXPECT_THAT(Svg(plot),
              HasSubstr("a-rather-long-name, a-rather-long-name and 38 more<"));
  plot.traces = {std::string(500, 'x'), "y"};
  EXPECT_THAT(Svg(plot), HasSubstr("xxx\u2026 and 1 more<"));
  // Cut between characters.
  plot.traces = {};
  for (int i = 0; i < 200; ++i) plot.setting += "\u4e2d";
  EXPECT_THAT(Svg(plot),
              AllOf(HasSubstr("\u4e2d\u2026<"), Not(HasSubstr("\uFFFD"))));
}

}  // namespace
}  // namespace kvplace
