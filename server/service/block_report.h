// One block of a live device, for operators.
//
// Thread-safety: pure functions; the caller holds the node's lock.
#ifndef KVPLACE_SERVER_SERVICE_BLOCK_REPORT_H_
#define KVPLACE_SERVER_SERVICE_BLOCK_REPORT_H_

#include "absl/status/statusor.h"
#include "kvplace/v1/admin.pb.h"
#include "server/core/ids.h"
#include "server/service/live_session.h"

namespace kvplace {

// Errors as admin.proto says of ExplainBlock. REQUIRES: the session lives and
// its node is locked.
absl::StatusOr<v1::ExplainBlockResponse> ReportBlock(const LiveSession& session,
                                                     BlockId block);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_BLOCK_REPORT_H_
