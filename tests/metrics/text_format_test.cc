// Compared with prometheus-cpp's own writer, which is slow and known.
#include "server/metrics/text_format.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "tests/metrics/metrics_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A number at the end, or in the label le, may be written in another way.
struct Line {
  std::string text;
  double value = 0;
  double le = 0;
};
Line Parse(const std::string& line) {
  Line out;
  const size_t space = line.rfind(' ');
  if (line[0] == '#' || space == std::string::npos) return {line};
  EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &out.value)) << line;
  out.text = line.substr(0, space);
  const size_t le = out.text.find("le=\"");
  if (le == std::string::npos) return out;
  const size_t end = out.text.find('"', le + 4);
  EXPECT_TRUE(absl::SimpleAtod(out.text.substr(le + 4, end - le - 4), &out.le));
  out.text.erase(le, end - le);
  return out;
}

void ExpectSame(const std::vector<prometheus::MetricFamily>& families) {
  const std::vector<std::string> ours =
      absl::StrSplit(PrometheusText(families), '\n');
  const std::vector<std::string> theirs =
      absl::StrSplit(prometheus::TextSerializer().Serialize(families), '\n');
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    const Line a = Parse(ours[i]), b = Parse(theirs[i]);
    EXPECT_EQ(a.text, b.text);
    EXPECT_EQ(a.le, b.le) << ours[i];
    if (std::isnan(b.value)) {
      EXPECT_TRUE(std::isnan(a.value)) << ours[i];
    } else {
      EXPECT_EQ(a.value, b.value) << ours[i];
    }
  }
}

TEST(TextFormatTest, EverythingThatIsExported) {
  PrometheusSink sink({});
  const auto device = TouchEverything(sink);
  device->OnPlan(Seconds(1e-5), Seconds(12.5));
  ExpectSame(sink.registry()->Collect());
}

TEST(TextFormatTest, NumbersAndLabelsOfAllKinds) {
  prometheus::MetricFamily family{
      "a_name", "help with \" in it", prometheus::MetricType::Gauge, {}};
  for (const double value :
       {0.0, -0.0, 1.0, -1.5, 0.1, 1.0 / 3, 1e-300, 1e300, 123456789.0, 1e16,
        5e-324, kInfinity, -kInfinity, std::nan("")}) {
    prometheus::ClientMetric metric;
    metric.label = {{"l", "quote \" back \\ line \n end"}, {"empty", ""}};
    metric.gauge.value = value;
    family.metric.push_back(metric);
  }
  family.metric.emplace_back();
  ExpectSame({family});
  EXPECT_THAT(PrometheusText({family}), HasSubstr("\na_name 0\n"));
  // Here theirs is wrong.
  family.help = "back \\ line \n end";
  EXPECT_THAT(PrometheusText({family}),
              StartsWith("# HELP a_name back \\\\ line \\n end\n# TYPE"));
}

TEST(TextFormatTest, HistogramsEndWithInfinity) {
  prometheus::MetricFamily family{
      "h", "", prometheus::MetricType::Histogram, {}};
  prometheus::ClientMetric metric;
  metric.histogram.sample_count = 7;
  metric.histogram.sample_sum = 1.25;
  metric.histogram.bucket = {{3, 0.1}, {5, 2}};
  family.metric.push_back(metric);
  metric.label = {{"n", "x"}};
  metric.histogram.bucket.push_back({7, kInfinity});
  family.metric.push_back(metric);
  ExpectSame({family});
  EXPECT_THAT(PrometheusText({family}), HasSubstr("h_bucket{le=\"+Inf\"} 7\n"));
  EXPECT_EQ(PrometheusText({}), "");
}

}  // namespace
}  // namespace kvplace
