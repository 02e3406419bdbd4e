// What time plots are made of: escaping, axes, units and buckets.
#include <cmath>
#include <limits>
#include <sstream>

#include "client/cli/plot_axis.h"
#include "client/cli/plot_series.h"
#include "client/cli/svg_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(SvgWriter, Escapes) {
  EXPECT_EQ(XmlEscape("a<b>&\"c"), "a&lt;b&gt;&amp;&quot;c");
  EXPECT_EQ(XmlEscape("]]>"), "]]&gt;");
  EXPECT_EQ(XmlEscape("\t\n\r"), "&#9;&#10;&#13;");
  EXPECT_EQ(XmlEscape("\u00b5\u20ac\U0001F600"), "\u00b5\u20ac\U0001F600");
}

TEST(SvgWriter, ReplacesWhatXmlCannotHold) {
  const std::string no = "\uFFFD";
  EXPECT_EQ(XmlEscape(std::string("a\0b\x1b", 4)), "a" + no + "b" + no);
  // A stray continuation, one cut off, one too long, a surrogate, U+FFFF, and
  // beyond U+10FFFF.
  EXPECT_EQ(XmlEscape("\x80z"), no + "z");
  EXPECT_EQ(XmlEscape("\xE2\x82"), no + no);
  EXPECT_EQ(XmlEscape("\xC0\xAF"), no + no);
  EXPECT_EQ(XmlEscape("\xE0\x80\x80"), no + no + no);
  EXPECT_EQ(XmlEscape("\xED\xA0\x80"), no + no + no);
  EXPECT_EQ(XmlEscape("\xEF\xBF\xBF"), no + no + no);
  EXPECT_EQ(XmlEscape("\xF4\x90\x80\x80"), no + no + no + no);
  EXPECT_EQ(XmlEscape("\xFF"), no);
}

TEST(SvgWriter, Numbers) {
  EXPECT_EQ(SvgNumber(12), "12");
  EXPECT_EQ(SvgNumber(0.5), "0.5");
  EXPECT_EQ(SvgNumber(1.0 / 3), "0.33");
  EXPECT_EQ(SvgNumber(-0.001), "0");
  EXPECT_EQ(SvgNumber(100), "100");
  EXPECT_EQ(SvgNumber(kNan), "0");
  EXPECT_EQ(SvgNumber(-HUGE_VAL), "0");
}

