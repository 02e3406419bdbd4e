// The step that docs/cost_model.md computes by hand, computed by the code; and
// its numbers looked for on the page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "server/core/cost_model.h"
#include "server/core/topology.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

constexpr Bytes kBlock{65536};
constexpr Bytes kToken{4096};

DeviceConfig Device() {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.hbm_capacity = kBlock * 1024;
  device.groups.assign(2, GroupConfig{kBlock, 1024, 16, kToken});
  return device;
}

PhaseTraffic Phase(int hits, int misses, int promoted) {
  PhaseTraffic traffic;
  traffic.hbm_reads = kBlock * hits;
  traffic.dram_reads = kBlock * misses;
  traffic.promoted = kBlock * promoted;
  traffic.new_kv_hbm = kToken;
  return traffic;
}

std::string Page() {
  const char* root = std::getenv("KVPLACE_SOURCE_DIR");
  std::ifstream file(std::string(root ? root : ".") + "/docs/cost_model.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Fixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%.*f", digits, value);
  return buffer;
}

TEST(DocsExample, StepByHand) {
  const CostModel cost(Device());
  const PhaseTraffic phase0 = Phase(58, 6, 2);
  PhaseTraffic phase1 = Phase(64, 0, 0);
  const double t0 = cost.Time(phase0).value() * 1e9;
  const double t1 = cost.Time(phase1).value() * 1e9;
  EXPECT_NEAR(t0, 873.813, 5e-4);
  EXPECT_NEAR(t1, 856.816, 5e-4);

  EXPECT_EQ(cost.BestRoutedBlocks(phase1, kBlock, 64), 5);
  phase1 = Phase(59, 5, 0);
  const double t1_routed = cost.Time(phase1).value() * 1e9;
  EXPECT_NEAR(t1_routed, 789.943, 5e-4);

  const double roofline =
      cost.Roofline(kBlock * 64, Device().hbm_capacity, kToken).value() * 1e9;
  EXPECT_NEAR(roofline, 784.748, 5e-4);

  const std::string page = Page();
  ASSERT_FALSE(page.empty()) << "docs/cost_model.md is not there";
  const double bytes = 128.0 * 65536;
  for (const double step : {t0 + t1, t0 + t1_routed}) {
    EXPECT_THAT(page, HasSubstr(Fixed(step, 3) + " ns"));
    EXPECT_THAT(page, HasSubstr(Fixed(2 * roofline / step, 4)));
    EXPECT_THAT(page, HasSubstr(Fixed(bytes / step, 1)));
    EXPECT_THAT(page, HasSubstr(Fixed(bytes / step / 5350, 4)));
  }
  PhaseTraffic prefetching = phase0;
  prefetching.prefetched = kBlock * 2;
  const TimeBreakdown parts = cost.Breakdown(prefetching);
  EXPECT_EQ(parts.hbm.value(), 0);
  EXPECT_NEAR(parts.dram.value() * 1e9, t0, 1e-9);
  EXPECT_THAT(page, HasSubstr(Fixed(parts.migration.value() * 1e9, 3) + " ns"));
  EXPECT_THAT(
      page, HasSubstr(Fixed(cost.Time(prefetching).value() * 1e9, 3) + " ns"));
  EXPECT_THAT(page, HasSubstr(Fixed(2 * roofline, 3) + " ns"));
  EXPECT_THAT(page, HasSubstr(Fixed(t0, 3) + " ns"));
  EXPECT_THAT(page, HasSubstr(Fixed(t1, 3) + " ns"));
  EXPECT_THAT(page, HasSubstr(Fixed(t1_routed, 3) + " ns"));
  EXPECT_THAT(page, HasSubstr(Fixed(roofline, 3) + " ns"));
}

}  // namespace
}  // namespace kvplace
