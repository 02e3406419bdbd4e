#include "server/core/topology.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

constexpr size_t kMaxGroups = 4096;
constexpr uint32_t kMaxDevicesSharingDram = 64;

absl::Status CheckBandwidth(absl::string_view field, BytesPerSecond bandwidth,
                            bool allow_infinite) {
  const double v = bandwidth.value();
  if (!(v > 0) || (std::isinf(v) && !allow_infinite)) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " is ", v, ", expected ", allow_infinite ? "" : "a finite ",
        "number of bytes per second > 0"));
  }
  return absl::OkStatus();
}

absl::Status CheckBytes(absl::string_view field, Bytes bytes, Bytes least) {
  if (bytes < least || bytes > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is ", bytes.count(), ", expected ", least.count(),
                     "..", kMaxBytes.count(), " bytes"));
  }
  return absl::OkStatus();
}

absl::Status Validate(const GroupConfig& group, size_t index) {
  const std::string at = absl::StrCat("groups[", index, "].");
  if (auto s = CheckBytes(at + "block_bytes", group.block_bytes, Bytes(1));
      !s.ok()) {
    return s;
  }
  if (auto s = CheckBytes(at + "kv_bytes_per_token", group.kv_bytes_per_token,
                          Bytes(1));
      !s.ok()) {
    return s;
  }
  if (group.handles == 0 || group.page_tokens == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(at, group.handles == 0 ? "handles" : "page_tokens",
                     " is 0, expected > 0"));
  }
  if (group.block_bytes / group.kv_bytes_per_token < group.page_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        at, "block_bytes is ", group.block_bytes.count(),
        ", expected at least page_tokens * kv_bytes_per_token = ",
        group.page_tokens, " * ", group.kv_bytes_per_token.count()));
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const MachineProfile> BuiltInProfiles() {
  static const auto* const kProfiles = new std::vector<MachineProfile>{
      {"paper-gh200", GigabytesPerSecond(4900), GigabytesPerSecond(450),
       GigabytesPerSecond(450), GigabytesPerSecond(500)},
      {"gh200-measured", GigabytesPerSecond(3728), GigabytesPerSecond(378),
       GigabytesPerSecond(297), GigabytesPerSecond(500)},
      {"h100-pcie5", GigabytesPerSecond(3350), GigabytesPerSecond(55),
       GigabytesPerSecond(55), GigabytesPerSecond(300)},
      {"gb200", GigabytesPerSecond(8000), GigabytesPerSecond(450),
       GigabytesPerSecond(450), GigabytesPerSecond(500)},
  };
  return *kProfiles;
}

std::optional<MachineProfile> FindProfile(absl::string_view name) {
  for (const MachineProfile& profile : BuiltInProfiles()) {
    if (profile.name == name) return profile;
  }
  return std::nullopt;
}

absl::Status Validate(const MachineProfile& profile, bool allow_infinite) {
  const std::pair<absl::string_view, BytesPerSecond> fields[] = {
      {"hbm_bytes_per_second", profile.hbm},
      {"link_read_bytes_per_second", profile.link_read},
      {"link_write_bytes_per_second", profile.link_write},
      {"dram_bytes_per_second", profile.dram},
  };
  for (const auto& [field, bandwidth] : fields) {
    if (auto s = CheckBandwidth(field, bandwidth, allow_infinite); !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

uint32_t DeviceConfig::handles() const {
  uint32_t sum = 0;
  for (const GroupConfig& group : groups) sum += group.handles;
  return sum;
}

BytesPerSecond EffectiveDramRead(const DeviceConfig& device) {
  return std::min(device.profile.link_read,
                  BytesPerSecond(device.profile.dram.value() /
                                 device.devices_sharing_dram));
}

double BalancedHbmShare(const DeviceConfig& device) {
  const double dram = EffectiveDramRead(device).value();
  const double hbm = device.profile.hbm.value();
  if (std::isinf(hbm)) return 1.0;
  return hbm / (hbm + dram);
}

absl::Status Validate(const DeviceConfig& device, uint32_t max_handles,
                      bool allow_infinite) {
  if (auto s = Validate(device.profile, allow_infinite); !s.ok()) return s;
  if (device.devices_sharing_dram == 0 ||
      device.devices_sharing_dram > kMaxDevicesSharingDram) {
    return absl::InvalidArgumentError(
        absl::StrCat("devices_sharing_dram is ", device.devices_sharing_dram,
                     ", expected 1..", kMaxDevicesSharingDram));
  }
  if (auto s = CheckBytes("hbm.capacity_bytes", device.hbm_capacity, Bytes(0));
      !s.ok()) {
    return s;
  }
  if (auto s = CheckBytes("fixed_bytes_per_phase", device.fixed_bytes_per_phase,
                          Bytes(0));
      !s.ok()) {
    return s;
  }
  if (device.groups.empty() || device.groups.size() > kMaxGroups) {
    return absl::InvalidArgumentError(
        absl::StrCat("groups has ", device.groups.size(),
                     " entries, expected 1..", kMaxGroups));
  }
  uint64_t handles = 0;
  long double bytes = 0;
  for (size_t g = 0; g < device.groups.size(); ++g) {
    if (auto s = Validate(device.groups[g], g); !s.ok()) return s;
    handles += device.groups[g].handles;
    bytes += static_cast<long double>(device.groups[g].block_bytes.count()) *
             device.groups[g].handles;
  }
  if (handles > max_handles) {
    return absl::ResourceExhaustedError(
        absl::StrCat("groups have ", handles,
                     " handles together, expected at most ", max_handles));
  }
  if (bytes > static_cast<long double>(kMaxBytes.count())) {
    return absl::InvalidArgumentError(
        absl::StrCat("groups' handles * block_bytes add up to more than ",
                     kMaxBytes.count(), " bytes"));
  }
  if (device.read_routing && device.mode != ResidencyMode::kInclusive) {
    return absl::InvalidArgumentError(
        "read_routing is set, expected off in exclusive mode: a resident block "
        "has no DRAM copy to read");
  }
  return absl::OkStatus();
}

}  // namespace kvplace