TEST(SvgWriter, NestsAndCloses) {
  std::ostringstream out;
  {
    SvgWriter svg(out, 10, 20.5);
    svg.Open("g", {{"id", "x<y"}});
    svg.Element("rect", {{"width", 1.0}});
    svg.Text("text", "a & b");
  }
  EXPECT_EQ(out.str(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" "
            "height=\"20.5\" viewBox=\"0 0 10 20.5\" role=\"img\" "
            "font-family=\"Helvetica, Arial, sans-serif\">\n"
            " <g id=\"x&lt;y\">\n  <rect width=\"1\"/>\n"
            "  <text>a &amp; b</text>\n </g>\n</svg>\n");
}

TEST(PlotAxis, Units) {
  EXPECT_EQ(UnitFor(0.1427).Format(0.142735), "142.7 ms");
  EXPECT_EQ(UnitFor(0.1427).Format(0.028251), "28.25 ms");
  EXPECT_EQ(UnitFor(0.1427).Format(0.0002), "0.200 ms");
  EXPECT_EQ(UnitFor(5e-4).name, "\u00b5s");
  EXPECT_EQ(UnitFor(9e-6).Format(1730.63e-9), "1731 ns");
  EXPECT_EQ(UnitFor(12).Format(9.99996), "10.00 s");
  EXPECT_EQ(UnitFor(12).Format(12345), "12345 s");
  EXPECT_EQ(UnitFor(0).Format(0), "0.000 ns");
}

std::vector<std::string> Labels(const PlotAxis& axis) {
  std::vector<std::string> labels;
  for (const double tick : axis.ticks) labels.push_back(axis.Label(tick));
  return labels;
}

TEST(PlotAxis, LogarithmicAboveARatioOfFive) {
  EXPECT_FALSE(ValueAxis(100, 500).log);
  const PlotAxis axis = ValueAxis(70, 480);
  EXPECT_TRUE(axis.log);
  EXPECT_THAT(Labels(axis),
              ElementsAre("70", "100", "150", "200", "300", "400", "500"));
  EXPECT_NEAR(axis.At(std::sqrt(70.0 * 480)), 0.5, 1e-12);
  EXPECT_EQ(axis.At(0), 0);
  EXPECT_EQ(axis.At(1e9), 1);
  EXPECT_THAT(Labels(ValueAxis(1, 1000)),
              ElementsAre("1", "10", "100", "1000"));
  EXPECT_LE(ValueAxis(1e-300, 1e300).ticks.size(), 12u);
  // Zero has no logarithm.
  EXPECT_FALSE(ValueAxis(0, 500).log);
}

TEST(PlotAxis, LinearHoldsTheDataAndLittleMore) {
  const PlotAxis axis = ValueAxis(640, 910);
  EXPECT_LT(axis.low, 640);
  EXPECT_GT(axis.low, 600);
  EXPECT_GT(axis.high, 910);
  EXPECT_THAT(Labels(axis),
              ElementsAre("650", "700", "750", "800", "850", "900"));
  const PlotAxis flat = ValueAxis(7, 7);
  EXPECT_NEAR(flat.At(7), 0.5, 1e-9);
  EXPECT_GE(flat.ticks.size(), 2u);
  EXPECT_THAT(Labels(ValueAxis(0, 0)), ElementsAre("0", "1"));
}

TEST(PlotAxis, FromZero) {
  EXPECT_THAT(Labels(FromZeroAxis(399, true)),
              ElementsAre("0", "50", "100", "150", "200", "250", "300", "350"));
  EXPECT_THAT(Labels(FromZeroAxis(1, true)), ElementsAre("0", "1"));
  EXPECT_THAT(
      Labels(FromZeroAxis(0.8, false)),
      ElementsAre("0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8"));
  EXPECT_EQ(FromZeroAxis(0, false).high, 1);
  for (const double most : {3e-300, 0.07, 12345.0, 1e300}) {
    const PlotAxis axis = FromZeroAxis(most, false);
    EXPECT_EQ(axis.high, most);
    EXPECT_GE(axis.ticks.size(), 2u) << most;
    EXPECT_LE(axis.ticks.size(), 9u) << most;
    EXPECT_THAT(axis.ticks, Each(::testing::Le(most * (1 + 1e-9))));
  }
}

TEST(PlotSeries, BucketSteps) {
  EXPECT_EQ(BucketSteps(0, 150), 1u);
  EXPECT_EQ(BucketSteps(150, 150), 1u);
  EXPECT_EQ(BucketSteps(151, 150), 2u);
  EXPECT_EQ(BucketSteps(400, 150), 3u);
}

TEST(PlotSeries, BucketsAreMedianLeastAndMost) {
  const std::vector<PlotPoint> points =
      Buckets(std::vector<double>{5, 1, 900, 4, 2, 3, 8}, 3);
  ASSERT_THAT(points, SizeIs(3));
  EXPECT_EQ(points[0].step, 1);
  EXPECT_EQ(points[0].median, 5);
  EXPECT_EQ(points[0].least, 1);
  EXPECT_EQ(points[0].most, 900);
  EXPECT_EQ(points[1].step, 4);
  EXPECT_EQ(points[1].median, 3);
  // The rest.
  EXPECT_EQ(points[2].step, 6);
  EXPECT_EQ(points[2].median, 8);
  EXPECT_EQ(Buckets(std::vector<double>{1, 4}, 2)[0].median, 2.5);
  EXPECT_THAT(Buckets({}, 3), IsEmpty());
}

TEST(PlotSeries, LeavesOutWhatIsNotFinite) {
  const std::vector<PlotPoint> points =
      Buckets(std::vector<double>{kNan, 4, HUGE_VAL, kNan}, 3);
  EXPECT_EQ(points[0].median, 4);
  EXPECT_EQ(points[0].most, 4);
  EXPECT_TRUE(std::isnan(points[1].median));
}

}  // namespace
}  // namespace kvplace
