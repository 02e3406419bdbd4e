// One stream of AdminService.WatchUtilization: the nodes' state, then a pause,
// and so on until the caller goes away.
//
// Deletes itself when the stream is over. At most one write is outstanding, so
// a slow reader makes the pauses longer and nothing queues up. Thread-safety:
// gRPC's callbacks only.
#ifndef KVPLACE_SERVER_SERVICE_UTILIZATION_WATCH_H_
#define KVPLACE_SERVER_SERVICE_UTILIZATION_WATCH_H_

#include <atomic>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "kvplace/v1/admin.grpc.pb.h"
#include "server/service/node_registry.h"

namespace kvplace {

class UtilizationWatch final
    : public grpc::ServerWriteReactor<v1::WatchUtilizationResponse> {
 public:
  // `registry` and `watchers` outlive the stream; `watchers` was counted up for
  // it and is counted down at its end.
  UtilizationWatch(const NodeRegistry* registry, std::string node_id,
                   absl::Duration interval, std::atomic<int>* watchers);
  // Ends the stream with `refusal` at once. `watchers` is not touched.
  explicit UtilizationWatch(const absl::Status& refusal);

  void Begin() { SendNow(); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void SendNow();
  void OnAlarm();

  const NodeRegistry* const registry_ = nullptr;
  const std::string node_id_;
  const absl::Duration interval_;
  std::atomic<int>* const watchers_ = nullptr;

  v1::WatchUtilizationResponse response_;
  absl::Mutex mu_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_UTILIZATION_WATCH_H_
