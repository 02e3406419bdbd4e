#include "server/convert/hello.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

constexpr size_t kMaxLabelLength = 128;
// Leaves room for 2^32 steps and a plan's lifetime.
constexpr int64_t kMaxNextStep = int64_t{1} << 62;

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat("hello.", words...));
}

absl::Status CheckLabel(absl::string_view field, const std::string& label) {
  if (label.size() > kMaxLabelLength) {
    return Bad(field, " has ", label.size(), " bytes, expected at most ",
               kMaxLabelLength);
  }
  if (!std::all_of(label.begin(), label.end(),
                   [](unsigned char c) { return c >= 0x20 && c != 0x7f; })) {
    return Bad(field, " is \"", absl::CHexEscape(label),
               "\", expected no control characters");
  }
  return absl::OkStatus();
}

absl::Status GetBytes(absl::string_view field, uint64_t value, Bytes least,
                      Bytes* out) {
  if (value > static_cast<uint64_t>(kMaxBytes.count()) ||
      value < static_cast<uint64_t>(least.count())) {
    return Bad(field, " is ", value, ", expected ", least.count(), "..",
               kMaxBytes.count(), " bytes");
  }
  *out = Bytes(static_cast<int64_t>(value));
  return absl::OkStatus();
}

absl::Status GetBandwidth(absl::string_view field, double value,
                          BytesPerSecond* out) {
  if (!(value > 0) || !std::isfinite(value)) {
    return Bad(field, " is ", value,
               ", expected a finite number of bytes per second > 0");
  }
  *out = BytesPerSecond(value);
  return absl::OkStatus();
}

absl::Status GetTiers(const v1::Hello& hello, WorkerHello* out) {
  if (!hello.has_hbm()) return Bad("hbm is missing, expected the device's HBM");
  if (!hello.has_dram())
    return Bad("dram is missing, expected the node's DRAM");
  const v1::HbmTier& hbm = hello.hbm();
  const v1::DramTier& dram = hello.dram();
  MachineProfile& profile = out->device.profile;
  if (!hbm.has_capacity_bytes()) {
    return Bad("hbm.capacity_bytes is missing, expected bytes available to KV");
  }
  for (absl::Status s :
       {GetBytes("hbm.capacity_bytes", hbm.capacity_bytes(), Bytes(0),
                 &out->device.hbm_capacity),
        GetBandwidth("hbm.bandwidth_bytes_per_second",
                     hbm.bandwidth_bytes_per_second(), &profile.hbm),
        GetBandwidth("dram.bandwidth_bytes_per_second",
                     dram.bandwidth_bytes_per_second(), &profile.dram),
        GetBandwidth("dram.link_read_bytes_per_second",
                     dram.link_read_bytes_per_second(), &profile.link_read),
        GetBandwidth("dram.link_write_bytes_per_second",
                     dram.link_write_bytes_per_second(),
                     &profile.link_write)}) {
    if (!s.ok()) return s;
  }
  if (!dram.has_capacity_bytes()) return absl::OkStatus();
  return GetBytes("dram.capacity_bytes", dram.capacity_bytes(), Bytes(0),
                  &out->dram_capacity.emplace());
}

