// What operators ask of one live device.
//
// Thread-safety: any thread; the answer is made under the node's lock, so a
// step of the node waits for it.
#ifndef KVPLACE_SERVER_SERVICE_DEVICE_QUERIES_H_
#define KVPLACE_SERVER_SERVICE_DEVICE_QUERIES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kvplace/v1/admin.pb.h"
#include "server/service/node_registry.h"

namespace kvplace {

// NOT_FOUND: no live session there. O(live blocks of the device).
absl::StatusOr<std::vector<v1::SequenceStatus>> ListSequences(
    const NodeRegistry& registry, absl::string_view node_id,
    uint32_t device_index);

// A look-up, and a walk through the lists of the device's last order. Errors
// as admin.proto says.
absl::StatusOr<v1::ExplainBlockResponse> ExplainBlock(
    const NodeRegistry& registry, const v1::ExplainBlockRequest& request);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_DEVICE_QUERIES_H_
