// A session after its Hello: the protocol's rules round a DeviceScheduler.
//
// Sequence numbers, inventories, resyncs, throttling, drain and silence are
// decided here; what messages say about blocks is the scheduler's business.
//
// Thread-safety: guarded by its node's lock. Methods named ...Locked want it
// held (AssertLocked tells the analysis so); the others take it.
#ifndef KVPLACE_SERVER_SERVICE_LIVE_SESSION_H_
#define KVPLACE_SERVER_SERVICE_LIVE_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/hello.h"
#include "server/core/metrics_sink.h"
#include "server/service/clock.h"
#include "server/service/cpu_pressure.h"
#include "server/service/device_scheduler.h"
#include "server/service/node.h"
#include "server/service/outbox.h"
#include "server/service/overload_guard.h"
#include "server/service/recent_latencies.h"
#include "server/service/session.h"

namespace kvplace {

// What is left of a session that ended, to be taken care of without a lock.
struct Remains {
  std::shared_ptr<Node> node;
  SessionKey key;
  absl::Status status;
  std::weak_ptr<StreamHandle> stream;
  uint64_t handles = 0;
  // Its memory, which may take a while to free.
  std::unique_ptr<DeviceScheduler> scheduler;
};

// Since the session began.
struct SessionCounters {
  uint64_t messages = 0;
  uint64_t plans = 0;
  uint64_t resyncs = 0;
  // Messages that were not applied.
  uint64_t dropped = 0;
  // From the arrival of a step to the hand-over of its plan.
  RecentLatencies latencies;
};

class LiveSession {
 public:
  struct Terms {
    const ServiceOptions* options;
    const Clock* clock;
    MetricsSink* metrics;
    const LogFunction* log;
    CpuPressure* pressure;
  };

  // A session that nobody knows yet. The node's entry and the metrics follow in
  // StartLocked.
  LiveSession(const Terms& terms, WorkerHello hello, uint64_t epoch,
              std::string peer, std::weak_ptr<StreamHandle> stream,
              std::shared_ptr<Node> node,
              std::shared_ptr<const PolicyInForce> policy);
  ~LiveSession();

  // --- by its stream ---

  // A message after Hello, as of Session::OnMessage. If that ends the session,
  // *remains is set and has to go to NodeRegistry::Bury.
  Session::Outcome OnMessage(const v1::ConnectRequest& message,
                             absl::Duration arrived, EncodedReads reads,
                             std::optional<Remains>* remains)
      ABSL_LOCKS_EXCLUDED(node_->mu);
  bool TakeOutgoing(v1::ConnectResponse* out) ABSL_LOCKS_EXCLUDED(node_->mu);
  void OnWritten() ABSL_LOCKS_EXCLUDED(node_->mu);
  std::optional<absl::Status> end() const ABSL_LOCKS_EXCLUDED(node_->mu);

  // --- by the registry, under the node's lock ---

