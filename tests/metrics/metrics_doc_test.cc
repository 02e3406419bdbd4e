// docs/metrics.md, what is registered and what is exported are the same.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/metric_catalog.h"
#include "server/metrics/prometheus_sink.h"
#include "tests/metrics/metrics_test_util.h"

namespace kvplace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::string ReadDocument() {
  const char* root = std::getenv("KVPLACE_SOURCE_DIR");
  std::ifstream file(
      absl::StrCat(root == nullptr ? "." : root, "/docs/metrics.md"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "name type labels unit" of each row of a table whose first cell is a metric.
std::vector<std::string> DocumentedMetrics(const std::string& document) {
  std::vector<std::string> rows;
  for (absl::string_view line : absl::StrSplit(document, '\n')) {
    if (!absl::StartsWith(line, "| `kvplace_")) continue;
    std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() != 8) {
      ADD_FAILURE() << "not six cells: " << line;
      continue;
    }
    for (std::string& cell : cells) absl::StripAsciiWhitespace(&cell);
    EXPECT_NE(cells[5], "") << "no meaning: " << line;
    rows.push_back(absl::StrCat(
        absl::StrReplaceAll(cells[1], {{"`", ""}}), " ", cells[2], " [",
        absl::StrReplaceAll(cells[3], {{" ", ""}}), "] ", cells[4]));
  }
  return rows;
}

TEST(MetricsDocTest, TablesAreTheCatalog) {
  std::vector<std::string> catalog;
  for (const MetricInfo& info : MetricCatalog()) {
    catalog.push_back(absl::StrCat(info.name, " ", Name(info.type), " [",
                                   info.labels, "] ", info.unit));
  }
  EXPECT_THAT(DocumentedMetrics(ReadDocument()), ElementsAreArray(catalog));
}

TEST(MetricsDocTest, TheCatalogIsWhatIsExported) {
  PrometheusSink sink({});
  const auto device = TouchEverything(sink);
  std::map<std::string, std::string> exported;
  for (absl::string_view line : absl::StrSplit(Scrape(sink), '\n')) {
    if (!absl::StartsWith(line, "# TYPE ")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    exported[words.at(2)] = words.at(3);
  }
  std::map<std::string, std::string> catalog;
  for (const MetricInfo& info : MetricCatalog()) {
    catalog[info.name] = Name(info.type);
  }
  EXPECT_EQ(exported, catalog);
}

TEST(MetricsDocTest, LabelsAreThoseOfTheCatalog) {
  PrometheusSink sink({});
  const auto device = TouchEverything(sink);
  for (const prometheus::MetricFamily& family : sink.registry()->Collect()) {
    const auto info = std::find_if(
        MetricCatalog().begin(), MetricCatalog().end(),
        [&](const MetricInfo& i) { return family.name == i.name; });
    ASSERT_NE(info, MetricCatalog().end()) << family.name;
    std::vector<std::string> expected =
        absl::StrSplit(info->labels, ',', absl::SkipEmpty());
    std::sort(expected.begin(), expected.end());
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::vector<std::string> labels;
      for (const auto& label : metric.label) labels.push_back(label.name);
      std::sort(labels.begin(), labels.end());
      EXPECT_EQ(labels, expected) << family.name;
    }
  }
}

TEST(MetricsDocTest, EveryLabelValueIsNamed) {
  const std::string document = ReadDocument();
  const auto expect_named = [&document](absl::string_view name) {
    EXPECT_THAT(document, HasSubstr(absl::StrCat("`", name, "`")));
  };
  for (int i = 0; i < kRejectReasons; ++i) {
    expect_named(Name(static_cast<RejectReason>(i)));
  }
  for (int i = 0; i < kDropReasons; ++i) {
    expect_named(Name(static_cast<DropReason>(i)));
  }
  for (int i = 0; i < kResyncCauses; ++i) {
    expect_named(Name(static_cast<ResyncCause>(i)));
  }
  for (int i = 0; i < kMoveReasons; ++i) {
    expect_named(Name(static_cast<MoveReason>(i)));
  }
  for (int i = 0; i < kMoveOutcomes; ++i) {
    expect_named(Name(static_cast<MoveOutcome>(i)));
  }
  for (int i = 0; i < kOrderSources; ++i) {
    expect_named(Name(static_cast<OrderSource>(i)));
  }
  for (size_t i = 0; i < kLeaders; ++i) {
    expect_named(Name(static_cast<Leader>(i)));
  }
}

TEST(MetricsDocTest, SeriesPerDeviceAreAsManyAsItSays) {
  PrometheusSink sink({});
  const auto device = TouchEverything(sink);
  int series = 0, buckets = 0, of_groups = 0;
  for (absl::string_view line : absl::StrSplit(Scrape(sink), '\n')) {
    if (!absl::StrContains(line, R"(node="n0")")) continue;
    if (absl::StrContains(line, R"(group=")")) {
      ++of_groups;
      continue;
    }
    ++series;
    if (absl::StrContains(line, "_bucket{")) ++buckets;
  }
  EXPECT_THAT(ReadDocument(),
              HasSubstr(absl::StrCat("A device has ", series, " series, ",
                                     buckets, " of them buckets")));
  EXPECT_EQ(of_groups, 3) << "as many as it says for each row";
}

}  // namespace
}  // namespace kvplace