absl::Status GetGroups(const v1::Hello& hello, DeviceConfig* device) {
  device->groups.reserve(static_cast<size_t>(hello.groups_size()));
  for (int g = 0; g < hello.groups_size(); ++g) {
    const v1::LayerGroup& group = hello.groups(g);
    const std::string at = absl::StrCat("groups[", g, "].");
    GroupConfig& config = device->groups.emplace_back();
    config.handles = group.handles();
    config.page_tokens = group.page_tokens();
    for (absl::Status s :
         {GetBytes(at + "block_bytes", group.block_bytes(), Bytes(1),
                   &config.block_bytes),
          GetBytes(at + "kv_bytes_per_token", group.kv_bytes_per_token(),
                   Bytes(1), &config.kv_bytes_per_token)}) {
      if (!s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status GetIdentity(const v1::Hello& hello, WorkerHello* out) {
  if (auto s = CheckNodeId("hello.node_id", hello.node_id()); !s.ok()) return s;
  if (hello.device_index() >= kMaxDevicesPerNode) {
    return Bad("device_index is ", hello.device_index(), ", expected 0..",
               kMaxDevicesPerNode - 1);
  }
  if (hello.incarnation() == 0) {
    return Bad("incarnation is 0, expected the session's start in ns, > 0");
  }
  for (absl::Status s :
       {CheckLabel("model", hello.model()),
        CheckLabel("tenant", hello.tenant()), CheckLabel("pod", hello.pod())}) {
    if (!s.ok()) return s;
  }
  if (hello.next_step() < 0 || hello.next_step() > kMaxNextStep) {
    return Bad("next_step is ", hello.next_step(), ", expected 0..",
               kMaxNextStep);
  }
  out->node_id = hello.node_id();
  out->device_index = hello.device_index();
  out->incarnation = hello.incarnation();
  out->model = hello.model();
  out->tenant = hello.tenant();
  out->pod = hello.pod();
  out->next_step = StepIndex(hello.next_step());
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNodeId(absl::string_view field, absl::string_view node_id) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
           c == '_' || c == '-';
  };
  if (!node_id.empty() && node_id.size() <= kMaxNodeIdLength &&
      std::all_of(node_id.begin(), node_id.end(), allowed)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      field, " is \"", absl::CHexEscape(node_id.substr(0, kMaxNodeIdLength)),
      "\" (", node_id.size(), " bytes), expected 1..", kMaxNodeIdLength,
      " characters of [A-Za-z0-9._-]"));
}

absl::Status CheckProtocolVersion(const v1::Hello& hello) {
  if (hello.protocol_version() == kSessionProtocolVersion)
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("hello.protocol_version is ", hello.protocol_version(),
                   ", this server speaks ", kSessionProtocolVersion));
}

absl::StatusOr<WorkerHello> HelloFromProto(const v1::Hello& hello,
                                           uint32_t max_handles) {
  if (auto s = CheckProtocolVersion(hello); !s.ok()) return s;
  WorkerHello out;
  DeviceConfig& device = out.device;
  device.devices_sharing_dram = std::max(1u, hello.devices_sharing_dram());
  device.read_routing = hello.read_routing();
  switch (hello.residency_mode()) {
    case v1::RESIDENCY_MODE_INCLUSIVE:
      device.mode = ResidencyMode::kInclusive;
      break;
    case v1::RESIDENCY_MODE_EXCLUSIVE:
      device.mode = ResidencyMode::kExclusive;
      break;
    default:
      return Bad("residency_mode is ", hello.residency_mode(),
                 ", expected inclusive or exclusive");
  }
  for (absl::Status s :
       {GetIdentity(hello, &out), GetTiers(hello, &out),
        GetBytes("fixed_bytes_per_phase", hello.fixed_bytes_per_phase(),
                 Bytes(0), &device.fixed_bytes_per_phase),
        GetGroups(hello, &device)}) {
    if (!s.ok()) return s;
  }
  if (auto s = Validate(device, max_handles, /*allow_infinite=*/false);
      !s.ok()) {
    return absl::Status(s.code(), absl::StrCat("hello.", s.message()));
  }
  return out;
}

void HelloToProto(const WorkerHello& hello, v1::Hello* out) {
  out->Clear();
  out->set_protocol_version(kSessionProtocolVersion);
  out->set_node_id(hello.node_id);
  out->set_device_index(hello.device_index);
  out->set_incarnation(hello.incarnation);
  out->set_model(hello.model);
  out->set_tenant(hello.tenant);
  out->set_pod(hello.pod);
  const DeviceConfig& device = hello.device;
  const auto bytes = [](Bytes b) { return static_cast<uint64_t>(b.count()); };
  out->mutable_hbm()->set_capacity_bytes(bytes(device.hbm_capacity));
  out->mutable_hbm()->set_bandwidth_bytes_per_second(
      device.profile.hbm.value());
  v1::DramTier* dram = out->mutable_dram();
  if (hello.dram_capacity)
    dram->set_capacity_bytes(bytes(*hello.dram_capacity));
  dram->set_bandwidth_bytes_per_second(device.profile.dram.value());
  dram->set_link_read_bytes_per_second(device.profile.link_read.value());
  dram->set_link_write_bytes_per_second(device.profile.link_write.value());
  out->set_residency_mode(device.mode == ResidencyMode::kInclusive
                              ? v1::RESIDENCY_MODE_INCLUSIVE
                              : v1::RESIDENCY_MODE_EXCLUSIVE);
  for (const GroupConfig& group : device.groups) {
    v1::LayerGroup* g = out->add_groups();
    g->set_block_bytes(bytes(group.block_bytes));
    g->set_handles(group.handles);
    g->set_page_tokens(group.page_tokens);
    g->set_kv_bytes_per_token(bytes(group.kv_bytes_per_token));
  }
  out->set_fixed_bytes_per_phase(bytes(device.fixed_bytes_per_phase));
  out->set_read_routing(device.read_routing);
  out->set_next_step(hello.next_step.value());
  out->set_devices_sharing_dram(device.devices_sharing_dram);
}

}  // namespace kvplace