  void AssertLocked() const ABSL_ASSERT_EXCLUSIVE_LOCK(node_->mu) {
    node_->mu.AssertHeld();
  }
  // Takes the device: into the node's table, with metrics and Welcome.
  // REQUIRES: the device is free.
  void StartLocked(const std::shared_ptr<LiveSession>& self,
                   absl::Duration arrived)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // Frees the device. REQUIRES: live_locked().
  Remains EndLocked(absl::Status status, std::optional<RejectReason> reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // Silence, the end of a drain, and what becomes older.
  std::optional<Remains> SweepLocked(absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void DrainLocked(absl::Duration now, absl::Duration deadline,
                   const std::string& reconnect_to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void SetPolicyLocked(std::shared_ptr<const PolicyInForce> policy)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);

  bool live_locked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu) {
    return scheduler_ != nullptr;
  }
  // REQUIRES: live_locked().
  const DeviceScheduler& scheduler_locked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu) {
    return *scheduler_;
  }
  bool ready_locked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu) {
    return state_ == State::kReady;
  }
  const SessionCounters& counters_locked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu) {
    return counters_;
  }
  // Time since the last message.
  absl::Duration silence_locked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu) {
    return terms_.clock->Monotonic() - last_heard_;
  }

  // --- constant ---

  const WorkerHello& hello() const { return hello_; }
  const SessionKey& key() const { return key_; }
  const std::string& peer() const { return peer_; }
  const std::shared_ptr<Node>& node() const { return node_; }
  const std::weak_ptr<StreamHandle>& stream() const { return stream_; }

 private:
  enum class State {
    kAwaitingInventory,
    kInventory,  // some chunks came, not the last
    kReady,
    kEnded,
  };
  // What to do with inventory chunks that belong to one that is not to be used.
  enum class Skip {
    kNothing,
    kRest,        // up to its last chunk
    kRestThenAsk  // the same; then it is asked for again, to be sure
  };
  using Outcome = Session::Outcome;

  Outcome Dispatch(const v1::ConnectRequest& message, absl::Duration arrived,
                   EncodedReads reads) ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  Outcome OnGap(const v1::ConnectRequest& message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  Outcome OnInventory(const v1::Inventory& inventory, absl::Duration arrived)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  Outcome OnStep(const v1::Step& step, absl::Duration arrived,
                 EncodedReads reads) ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  Outcome OnMoveReport(const v1::MoveReport& report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // A step or report that cannot be applied now.
  Outcome OnUntimely(const char* body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // The worker is at this step, whether or not it was applied.
  void NoteStep(const v1::Step& step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);

  // What a failed call of the scheduler means for the session.
  Outcome OnError(const absl::Status& status, Skip skip)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // The message at hand is dropped and the picture with it.
  Outcome Resync(ResyncCause cause, std::string detail, Skip skip)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // The message at hand is dropped.
  Outcome Drop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  Outcome EndHere(absl::Status status, RejectReason reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void SendWelcome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void SendPlan(absl::Duration arrived)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void DropPlan() ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void CheckLag(absl::Duration arrived)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  // Tells the worker what the guard has decided.
  void Throttle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(node_->mu);
  void Log(LogLevel level, const std::string& what) const;

  const Terms terms_;
  const WorkerHello hello_;
  const SessionKey key_;
  const std::string peer_;
  const std::weak_ptr<StreamHandle> stream_;
  const std::shared_ptr<Node> node_;

  State state_ ABSL_GUARDED_BY(node_->mu) = State::kAwaitingInventory;
  Skip skip_ ABSL_GUARDED_BY(node_->mu) = Skip::kNothing;
  // Null after the end.
  std::unique_ptr<DeviceScheduler> scheduler_ ABSL_GUARDED_BY(node_->mu);
  std::unique_ptr<DeviceMetrics> metrics_ ABSL_GUARDED_BY(node_->mu);
  Outbox outbox_ ABSL_GUARDED_BY(node_->mu);
  OverloadGuard guard_ ABSL_GUARDED_BY(node_->mu);
  SessionCounters counters_ ABSL_GUARDED_BY(node_->mu);
  // Of the message to come.
  uint64_t next_sequence_ ABSL_GUARDED_BY(node_->mu) = 2;
  // One after the last step heard of, applied or not.
  StepIndex next_step_ ABSL_GUARDED_BY(node_->mu);
  uint32_t consecutive_resyncs_ ABSL_GUARDED_BY(node_->mu) = 0;
  absl::Duration last_heard_ ABSL_GUARDED_BY(node_->mu);
  std::optional<absl::Duration> drain_at_ ABSL_GUARDED_BY(node_->mu);
  // When what the pending plan is based on arrived.
  absl::Duration plan_cause_arrived_ ABSL_GUARDED_BY(node_->mu);
  bool counterfactual_error_logged_ ABSL_GUARDED_BY(node_->mu) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(node_->mu);
  // Set by EndHere for the call that is under way.
  std::optional<Remains> remains_ ABSL_GUARDED_BY(node_->mu);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_LIVE_SESSION_H_
