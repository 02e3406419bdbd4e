// Plans <-> the wire.
//
// The decoder is for clients: it takes bytes from a server that may be of
// another version or broken. INVALID_ARGUMENT names the field from "plan." on.
// Thread-safety: EncodePlan is pure; a decoder serves one thread at a time.
#ifndef KVPLACE_SERVER_CONVERT_PLAN_CODEC_H_
#define KVPLACE_SERVER_CONVERT_PLAN_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/ids.h"
#include "server/core/plan.h"

namespace kvplace {

v1::MoveReason MoveReasonToProto(MoveReason reason);

// Overwrites *out, keeping its memory. REQUIRES: the order is for whole steps
// (decision delay >= 1): what only delay 0 uses has no wire form.
void EncodePlan(const Plan& plan, bool advisory, v1::Plan* out);
// The same where *out has an earlier plan with this order already.
void EncodeRepeat(const Plan& plan, v1::Plan* out);

class PlanDecoder {
 public:
  PlanDecoder(uint32_t groups, uint32_t handles)
      : groups_(groups), seen_(handles, false) {}

  // Overwrites *out, keeping its memory. INVALID_ARGUMENT: another number of
  // groups, a handle out of range or twice in a list, terms that cannot be.
  absl::Status Decode(const v1::Plan& plan, Plan* out);

 private:
  absl::Status DecodeOrder(const v1::Plan& plan, StandingOrder* out);
  absl::Status DecodeGroup(const v1::GroupOrder& group, GroupOrder* out);
  absl::Status DecodeList(const char* field, const std::string& bytes,
                          std::vector<BlockId>* out);

  const uint32_t groups_;
  // One bit per handle, all clear between calls.
  std::vector<bool> seen_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_PLAN_CODEC_H_
