// Hello: what comes through, and how each bad field is named.
#include "server/convert/hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/testing/session_messages.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint32_t kMaxHandles = 1 << 20;

TEST(HelloTest, ComesThroughAsItWas) {
  WorkerHello hello = SmallWorker(77);
  hello.device_index = 63;
  hello.node_id = std::string(128, 'n');
  hello.tenant = "tenant";
  hello.pod = "pod/1";
  hello.device.read_routing = true;
  hello.device.devices_sharing_dram = 4;
  hello.device.fixed_bytes_per_phase = Bytes(12);
  hello.device.groups[1] = {Bytes(1000), 5, 3, Bytes(7)};
  hello.next_step = StepIndex(12);
  v1::Hello wire;
  HelloToProto(hello, &wire);
  const auto back = HelloFromProto(wire, kMaxHandles);
  ASSERT_THAT(back, IsOk());
  v1::Hello again;
  HelloToProto(*back, &again);
  EXPECT_EQ(again.SerializeAsString(), wire.SerializeAsString());
  EXPECT_EQ(back->device.profile.link_write, BytesPerSecond(100));
  EXPECT_EQ(back->device.groups[1].page_tokens, 3u);
  EXPECT_EQ(back->dram_capacity, Bytes(1 << 20));

  hello.dram_capacity.reset();
  hello.device.mode = ResidencyMode::kExclusive;
  hello.device.read_routing = false;
  HelloToProto(hello, &wire);
  const auto exclusive = HelloFromProto(wire, kMaxHandles);
  ASSERT_THAT(exclusive, IsOk());
  EXPECT_EQ(exclusive->device.mode, ResidencyMode::kExclusive);
  EXPECT_FALSE(exclusive->dram_capacity);
}

TEST(HelloTest, ZeroDevicesSharingMeansOne) {
  v1::Hello wire;
  HelloToProto(SmallWorker(), &wire);
  wire.set_devices_sharing_dram(0);
  EXPECT_EQ(HelloFromProto(wire, kMaxHandles)->device.devices_sharing_dram, 1u);
}

TEST(HelloTest, AnEmptyHbmIsADevice) {
  v1::Hello wire;
  HelloToProto(SmallWorker(), &wire);
  wire.mutable_hbm()->set_capacity_bytes(0);
  EXPECT_THAT(HelloFromProto(wire, kMaxHandles), IsOk());
}

struct BadField {
  const char* field;
  const char* value;
  std::function<void(v1::Hello*)> change;
};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<BadField> BadIdentities() {
  return {
      {"node_id", "\"\"", [](auto* h) { h->clear_node_id(); }},
      {"node_id", "129 bytes",
       [](auto* h) { h->set_node_id(std::string(129, 'x')); }},
      {"node_id", "a/b", [](auto* h) { h->set_node_id("a/b"); }},
      {"node_id", "\\n", [](auto* h) { h->set_node_id("a\nb"); }},
      {"device_index", "64", [](auto* h) { h->set_device_index(64); }},
      {"incarnation", "0", [](auto* h) { h->set_incarnation(0); }},
      {"model", "129", [](auto* h) { h->set_model(std::string(129, 'x')); }},
      {"tenant", "\\x01", [](auto* h) { h->set_tenant("\1"); }},
      {"pod", "\\n", [](auto* h) { h->set_pod("x\nerror: fake"); }},
      {"next_step", "-1", [](auto* h) { h->set_next_step(-1); }},
      {"next_step", "9223372036854775807",
       [](auto* h) { h->set_next_step(INT64_MAX); }},
      {"residency_mode", "0", [](auto* h) { h->clear_residency_mode(); }},
      {"residency_mode", "9",
       [](auto* h) {
         h->set_residency_mode(static_cast<v1::ResidencyMode>(9));
       }},
      {"devices_sharing_dram", "65",
       [](auto* h) { h->set_devices_sharing_dram(65); }},
      {"read_routing", "exclusive",
       [](auto* h) {
         h->set_residency_mode(v1::RESIDENCY_MODE_EXCLUSIVE);
         h->set_read_routing(true);
       }},
  };
}

