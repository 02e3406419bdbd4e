#include "server/core/metrics_sink.h"

#include "absl/strings/string_view.h"

namespace kvplace {

absl::string_view Name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kProtocolVersion:
      return "protocol_version";
    case RejectReason::kMalformed:
      return "malformed";
    case RejectReason::kOutOfOrder:
      return "out_of_order";
    case RejectReason::kStaleIncarnation:
      return "stale_incarnation";
    case RejectReason::kSuperseded:
      return "superseded";
    case RejectReason::kTooLarge:
      return "too_large";
    case RejectReason::kLimit:
      return "limit";
    case RejectReason::kDraining:
      return "draining";
    case RejectReason::kUnauthorized:
      return "unauthorized";
    case RejectReason::kHeartbeatLapsed:
      return "heartbeat_lapsed";
    case RejectReason::kTooManyResyncs:
      return "too_many_resyncs";
  }
  return "unknown";
}

absl::string_view Name(DropReason reason) {
  switch (reason) {
    case DropReason::kAwaitingInventory:
      return "awaiting_inventory";
    case DropReason::kOverload:
      return "overload";
    case DropReason::kNotLearned:
      return "not_learned";
    case DropReason::kPlanReplaced:
      return "plan_replaced";
    case DropReason::kRecorderQueue:
      return "recorder_queue";
    case DropReason::kRecorderDisk:
      return "recorder_disk";
  }
  return "unknown";
}

absl::string_view Name(ResyncCause cause) {
  switch (cause) {
    case ResyncCause::kSequenceGap:
      return "sequence_gap";
    case ResyncCause::kUnknownHandle:
      return "unknown_handle";
    case ResyncCause::kLiveHandle:
      return "live_handle";
    case ResyncCause::kLedgerMismatch:
      return "ledger_mismatch";
  }
  return "unknown";
}

absl::string_view Name(MoveOutcome outcome) {
  switch (outcome) {
    case MoveOutcome::kDone:
      return "done";
    case MoveOutcome::kFailed:
      return "failed";
    case MoveOutcome::kExpired:
      return "expired";
  }
  return "unknown";
}

absl::string_view Name(OrderSource source) {
  switch (source) {
    case OrderSource::kPlan:
      return "plan";
    case OrderSource::kLocal:
      return "local";
  }
  return "unknown";
}

}  // namespace kvplace
