#include "server/service/utilization_watch.h"

#include <chrono>
#include <utility>

#include "server/service/status_bridge.h"

namespace kvplace {

UtilizationWatch::UtilizationWatch(const NodeRegistry* registry,
                                   std::string node_id, absl::Duration interval,
                                   std::atomic<int>* watchers)
    : registry_(registry),
      node_id_(std::move(node_id)),
      interval_(interval),
      watchers_(watchers) {}

UtilizationWatch::UtilizationWatch(const absl::Status& refusal) {
  Finish(ToGrpc(refusal));
}

void UtilizationWatch::SendNow() {
  response_.Clear();
  for (v1::NodeStatus& node : registry_->Nodes(node_id_)) {
    *response_.add_nodes() = std::move(node);
  }
  StartWrite(&response_);
}

void UtilizationWatch::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    if (ok && !cancelled_) {
      alarm_.Set(std::chrono::system_clock::now() +
                     absl::ToChronoNanoseconds(interval_),
                 [this](bool) { OnAlarm(); });
      return;
    }
  }
  Finish(grpc::Status::CANCELLED);
}

void UtilizationWatch::OnAlarm() {
  bool cancelled;
  {
    absl::MutexLock lock(&mu_);
    cancelled = cancelled_;
  }
  if (cancelled) {
    Finish(grpc::Status::CANCELLED);
  } else {
    SendNow();
  }
}

void UtilizationWatch::OnCancel() {
  absl::MutexLock lock(&mu_);
  cancelled_ = true;
  // Rings at once if it is set; if a write is outstanding, its end finishes.
  alarm_.Cancel();
}

void UtilizationWatch::OnDone() {
  if (watchers_ != nullptr) watchers_->fetch_sub(1);
  delete this;
}

}  // namespace kvplace
