// Every nonsense device is refused, and the refusal names the field.
#include "server/core/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr uint32_t kMaxHandles = 1000;

TEST(Topology, AcceptsWhatIsSound) {
  const DeviceConfig device = SmallDevice(3, 10, 0);
  EXPECT_THAT(Validate(device, kMaxHandles, false), IsOk());
  EXPECT_EQ(device.handles(), 30u);
  EXPECT_EQ(device.group_count(), GroupId(3));
  EXPECT_EQ(device.block_bytes(GroupId(2)), kSmallBlock);
}

TEST(Topology, AcceptsTheEdges) {
  DeviceConfig device = SmallDevice(1, kMaxHandles, 1);
  device.hbm_capacity = kMaxBytes;
  device.fixed_bytes_per_phase = kMaxBytes;
  device.devices_sharing_dram = 64;
  device.read_routing = true;
  EXPECT_THAT(Validate(device, kMaxHandles, false), IsOk());
  device.groups[0] = {kMaxBytes, 1, 1, kMaxBytes};
  EXPECT_THAT(Validate(device, kMaxHandles, false), IsOk());
  device.groups.assign(4096, GroupConfig{Bytes(1), 1, 1, Bytes(1)});
  EXPECT_THAT(Validate(device, 4096, false), IsOk());
}

struct Bandwidth {
  const char* field;
  BytesPerSecond MachineProfile::*member;
};

class BandwidthTest : public ::testing::TestWithParam<Bandwidth> {};

INSTANTIATE_TEST_SUITE_P(
    Fields, BandwidthTest,
    ::testing::Values(
        Bandwidth{"hbm_bytes_per_second", &MachineProfile::hbm},
        Bandwidth{"link_read_bytes_per_second", &MachineProfile::link_read},
        Bandwidth{"link_write_bytes_per_second", &MachineProfile::link_write},
        Bandwidth{"dram_bytes_per_second", &MachineProfile::dram}),
    [](const auto& param) { return std::string(param.param.field); });

TEST_P(BandwidthTest, NonsenseIsRefusedByName) {
  for (const double value : {0.0, -0.0, -1.0, -kInfinite, kNan}) {
    for (const bool allow_infinite : {false, true}) {
      SCOPED_TRACE(value);
      DeviceConfig device = SmallDevice(1, 1, 1);
      device.profile.*GetParam().member = BytesPerSecond(value);
      EXPECT_THAT(Validate(device.profile, allow_infinite),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           HasSubstr(GetParam().field)));
      EXPECT_THAT(Validate(device, kMaxHandles, allow_infinite),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           HasSubstr(GetParam().field)));
    }
  }
}

TEST_P(BandwidthTest, InfinityOnlyWhereAllowed) {
  DeviceConfig device = SmallDevice(1, 1, 1);
  device.profile.*GetParam().member = BytesPerSecond(kInfinite);
  EXPECT_THAT(Validate(device, kMaxHandles, true), IsOk());
  EXPECT_THAT(Validate(device, kMaxHandles, false),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(GetParam().field)));
  device.profile.*GetParam().member =
      BytesPerSecond(std::numeric_limits<double>::denorm_min());
  EXPECT_THAT(Validate(device, kMaxHandles, false), IsOk());
}

