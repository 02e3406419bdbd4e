// What the live commands print: tables for people, JSON for scripts.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_LIVE_REPORT_H_
#define KVPLACE_CLIENT_CLI_LIVE_REPORT_H_

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "kvplace/v1/admin.pb.h"

namespace kvplace {

using NodeList = google::protobuf::RepeatedPtrField<v1::NodeStatus>;
using SessionList = google::protobuf::RepeatedPtrField<v1::SessionStatus>;
using SequenceList = google::protobuf::RepeatedPtrField<v1::SequenceStatus>;

// One line per device: what it is and what it holds. kvplace.nodes/1.
void PrintNodes(const NodeList& nodes, bool json, std::ostream& out);
// One line per device: how it does. Also kvplace.nodes/1.
void PrintTop(const NodeList& nodes, bool json, std::ostream& out);
// kvplace.sessions/1, kvplace.sequences/1.
void PrintSessions(const SessionList& sessions, bool json, std::ostream& out);
void PrintSequences(const SequenceList& sequences, bool json,
                    std::ostream& out);
// kvplace.policy/1.
void PrintPolicy(const v1::GetPolicyResponse& policy, bool json,
                 std::ostream& out);
// kvplace.policy_change/1.
void PrintPolicyChange(const v1::SetPolicyResponse& change, bool dry_run,
                       bool json, std::ostream& out);
// kvplace.rank/1.
void PrintRanks(const v1::RankNodesResponse& ranks, bool json,
                std::ostream& out);

// "act", "advise", "observe".
absl::StatusOr<v1::Mode> ParseModeName(const std::string& name);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_LIVE_REPORT_H_
