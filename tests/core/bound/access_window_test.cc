// Windows: what was put in comes out block by block.
#include "server/core/bound/access_window.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

DeviceConfig Device(ResidencyMode mode) {
  DeviceConfig device = SmallDevice(1, 8, 2);
  device.mode = mode;
  return device;
}

TEST(AccessWindow, HasUsesByBlock) {
  AccessWindowBuilder builder(Device(ResidencyMode::kInclusive));
  const uint32_t a = builder.AddBlock(Bytes(64));
  const uint32_t idle = builder.AddBlock(Bytes(64));
  builder.BeginPhase();
  builder.Read(a);
  builder.Write(a, Bytes(16));
  builder.BeginPhase();
  const uint32_t b = builder.AddBlock(Bytes(64));
  builder.Read(b);
  builder.End(b);
  builder.BeginPhase();
  builder.Read(a);
  EXPECT_EQ(idle, 1u);
  const AccessWindow window = builder.Build();
  ASSERT_EQ(window.phases(), 3u);
  ASSERT_EQ(window.blocks(), 2u);  // without the one that nobody used
  EXPECT_EQ(window.added_as(0), a);
  EXPECT_EQ(window.added_as(1), b);
  EXPECT_EQ(window.block(0).born, 0u);
  EXPECT_EQ(window.block(0).last, 2u);
  EXPECT_EQ(window.block(1).born, 1u);
  EXPECT_EQ(window.block(1).last, 1u);
  EXPECT_EQ(window.total_uses(), 3u);
  EXPECT_EQ(window.reads(), 3u);
  ASSERT_EQ(window.uses(0).size(), 2u);
  EXPECT_EQ(window.uses(0)[1].phase(), 2u);
  EXPECT_TRUE(window.uses(0)[1].read());
  // Inclusive mode writes both tiers wherever the block is: no use.
  EXPECT_TRUE(window.writes(0).empty());
  EXPECT_EQ(window.new_kv()[0], Bytes(16));
  EXPECT_EQ(window.read_bytes()[1], Bytes(64));
  EXPECT_EQ(window.uniform_bytes(), Bytes(64));
  // The builder is empty again.
  const AccessWindow empty = builder.Build();
  EXPECT_EQ(empty.phases(), 0u);
  EXPECT_EQ(empty.blocks(), 0u);
}

TEST(AccessWindow, ExclusiveModeKnowsWhereWritesGo) {
  AccessWindowBuilder builder(Device(ResidencyMode::kExclusive));
  const uint32_t a = builder.AddBlock(Bytes(64));
  const uint32_t b = builder.AddBlock(Bytes(64));
  builder.BeginPhase();
  builder.Read(b);
  builder.Read(a);
  builder.Write(a, Bytes(16));
  builder.Write(a, Bytes(8));
  builder.Write(b, Bytes(0));
  builder.BeginPhase();
  builder.Write(a, Bytes(4));
  const AccessWindow window = builder.Build();
  EXPECT_EQ(window.reads(), 2u);
  ASSERT_EQ(window.total_uses(), 3u);
  EXPECT_TRUE(window.uses(0)[0].read());
  EXPECT_EQ(window.writes(0)[0], 24u);
  EXPECT_FALSE(window.uses(0)[1].read());
  EXPECT_EQ(window.uses(0)[1].phase(), 1u);
  EXPECT_EQ(window.writes(0)[1], 4u);
  EXPECT_EQ(window.writes(1)[0], 0u);
  EXPECT_EQ(window.new_kv()[0], Bytes(24));
}

TEST(AccessWindow, CapacityIsInWholeBlocks) {
  const auto with = [](Bytes capacity, std::vector<int64_t> sizes) {
    DeviceConfig device = Device(ResidencyMode::kInclusive);
    device.hbm_capacity = capacity;
    AccessWindowBuilder builder(device);
    builder.AddBlock(Bytes(7));  // not used, so it does not count
    builder.BeginPhase();
    for (const int64_t bytes : sizes) {
      builder.Read(builder.AddBlock(Bytes(bytes)));
    }
    return builder.Build();
  };
  EXPECT_EQ(with(Bytes(191), {64, 64}).capacity(), Bytes(128));
  EXPECT_EQ(with(Bytes(191), {64, 64}).device().hbm_capacity, Bytes(128));
  EXPECT_EQ(with(Bytes(192), {64}).capacity(), Bytes(192));
  EXPECT_EQ(with(Bytes(63), {64}).capacity(), Bytes(0));
  EXPECT_EQ(with(Bytes(63), {}).capacity(), Bytes(63));
  const AccessWindow mixed = with(Bytes(191), {64, 32});
  EXPECT_EQ(mixed.capacity(), Bytes(191));
  EXPECT_EQ(mixed.uniform_bytes(), Bytes(0));
  EXPECT_EQ(mixed.largest_block(), Bytes(64));
}

// Against maps of what happened.
TEST(AccessWindow, RandomHistories) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const bool exclusive = random() % 2 == 0;
    AccessWindowBuilder builder(Device(exclusive ? ResidencyMode::kExclusive
                                                 : ResidencyMode::kInclusive));
    struct Use {
      bool read = false;
      uint32_t written = 0;
    };
    std::vector<std::map<uint32_t, Use>> uses;
    for (uint32_t p = 0; p < 20; ++p) {
      builder.BeginPhase();
      if (p < 5) uses.resize(builder.AddBlock(Bytes(64)) + 1);
      for (uint32_t i = 0; i < uses.size(); ++i) {
        if (random() % 3 == 0) {
          builder.Read(i);
          uses[i][p].read = true;
        }
        if (random() % 3 == 0) {
          builder.Write(i, Bytes(16));
          if (exclusive) uses[i][p].written = 16;
        }
      }
    }
    const AccessWindow window = builder.Build();
    for (uint32_t i = 0; i < window.blocks(); ++i) {
      const auto& expected = uses[window.added_as(i)];
      ASSERT_EQ(window.uses(i).size(), expected.size());
      size_t j = 0;
      for (const auto& [phase, use] : expected) {
        ASSERT_EQ(window.uses(i)[j].phase(), phase);
        ASSERT_EQ(window.uses(i)[j].read(), use.read);
        if (exclusive) {
          ASSERT_EQ(window.writes(i)[j], use.written);
        }
        ++j;
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
