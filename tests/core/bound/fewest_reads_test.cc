// The fewest DRAM reads against every schedule of small windows.
#include "server/core/bound/fewest_reads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "server/core/bound/clairvoyant_schedule.h"
#include "tests/testing/random_window.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

// By the stays, not by the count that is being tested.
Bytes DramReadsOf(const AccessWindow& window,
                  const ClairvoyantSchedule& schedule) {
  Bytes bytes;
  for (const PhaseTraffic& t : TrafficOf(window, schedule)) {
    bytes += t.dram_reads + t.prefetched;
  }
  return bytes;
}

TEST(FewestReads, AreTheFewestOfAnySchedule) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    RandomWindowOptions options = RandomOptions(random);
    options.phases = 1 + static_cast<uint32_t>(random() % 9);
    const AccessWindow window = RandomWindow(options, random);
    const FewestReads fewest = FindFewestReads(window);
    ASSERT_THAT(Evaluate(window, fewest.schedule), IsOk());
    ASSERT_EQ(DramReadsOf(window, fewest.schedule), fewest.dram_reads);
    const double least =
        LeastOverSchedules(window, [](uint32_t, const PhaseUsage& usage) {
          return usage.misses + usage.prefetched;
        });
    const auto found = static_cast<double>(fewest.dram_reads.count());
    if (window.uniform_bytes() > Bytes(0)) {
      ASSERT_EQ(found, least);
      ASSERT_EQ(fewest.certificate,
                fewest.dram_reads / EffectiveDramRead(window.device()));
      ASSERT_LE(fewest.certificate.value(), LeastSeconds(window) * (1 + 1e-9));
    } else {
      ASSERT_GE(found, least);
      ASSERT_EQ(fewest.certificate, Seconds(0));
    }
  }
}

// Larger ones: against MIN with bypass that scans all blocks in each phase. It
// drops the blocks whose next read is farthest when too many would stay.
TEST(FewestReads, AreThoseOfMinWithBypass) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    RandomWindowOptions options;
    options.blocks = 40;
    options.phases = 80;
    options.write_share = 0;
    options.end_share = 0;
    options.initial_share = 1;
    options.read_share = 0.05 + 0.05 * static_cast<double>(random() % 6);
    options.capacity_blocks = static_cast<int64_t>(random() % 45);
    const AccessWindow window = RandomWindow(options, random);
    const auto next_read = [&](uint32_t i, uint32_t phase) {
      for (const BlockUse& use : window.uses(i)) {
        if (use.phase() >= phase) return use.phase();
      }
      return BlockUse::kNoPhase;
    };
    const auto room = static_cast<size_t>(options.capacity_blocks);
    int64_t missed = 0;
    std::vector<uint32_t> in_hbm(window.blocks());
    for (uint32_t i = 0; i < window.blocks(); ++i) in_hbm[i] = i;
    for (uint32_t p = 0; p < window.phases(); ++p) {
      std::sort(in_hbm.begin(), in_hbm.end(), [&](uint32_t a, uint32_t b) {
        return next_read(a, p) < next_read(b, p);
      });
      if (in_hbm.size() > room) in_hbm.resize(room);
      for (uint32_t i = 0; i < window.blocks(); ++i) {
        if (next_read(i, p) != p) continue;
        if (std::find(in_hbm.begin(), in_hbm.end(), i) != in_hbm.end()) {
          continue;
        }
        ++missed;
        in_hbm.push_back(i);
      }
    }
    ASSERT_EQ(FindFewestReads(window).dram_reads, kSmallBlock * missed)
        << "seed " << seed;
  }
}

TEST(FewestReads, NoReads) {
  AccessWindowBuilder builder(SmallDevice(1, 8, 2));
  builder.BeginPhase();
  const AccessWindow window = builder.Build();
  const FewestReads fewest = FindFewestReads(window);
  EXPECT_TRUE(fewest.schedule.stays.empty());
  EXPECT_EQ(fewest.dram_reads, Bytes(0));
  EXPECT_EQ(fewest.certificate, Seconds(0));
}

}  // namespace
}  // namespace kvplace
