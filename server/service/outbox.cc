#include "server/service/outbox.h"

#include <utility>

namespace kvplace {

void Outbox::PutResync(v1::ResyncReason reason, std::string detail) {
  v1::Resync& resync = resync_.emplace();
  resync.set_reason(reason);
  resync.set_detail(std::move(detail));
}

bool Outbox::PutPlan() { return std::exchange(has_plan_, true); }

bool Outbox::DropPlan() { return std::exchange(has_plan_, false); }

Outbox::Taken Outbox::Take(v1::ConnectResponse* out) {
  if (welcome_) {
    *out->mutable_welcome() = *std::move(welcome_);
    welcome_.reset();
  } else if (drain_) {
    *out->mutable_drain() = *std::move(drain_);
    drain_.reset();
  } else if (resync_) {
    *out->mutable_resync() = *std::move(resync_);
    resync_.reset();
  } else if (throttle_) {
    out->mutable_throttle()->set_sample_every(*throttle_);
    throttle_.reset();
  } else if (has_plan_) {
    out->Swap(&plan_);
    out->set_epoch(epoch_);
    has_plan_ = false;
    return Taken::kPlan;
  } else {
    return Taken::kNothing;
  }
  out->set_epoch(epoch_);
  return Taken::kControl;
}

}  // namespace kvplace
