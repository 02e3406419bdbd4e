// Schedules by hand: what they move, and which are none.
#include "server/core/bound/clairvoyant_schedule.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

constexpr Stay kDram{};

// Room for one block. Block 0 is read in phases 1, 3, 4 of 0 .. 5; block 1 is
// born in phase 1, read in 2 and ends with 3. New KV: 16 bytes of block 1 in
// its first phase.
AccessWindow Window(ResidencyMode mode, int64_t capacity_blocks = 1) {
  DeviceConfig device = SmallDevice(1, 8, capacity_blocks);
  device.mode = mode;
  AccessWindowBuilder builder(device);
  const uint32_t a = builder.AddBlock(kSmallBlock);
  builder.BeginPhase();
  builder.BeginPhase();
  const uint32_t b = builder.AddBlock(kSmallBlock);
  builder.Read(a);
  builder.Write(b, kSmallToken);
  builder.BeginPhase();
  builder.Read(b);
  builder.BeginPhase();
  builder.Read(a);
  builder.End(b);
  builder.BeginPhase();
  builder.Read(a);
  builder.BeginPhase();
  return builder.Build();
}

constexpr auto kInclusive = ResidencyMode::kInclusive;
constexpr auto kExclusive = ResidencyMode::kExclusive;

TEST(ClairvoyantSchedule, AllInDram) {
  const AccessWindow window = Window(kInclusive);
  const ClairvoyantSchedule schedule{{kDram, kDram, kDram, kDram}};
  const auto seconds = Evaluate(window, schedule);
  ASSERT_THAT(seconds, IsOk());
  // 64 bytes over the link of 100; in phase 1 with 16 written: 80 / 150.
  EXPECT_EQ(seconds->size(), 6u);
  EXPECT_DOUBLE_EQ((*seconds)[1].value(), 0.64);
  EXPECT_DOUBLE_EQ(Sum(*seconds).value(), 4 * 0.64);
  const auto traffic = TrafficOf(window, schedule);
  EXPECT_EQ(traffic[1].dram_reads, Bytes(64));
  EXPECT_EQ(traffic[1].new_kv(), Bytes(16));
  EXPECT_EQ(traffic[3].promoted, Bytes(0));
}

TEST(ClairvoyantSchedule, PromotedAndKept) {
  const AccessWindow window = Window(kInclusive);
  // Promoted in phase 1; it stays to the end and is never evicted.
  const ClairvoyantSchedule schedule{{kDram, {2, 3}, {4, 5}, kDram}};
  const auto traffic = TrafficOf(window, schedule);
  EXPECT_EQ(traffic[1].promoted, Bytes(64));
  EXPECT_EQ(traffic[1].dram_reads, Bytes(64));
  EXPECT_EQ(traffic[3].hbm_reads, Bytes(64));
  EXPECT_EQ(traffic[4].hbm_reads, Bytes(64));
  PhaseTraffic sum;
  for (const PhaseTraffic& t : traffic) sum += t;
  EXPECT_EQ(sum.promoted, Bytes(64));
  EXPECT_EQ(sum.prefetched, Bytes(0));
  EXPECT_EQ(sum.demoted, Bytes(0));
  EXPECT_THAT(Evaluate(window, schedule), IsOk());
}

TEST(ClairvoyantSchedule, FetchedAndEvicted) {
  const AccessWindow window = Window(kInclusive);
  // Since birth to its first read; fetched in phase 2, evicted after phase 3.
  const ClairvoyantSchedule schedule{{{0, 1}, {3, 3}, kDram, kDram}};
  const auto traffic = TrafficOf(window, schedule);
  EXPECT_EQ(traffic[1].hbm_reads, Bytes(64));
  EXPECT_EQ(traffic[1].demoted, Bytes(64));
  EXPECT_EQ(traffic[2].prefetched, Bytes(64));
  EXPECT_EQ(traffic[2].dram_reads, Bytes(64));  // of block 1
  EXPECT_EQ(traffic[3].demoted, Bytes(64));
  EXPECT_EQ(traffic[4].dram_reads, Bytes(64));
  const auto seconds = Evaluate(window, schedule);
  ASSERT_THAT(seconds, IsOk());
  EXPECT_DOUBLE_EQ((*seconds)[2].value(), 1.28);
  EXPECT_DOUBLE_EQ((*seconds)[3].value(), 0.064);
}

