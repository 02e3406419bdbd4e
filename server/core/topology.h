// What a device is: its two memory tiers, their bandwidths, and how its KV
// cache is cut into layer groups and blocks.
//
// Thread-safety: plain values.
#ifndef KVPLACE_SERVER_CORE_TOPOLOGY_H_
#define KVPLACE_SERVER_CORE_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/core/ids.h"
#include "server/core/units.h"

namespace kvplace {

// A memory tier of a block. kNone: the block does not exist.
enum class Tier : uint8_t { kNone = 0, kHbm = 1, kDram = 2 };

// kInclusive: DRAM always keeps a copy; demotion is free, new KV is written
// through. kExclusive: a block lives in one tier; demotion costs an HBM read
// and a DRAM write.
enum class ResidencyMode : uint8_t { kInclusive = 0, kExclusive = 1 };

// Largest byte quantity accepted from outside, so that sums stay exact.
inline constexpr Bytes kMaxBytes{int64_t{1} << 60};

// Bandwidths of one device and the DRAM of its node.
struct MachineProfile {
  std::string name;
  // B_H: reads and writes share it.
  BytesPerSecond hbm;
  // B_r, B_w: the device's link, full duplex.
  BytesPerSecond link_read;
  BytesPerSecond link_write;
  // B_int: DRAM's own, shared by the node's devices.
  BytesPerSecond dram;
};

// paper-gh200, gh200-measured, h100-pcie5, gb200 (nominal numbers).
std::span<const MachineProfile> BuiltInProfiles();
std::optional<MachineProfile> FindProfile(absl::string_view name);

// INVALID_ARGUMENT, naming the field, unless every bandwidth is > 0 and not
// NaN, and finite where `allow_infinite` is false.
absl::Status Validate(const MachineProfile& profile, bool allow_infinite);

// One layer group of a device's KV cache.
struct GroupConfig {
  Bytes block_bytes;
  // Blocks of this group that may live at once.
  uint32_t handles = 0;
  uint32_t page_tokens = 0;
  Bytes kv_bytes_per_token;
};

// One device, as a session declares it or a simulation assumes it.
struct DeviceConfig {
  MachineProfile profile;
  // Devices of the node that read DRAM at the same time, >= 1.
  uint32_t devices_sharing_dram = 1;
  ResidencyMode mode = ResidencyMode::kInclusive;
  // C_H, >= 0.
  Bytes hbm_capacity;
  // W: read from HBM in every phase whatever the placement.
  Bytes fixed_bytes_per_phase;
  // A resident block may be read from its DRAM copy (inclusive only).
  bool read_routing = false;
  // In the order in which a step runs them.
  std::vector<GroupConfig> groups;

  Bytes block_bytes(GroupId group) const {
    return groups[group.value()].block_bytes;
  }
  // Size of the handle space, all groups together.
  uint32_t handles() const;
  GroupId group_count() const {
    return GroupId(static_cast<uint32_t>(groups.size()));
  }
};

// B_D = min(B_r, B_int / devices that read at the same time).
BytesPerSecond EffectiveDramRead(const DeviceConfig& device);

// alpha* = B_H / (B_H + B_D): the share of reads that HBM should serve.
double BalancedHbmShare(const DeviceConfig& device);

// Naming the field, INVALID_ARGUMENT: a bandwidth or capacity out of range, no
// group or too many, byte sums over kMaxBytes, read routing in exclusive mode.
// RESOURCE_EXHAUSTED: more than `max_handles` handles.
absl::Status Validate(const DeviceConfig& device, uint32_t max_handles,
                      bool allow_infinite);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_TOPOLOGY_H_
