// The window that docs/bounds.md computes by hand, computed by the code; and
// its numbers looked for on the page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_format.h"
#include "server/core/bound/dual_bound.h"
#include "server/core/bound/hindsight.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

constexpr Bytes kBlock{65536};

AccessWindow Window() {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.hbm_capacity = kBlock;
  device.groups.assign(1, GroupConfig{kBlock, 2, 16, Bytes(4096)});
  AccessWindowBuilder builder(device);
  const uint32_t a = builder.AddBlock(kBlock);
  const uint32_t b = builder.AddBlock(kBlock);
  for (const uint32_t block : {a, b, a, b}) {
    builder.BeginPhase();
    builder.Read(block);
  }
  return builder.Build();
}

std::string Page() {
  const char* root = std::getenv("KVPLACE_SOURCE_DIR");
  std::ifstream file(std::string(root ? root : ".") + "/docs/bounds.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(BoundsExample, WindowByHand) {
  const AccessWindow window = Window();
  const double miss = 65536 / 450e9;
  const double hit = 65536 / 4900e9;
  PhasePrices link;
  link.limit[PhaseLimits::kLinkRead] = 1;
  PhasePrices rented = link;
  rented.rent = 1 / 450e9;
  DualBound dual(window);
  std::vector<PhaseDemand> demand;
  const double bound =
      dual.Evaluate({rented, link, rented, link}, RunInOrder, &demand);
  EXPECT_NEAR(bound, 2 * miss, 1e-18);

  HindsightOptions options;
  options.gap = 0;
  options.max_iterations = 200;
  options.max_sweeps = 20;
  const HindsightResult result = SolveHindsight(window, options);
  EXPECT_NEAR(result.lower.value(), 2 * miss, 1e-15);
  EXPECT_NEAR(result.upper.value(), 2 * (hit + miss), 1e-18);

  for (const double seconds : {miss, hit, bound, result.upper.value()}) {
    EXPECT_THAT(Page(), HasSubstr(absl::StrFormat("%.3f", seconds * 1e9)));
  }
}

}  // namespace
}  // namespace kvplace