std::vector<BadField> BadTiers() {
  std::vector<BadField> cases = {
      {"hbm", "missing", [](auto* h) { h->clear_hbm(); }},
      {"dram", "missing", [](auto* h) { h->clear_dram(); }},
      {"hbm.capacity_bytes", "missing",
       [](auto* h) { h->mutable_hbm()->clear_capacity_bytes(); }},
      {"hbm.capacity_bytes", "18446744073709551615",
       [](auto* h) { h->mutable_hbm()->set_capacity_bytes(UINT64_MAX); }},
      {"dram.capacity_bytes", "9223372036854775808",
       [](auto* h) {
         h->mutable_dram()->set_capacity_bytes(uint64_t{1} << 63);
       }},
      {"fixed_bytes_per_phase", "1152921504606846977",
       [](auto* h) { h->set_fixed_bytes_per_phase((uint64_t{1} << 60) + 1); }},
  };
  for (const double value : {0.0, -1.0, kNan, kInfinity, -kInfinity}) {
    cases.push_back({"hbm.bandwidth_bytes_per_second", "", [value](auto* h) {
                       h->mutable_hbm()->set_bandwidth_bytes_per_second(value);
                     }});
    cases.push_back({"dram.bandwidth_bytes_per_second", "", [value](auto* h) {
                       h->mutable_dram()->set_bandwidth_bytes_per_second(value);
                     }});
    cases.push_back({"dram.link_read_bytes_per_second", "", [value](auto* h) {
                       h->mutable_dram()->set_link_read_bytes_per_second(value);
                     }});
    cases.push_back({"dram.link_write_bytes_per_second", "", [value](auto* h) {
                       h->mutable_dram()->set_link_write_bytes_per_second(
                           value);
                     }});
  }
  return cases;
}

std::vector<BadField> BadGroups() {
  return {
      {"groups", "0 entries", [](auto* h) { h->clear_groups(); }},
      {"groups", "4097 entries",
       [](auto* h) {
         while (h->groups_size() < 4097) *h->add_groups() = h->groups(0);
       }},
      {"groups[1].block_bytes", "0",
       [](auto* h) { h->mutable_groups(1)->set_block_bytes(0); }},
      {"groups[1].block_bytes", "18446744073709551615",
       [](auto* h) { h->mutable_groups(1)->set_block_bytes(UINT64_MAX); }},
      {"groups[0].handles", "0",
       [](auto* h) { h->mutable_groups(0)->set_handles(0); }},
      {"groups[0].page_tokens", "0",
       [](auto* h) { h->mutable_groups(0)->set_page_tokens(0); }},
      {"groups[0].kv_bytes_per_token", "0",
       [](auto* h) { h->mutable_groups(0)->set_kv_bytes_per_token(0); }},
      {"groups[0].block_bytes", "64",
       [](auto* h) { h->mutable_groups(0)->set_kv_bytes_per_token(17); }},
      {"block_bytes", "more than",
       [](auto* h) {
         h->mutable_groups(0)->set_block_bytes(uint64_t{1} << 60);
         h->mutable_groups(0)->set_kv_bytes_per_token(1);
       }},
  };
}

TEST(HelloTest, EachBadFieldIsNamed) {
  for (const auto& cases : {BadIdentities(), BadTiers(), BadGroups()}) {
    for (const BadField& bad : cases) {
      SCOPED_TRACE(absl::StrCat(bad.field, " ", bad.value));
      v1::Hello wire;
      HelloToProto(SmallWorker(), &wire);
      bad.change(&wire);
      EXPECT_THAT(HelloFromProto(wire, kMaxHandles),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           AllOf(HasSubstr("hello."), HasSubstr(bad.field),
                                 HasSubstr(bad.value))));
    }
  }
}

TEST(HelloTest, TooManyHandlesAreALimitNotAMistake) {
  v1::Hello wire;
  HelloToProto(SmallWorker(), &wire);
  EXPECT_THAT(HelloFromProto(wire, 16), IsOk());
  EXPECT_THAT(HelloFromProto(wire, 15),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("16 handles"), HasSubstr("15"))));
  // Their sum does not wrap.
  wire.mutable_groups(0)->set_handles(UINT32_MAX);
  EXPECT_THAT(HelloFromProto(wire, 1 << 28),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("4294967303 handles")));
}

TEST(HelloTest, OtherVersionsAreRefusedBeforeAnythingElse) {
  v1::Hello wire;
  wire.set_protocol_version(2);
  EXPECT_THAT(HelloFromProto(wire, kMaxHandles),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("protocol_version is 2"),
                             HasSubstr("speaks 1"))));
}

}  // namespace
}  // namespace kvplace
