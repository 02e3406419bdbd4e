// Hello <-> what the core knows of a device, and who the worker is.
//
// From the wire every field is checked; errors are INVALID_ARGUMENT (too many
// handles: RESOURCE_EXHAUSTED; another protocol version: FAILED_PRECONDITION)
// and name the field, its value and what was expected.
// Thread-safety: pure functions.
#ifndef KVPLACE_SERVER_CONVERT_HELLO_H_
#define KVPLACE_SERVER_CONVERT_HELLO_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/ids.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

// The version of proto/kvplace/v1/session.proto that this program speaks.
inline constexpr uint32_t kSessionProtocolVersion = 1;
inline constexpr uint32_t kMaxDevicesPerNode = 64;
inline constexpr size_t kMaxNodeIdLength = 128;

// A Hello, checked.
struct WorkerHello {
  std::string node_id;
  uint32_t device_index = 0;
  uint64_t incarnation = 0;
  std::string model, tenant, pod;
  DeviceConfig device;
  // Of the node's DRAM; unknown if absent.
  std::optional<Bytes> dram_capacity;
  StepIndex next_step{0};
};

// FAILED_PRECONDITION, naming both versions.
absl::Status CheckProtocolVersion(const v1::Hello& hello);

absl::StatusOr<WorkerHello> HelloFromProto(const v1::Hello& hello,
                                           uint32_t max_handles);
// Sets the protocol version too.
void HelloToProto(const WorkerHello& hello, v1::Hello* out);

// 1..128 characters of [A-Za-z0-9._-]; `field` begins the message.
absl::Status CheckNodeId(absl::string_view field, absl::string_view node_id);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_HELLO_H_
