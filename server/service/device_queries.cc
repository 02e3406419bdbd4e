#include "server/service/device_queries.h"

#include <utility>

#include "server/service/block_report.h"
#include "server/service/live_session.h"
#include "server/service/status_report.h"

namespace kvplace {

absl::StatusOr<std::vector<v1::SequenceStatus>> ListSequences(
    const NodeRegistry& registry, absl::string_view node_id,
    uint32_t device_index) {
  std::vector<v1::SequenceStatus> sequences;
  const absl::Status status =
      registry.Look(node_id, device_index, [&](const LiveSession& session) {
        sequences = ReportSequences(session);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return sequences;
}

absl::StatusOr<v1::ExplainBlockResponse> ExplainBlock(
    const NodeRegistry& registry, const v1::ExplainBlockRequest& request) {
  absl::StatusOr<v1::ExplainBlockResponse> block;
  const absl::Status status =
      registry.Look(request.node_id(), request.device_index(),
                    [&](const LiveSession& session) {
                      block = ReportBlock(session, BlockId(request.handle()));
                      return block.status();
                    });
  if (!status.ok()) return status;
  return block;
}

}  // namespace kvplace