TEST(ClairvoyantSchedule, ExclusiveModePaysForEvictions) {
  const AccessWindow window = Window(kExclusive);
  // Uses of block 1: new KV in phase 1, read in 2. In HBM from birth, and gone
  // with its end; block 0 is fetched in the phase before it is read.
  const ClairvoyantSchedule schedule{{kDram, kDram, {4, 4}, {1, 1}, {2, 3}}};
  const auto traffic = TrafficOf(window, schedule);
  EXPECT_EQ(traffic[1].new_kv_hbm, Bytes(16));
  EXPECT_EQ(traffic[1].new_kv_dram, Bytes(0));
  EXPECT_EQ(traffic[2].hbm_reads, Bytes(64));
  EXPECT_EQ(traffic[3].demoted, Bytes(0));
  EXPECT_EQ(traffic[3].promoted, Bytes(64));
  EXPECT_EQ(traffic[4].demoted, Bytes(64));
  const auto seconds = Evaluate(window, schedule);
  ASSERT_THAT(seconds, IsOk());
  // Written to DRAM over the link of 100; HBM: read and demotion.
  EXPECT_DOUBLE_EQ((*seconds)[4].value(), 0.64);
  // The block may be in DRAM while it is written.
  const ClairvoyantSchedule late{{kDram, kDram, kDram, kDram, {2, 2}}};
  EXPECT_EQ(TrafficOf(window, late)[1].new_kv_dram, Bytes(16));
  // It was not read in phase 1, so that is no promotion.
  EXPECT_EQ(TrafficOf(window, late)[1].prefetched, Bytes(64));
  EXPECT_EQ(TrafficOf(window, late)[2].demoted, Bytes(64));
  EXPECT_THAT(Evaluate(window, late), IsOk());
}

TEST(ClairvoyantSchedule, RoutesWholeBlocks) {
  DeviceConfig device = SmallDevice(1, 8, 3);
  device.profile.link_read = BytesPerSecond(500);
  device.profile.dram = BytesPerSecond(500);
  device.read_routing = true;
  AccessWindowBuilder builder(device);
  builder.BeginPhase();
  for (int i = 0; i < 3; ++i) builder.Read(builder.AddBlock(kSmallBlock));
  const AccessWindow window = builder.Build();
  const auto seconds = Evaluate(window, {{{0, 0}, {0, 0}, {0, 0}}});
  ASSERT_THAT(seconds, IsOk());
  // Two from HBM, one from DRAM.
  EXPECT_DOUBLE_EQ((*seconds)[0].value(), 0.128);
}

struct Broken {
  const char* what;
  std::vector<Stay> stays;
};

TEST(ClairvoyantSchedule, BrokenOnesAreRefused) {
  const Broken cases[] = {
      {"before its birth", {kDram, kDram, kDram, {0, 2}}},
      {"after its use", {{2, 3}, kDram, kDram, kDram}},
      {"ends before its use", {kDram, {2, 2}, kDram, kDram}},
      {"after its last phase", {kDram, kDram, kDram, {2, 4}}},
      {"after the last phase of all", {kDram, kDram, {4, 6}, kDram}},
      {"begins before the use before", {kDram, {1, 3}, kDram, kDram}},
      {"overlaps the stay before", {{0, 2}, {2, 3}, kDram, kDram}},
      {"goes on after the next use", {{0, 4}, {3, 4}, kDram, kDram}},
  };
  const AccessWindow window = Window(kInclusive, 2);
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.what);
    EXPECT_THAT(Evaluate(window, {broken.stays}),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("stay")));
  }
}

TEST(ClairvoyantSchedule, MoreThanFitsIsRefused) {
  const ClairvoyantSchedule both{{kDram, {2, 3}, kDram, {1, 2}}};
  EXPECT_THAT(Evaluate(Window(kInclusive, 2), both), IsOk());
  EXPECT_THAT(Evaluate(Window(kInclusive, 1), both),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("phase 2")));
}

TEST(ClairvoyantSchedule, OfAnotherWindowIsRefused) {
  EXPECT_THAT(Evaluate(Window(kInclusive), {{kDram}}),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace kvplace
