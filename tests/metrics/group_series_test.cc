// Layer groups and their prices, as they are exported.
#include "server/metrics/group_series.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/metrics/metrics_test_util.h"

namespace kvplace {
namespace {

using ::testing::DoubleNear;
using ::testing::Eq;
using ::testing::Optional;

using LabelMap = std::map<std::string, std::string>;

class GroupSeriesTest : public ::testing::Test {
 protected:
  std::optional<double> Of3(const std::string& name, LabelMap extra = {}) {
    extra.insert({{"node", "n0"}, {"device", "3"}});
    return Value(sink_, name, extra);
  }

  PrometheusSink sink_{{}};
  std::unique_ptr<DeviceMetrics> device_ =
      sink_.AddDevice("n0", 3, {BytesPerSecond(3e12)});
};

// 20 groups in 8 rows: 3 in each but the last.
TEST_F(GroupSeriesTest, GroupsMoveByRow) {
  device_.reset();
  device_ = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12), 20});
  EXPECT_THAT(Of3("kvplace_layer_groups"), Optional(20.0));
  std::vector<GroupAccount> groups;
  for (uint32_t g = 0; g < 20; ++g) groups.push_back({100 + g, g});
  device_->OnGroups(groups);
  const LabelMap first{{"group", "00-02"}}, last{{"group", "18-19"}};
  EXPECT_THAT(Of3("kvplace_group_read_blocks_total", first), Optional(303.0));
  EXPECT_THAT(Of3("kvplace_group_missed_blocks_total", first), Optional(3.0));
  EXPECT_THAT(Of3("kvplace_group_read_blocks_total", last), Optional(237.0));
  EXPECT_THAT(Of3("kvplace_group_missed_blocks_total", last), Optional(37.0));
  EXPECT_THAT(Of3("kvplace_group_theta_ratio", first), Eq(std::nullopt));
  device_->OnPrices(Leader::kValues, SomePrices(20));
  EXPECT_THAT(Of3("kvplace_group_theta_ratio", first),
              Optional(DoubleNear((1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 3, 1e-12)));
  EXPECT_THAT(Of3("kvplace_group_theta_ratio", last),
              Optional(DoubleNear((1.0 / 20 + 1.0 / 21) / 2, 1e-12)));
  // A policy without prices.
  device_->OnPolicy("lru", "act");
  EXPECT_THAT(Of3("kvplace_group_theta_ratio", first), Eq(std::nullopt));
}

TEST(GroupSeriesBoundTest, ManyGroupsHaveFewRows) {
  for (const uint32_t rows : {1u, 7u, 128u, 1024u}) {
    PrometheusSink sink({.max_group_rows = rows});
    const auto device =
        sink.AddDevice("n0", 0, {BytesPerSecond(3e12), /*groups=*/1000});
    device->OnGroups(std::vector<GroupAccount>(1000, {3, 2}));
    uint32_t found = 0;
    double reads = 0;
    for (const prometheus::MetricFamily& family : sink.registry()->Collect()) {
      if (family.name != "kvplace_group_read_blocks_total") continue;
      for (const prometheus::ClientMetric& row : family.metric) {
        ++found;
        reads += row.counter.value;
      }
    }
    EXPECT_LE(found, rows);
    EXPECT_GE(found, std::min(rows, 1000u) * 9 / 10);
    EXPECT_EQ(reads, 3000);
  }
}

TEST_F(GroupSeriesTest, GroupsGoOnCountingUnlessThereAreOthers) {
  const GroupAccount group{10, 4};
  const LabelMap only{{"group", "0"}};
  device_->OnGroups({&group, 1});
  device_.reset();
  device_ = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12)});
  device_->OnGroups({&group, 1});
  EXPECT_THAT(Of3("kvplace_group_read_blocks_total", only), Optional(20.0));
  // One that takes over while the old one lives has its say when it is gone.
  auto newer = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12), 2});
  const std::vector<GroupAccount> two(2, group);
  newer->OnGroups(two);
  EXPECT_THAT(Of3("kvplace_group_read_blocks_total", only), Optional(20.0));
  device_.reset();
  newer.reset();
  device_ = sink_.AddDevice("n0", 3, {BytesPerSecond(2e12), 2});
  device_->OnGroups(two);
  EXPECT_THAT(Of3("kvplace_group_read_blocks_total", only), Optional(10.0));
  EXPECT_THAT(Of3("kvplace_group_read_blocks_total", {{"group", "1"}}),
              Optional(10.0));
}

}  // namespace
}  // namespace kvplace