struct Spoiled {
  const char* name;
  const char* field;
  std::function<void(DeviceConfig&)> spoil;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

class SpoiledTest : public ::testing::TestWithParam<Spoiled> {};

TEST_P(SpoiledTest, IsRefusedByName) {
  DeviceConfig device = SmallDevice(2, 10, 4);
  ASSERT_THAT(Validate(device, kMaxHandles, true), IsOk());
  GetParam().spoil(device);
  EXPECT_THAT(Validate(device, kMaxHandles, true),
              StatusIs(GetParam().code, HasSubstr(GetParam().field)));
}

INSTANTIATE_TEST_SUITE_P(
    Device, SpoiledTest,
    ::testing::Values(
        Spoiled{"NobodyReadsDram", "devices_sharing_dram",
                [](DeviceConfig& d) { d.devices_sharing_dram = 0; }},
        Spoiled{"TooManyReadDram", "devices_sharing_dram",
                [](DeviceConfig& d) { d.devices_sharing_dram = 65; }},
        Spoiled{"NegativeCapacity", "capacity_bytes",
                [](DeviceConfig& d) { d.hbm_capacity = Bytes(-1); }},
        Spoiled{"HugeCapacity", "capacity_bytes",
                [](DeviceConfig& d) { d.hbm_capacity = kMaxBytes + Bytes(1); }},
        Spoiled{"OverflowingCapacity", "capacity_bytes",
                [](DeviceConfig& d) { d.hbm_capacity = Bytes(INT64_MAX); }},
        Spoiled{"NegativeFixed", "fixed_bytes_per_phase",
                [](DeviceConfig& d) { d.fixed_bytes_per_phase = Bytes(-1); }},
        Spoiled{"HugeFixed", "fixed_bytes_per_phase",
                [](DeviceConfig& d) {
                  d.fixed_bytes_per_phase = Bytes(INT64_MAX);
                }},
        Spoiled{"RoutingWithoutCopies", "read_routing",
                [](DeviceConfig& d) {
                  d.read_routing = true;
                  d.mode = ResidencyMode::kExclusive;
                }}),
    [](const auto& param) { return std::string(param.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Groups, SpoiledTest,
    ::testing::Values(
        Spoiled{"None", "groups", [](DeviceConfig& d) { d.groups.clear(); }},
        Spoiled{"TooMany", "groups",
                [](DeviceConfig& d) {
                  d.groups.assign(4097, GroupConfig{Bytes(1), 1, 1, Bytes(1)});
                }},
        Spoiled{"NoBlockBytes", "groups[1].block_bytes",
                [](DeviceConfig& d) { d.groups[1].block_bytes = Bytes(0); }},
        Spoiled{"NegativeBlockBytes", "groups[0].block_bytes",
                [](DeviceConfig& d) { d.groups[0].block_bytes = Bytes(-64); }},
        Spoiled{"HugeBlockBytes", "groups[0].block_bytes",
                [](DeviceConfig& d) {
                  d.groups[0].block_bytes = Bytes(INT64_MAX);
                }},
        Spoiled{
            "NoTokenBytes", "groups[1].kv_bytes_per_token",
            [](DeviceConfig& d) { d.groups[1].kv_bytes_per_token = Bytes(0); }},
        Spoiled{"HugeTokenBytes", "groups[1].kv_bytes_per_token",
                [](DeviceConfig& d) {
                  d.groups[1].kv_bytes_per_token = Bytes(INT64_MAX);
                }},
        Spoiled{"NoHandles", "groups[1].handles",
                [](DeviceConfig& d) { d.groups[1].handles = 0; }},
        Spoiled{"NoTokens", "groups[1].page_tokens",
                [](DeviceConfig& d) { d.groups[1].page_tokens = 0; }},
        Spoiled{"PageLargerThanBlock", "groups[1].block_bytes",
                [](DeviceConfig& d) { d.groups[1].page_tokens = 5; }},
        Spoiled{"PageOverflows", "groups[1].block_bytes",
                [](DeviceConfig& d) {
                  d.groups[1].page_tokens = UINT32_MAX;
                  d.groups[1].kv_bytes_per_token = kMaxBytes;
                }},
        Spoiled{"TooManyHandles", "handles",
                [](DeviceConfig& d) { d.groups[0].handles = kMaxHandles; },
                absl::StatusCode::kResourceExhausted},
        Spoiled{"HandlesOverflow", "handles",
                [](DeviceConfig& d) {
                  d.groups[0].handles = UINT32_MAX;
                  d.groups[1].handles = 2;
                },
                absl::StatusCode::kResourceExhausted},
        Spoiled{"BytesOverflow", "block_bytes",
                [](DeviceConfig& d) { d.groups[0].block_bytes = kMaxBytes; }}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(Topology, HandleLimitIsInclusive) {
  DeviceConfig device = SmallDevice(2, 500, 4);
  EXPECT_THAT(Validate(device, 1000, false), IsOk());
  EXPECT_THAT(Validate(device, 999, false),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("1000 handles")));
}

TEST(Topology, ProfilesAreTheDesignsNumbers) {
  ASSERT_EQ(BuiltInProfiles().size(), 4u);
  for (const MachineProfile& profile : BuiltInProfiles()) {
    EXPECT_THAT(Validate(profile, false), IsOk()) << profile.name;
    ASSERT_TRUE(FindProfile(profile.name).has_value());
    EXPECT_EQ(FindProfile(profile.name)->name, profile.name);
  }
  const MachineProfile h100 = *FindProfile("h100-pcie5");
  EXPECT_EQ(h100.hbm, BytesPerSecond(3350e9));
  EXPECT_EQ(h100.link_read, BytesPerSecond(55e9));
  EXPECT_EQ(h100.link_write, BytesPerSecond(55e9));
  EXPECT_EQ(h100.dram, BytesPerSecond(300e9));
  const MachineProfile measured = *FindProfile("gh200-measured");
  EXPECT_EQ(measured.link_read, BytesPerSecond(378e9));
  EXPECT_EQ(measured.link_write, BytesPerSecond(297e9));
  EXPECT_FALSE(FindProfile("").has_value());
  EXPECT_FALSE(FindProfile("H100-PCIE5").has_value());
}

TEST(Topology, InfiniteBandwidthsHaveABalance) {
  DeviceConfig device = SmallDevice(1, 1, 1);
  device.profile.link_read = device.profile.dram = BytesPerSecond(kInfinite);
  EXPECT_EQ(BalancedHbmShare(device), 0);
  device.profile.hbm = BytesPerSecond(kInfinite);
  EXPECT_EQ(BalancedHbmShare(device), 1);
}

}  // namespace
}  // namespace kvplace
