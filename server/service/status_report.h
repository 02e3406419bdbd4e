// What operators and routers see of nodes, devices and sequences.
//
// Thread-safety: pure functions; the caller holds the node's lock.
#ifndef KVPLACE_SERVER_SERVICE_STATUS_REPORT_H_
#define KVPLACE_SERVER_SERVICE_STATUS_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "kvplace/v1/admin.pb.h"
#include "server/core/units.h"
#include "server/service/live_session.h"
#include "server/service/node.h"

namespace kvplace {

// All of one node, its devices included.
v1::NodeStatus ReportNode(const Node& node)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(node.mu);
// Of all its live sessions; appends.
void ReportSessions(const Node& node, std::vector<v1::SessionStatus>* out)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(node.mu);
// In order of sequence. O(live blocks). REQUIRES: the session lives and its
// node is locked.
std::vector<v1::SequenceStatus> ReportSequences(const LiveSession& session);

// How each device of the node would take a new sequence of `tokens` > 0 tokens;
// only those that serve `model`, unless that is empty; appends.
//
// The prediction takes the sequence's blocks to be read as often as the
// device's blocks are in the recent window (all of them every step where
// nothing was read yet), to fill the HBM that is free, and to miss beyond
// that; the others keep their hits, and nothing moves. Then the cost model, all
// groups alike.
void ReportRanks(const Node& node, uint64_t tokens, const std::string& model,
                 std::vector<v1::RankedDevice>* out)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(node.mu);
// Best first: what fits before what does not, then the shorter predicted step,
// then more free HBM, then by name.
bool RanksBefore(const v1::RankedDevice& a, const v1::RankedDevice& b);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_STATUS_REPORT_H_
