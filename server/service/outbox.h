// What a session has to say and has not yet handed to its stream: at most one
// message of each kind, a newer one in place of an older.
//
// Thread-safety: one thread at a time. Memory is swapped, not copied.
#ifndef KVPLACE_SERVER_SERVICE_OUTBOX_H_
#define KVPLACE_SERVER_SERVICE_OUTBOX_H_

#include <cstdint>
#include <optional>
#include <string>

#include "kvplace/v1/session.pb.h"

namespace kvplace {

class Outbox {
 public:
  explicit Outbox(uint64_t epoch) : epoch_(epoch) {}

  void PutWelcome(v1::Welcome welcome) { welcome_ = std::move(welcome); }
  void PutDrain(v1::Drain drain) { drain_ = std::move(drain); }
  // The worker has to hear of this before any plan.
  void PutResync(v1::ResyncReason reason, std::string detail);
  void PutThrottle(uint32_t sample_every) { throttle_ = sample_every; }

  // Where the next plan is written, with the memory of an earlier one. Then
  // PutPlan(); until then there is none.
  v1::Plan* plan_slot() { return plan_.mutable_plan(); }
  // True if a plan was there and is replaced.
  bool PutPlan();
  // True if there was one.
  bool DropPlan();

  enum class Taken { kNothing, kControl, kPlan };
  // In the order in which the worker needs them, plans last.
  Taken Take(v1::ConnectResponse* out);

 private:
  const uint64_t epoch_;
  std::optional<v1::Welcome> welcome_;
  std::optional<v1::Drain> drain_;
  std::optional<v1::Resync> resync_;
  std::optional<uint32_t> throttle_;
  v1::ConnectResponse plan_;
  bool has_plan_ = false;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_OUTBOX_H_
