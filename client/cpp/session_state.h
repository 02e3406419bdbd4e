// What the engine's thread and the session's thread share: the mirror of the
// device, the steps that wait to be sent, and the orders that came back.
//
// The engine's calls cost CPU time of their own and, at worst, the time of an
// inventory being copied (3 to 13 ms per million live blocks, on a reconnect);
// nothing here waits for the network, AwaitOrder and AwaitSent aside.
//
// Thread-safety: any thread, but ReplaceInventory, Report, Step and
// CurrentOrder by one thread at a time (the engine's).
#ifndef KVPLACE_CLIENT_CPP_SESSION_STATE_H_
#define KVPLACE_CLIENT_CPP_SESSION_STATE_H_

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/block_mirror.h"
#include "client/cpp/order.h"
#include "client/cpp/session_options.h"
#include "client/cpp/step_data.h"
#include "client/cpp/step_sampler.h"

namespace kvplace::client {

// A whole picture, to be sent.
struct InventorySnapshot {
  std::vector<BlockRange> blocks;
};

// What is worth telling from Welcome.
struct SessionTerms {
  uint64_t epoch = 0;
  // Plans are to be executed.
  bool act = true;
  uint32_t sample_every = 1;
};

struct SessionLink {
  // A server has welcomed this session, and it lives.
  bool connected = false;
  // What ended the last stream; OK while a session lives.
  absl::Status last_error;
};

class SessionState {
 public:
  // REQUIRES: Validate(options) is OK. `wake` is called, without a lock, when
  // there is something new to send.
  SessionState(const SessionOptions& options, std::function<void()> wake);

  // --- the engine's thread (see session_client.h) ---

  absl::Status ReplaceInventory(absl::Span<const BlockRange> live,
                                StepIndex next_step) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Report(MoveReport report) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Step(StepData step) ABSL_LOCKS_EXCLUDED(mu_);
  OrderPtr CurrentOrder(StepIndex step) ABSL_LOCKS_EXCLUDED(mu_);
  OrderPtr AwaitOrder(StepIndex step, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Until all that was told has left, or there is no session. False: timeout.
  // Ends an open window of joined steps.
  bool AwaitSent(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Until a session is welcomed (OK) or an attempt to connect has failed (why).
  // DEADLINE_EXCEEDED: neither.
  absl::Status AwaitAnswer(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  SessionStats stats() const ABSL_LOCKS_EXCLUDED(mu_);
  SessionLink link() const ABSL_LOCKS_EXCLUDED(mu_);

  // --- the session's thread ---

  StepIndex next_step() const ABSL_LOCKS_EXCLUDED(mu_);
  void OnWelcome(const SessionTerms& terms) ABSL_LOCKS_EXCLUDED(mu_);
  // `drained`: because the server asked for it.
  void OnClosed(const absl::Status& why, bool drained) ABSL_LOCKS_EXCLUDED(mu_);
  // Decoded; null: it could not be. Makes it the one in force, if it is of this
  // session, to be executed, newer than the one before and not over.
  void OnPlan(OrderPtr plan, bool advisory) ABSL_LOCKS_EXCLUDED(mu_);
  void OnResync() ABSL_LOCKS_EXCLUDED(mu_);
  void OnThrottle(uint32_t sample_every) ABSL_LOCKS_EXCLUDED(mu_);

  // An inventory has to be sent before anything else.
  bool inventory_due() const ABSL_LOCKS_EXCLUDED(mu_);
  // The picture as of now; steps from now on go to the queue.
  // FAILED_PRECONDITION: the mirror is broken.
  absl::StatusOr<InventorySnapshot> TakeInventory() ABSL_LOCKS_EXCLUDED(mu_);
  // The next step to send; nothing if there is none. `Sent` when it has left.
  std::optional<StepSample> TakeSample() ABSL_LOCKS_EXCLUDED(mu_);
  // A sample that was taken does not fit into a message: an inventory has to
  // tell what its steps did.
  void OnTooLarge(uint32_t decode_steps) ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing that was taken is under way any more.
  void Sent() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void TellExpired(StepIndex step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A message to send, for a step that ends with `step`.
  void PutSample(StepSample sample) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Queue(StepData step, const std::vector<BlockId>& freed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropQueue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetPlan() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  OrderPtr OrderFor(StepIndex step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteExpired() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  OrderPtr LocalOrder(StepIndex step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool PlanCame() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !awaited_basis_ || !connected_ || !act_;
  }
  bool AllSent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !connected_ || (outbox_.empty() && !under_way_ && !inventory_due_);
  }
  bool Answered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return connected_ || !last_error_.ok();
  }

  // Constant.
  const size_t queue_limit_;
  const LocalPolicy local_policy_;
  const size_t groups_;
  const std::function<void()> wake_;

  mutable absl::Mutex mu_;
  BlockMirror mirror_ ABSL_GUARDED_BY(mu_);
  StepSampler sampler_ ABSL_GUARDED_BY(mu_);
  std::optional<MoveReport> report_ ABSL_GUARDED_BY(mu_);
  std::vector<BlockId> freed_ ABSL_GUARDED_BY(mu_);

  // Of the session; a new one starts at its Welcome.
  bool connected_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;
  bool act_ ABSL_GUARDED_BY(mu_) = true;
  bool inventory_due_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<StepSample> outbox_ ABSL_GUARDED_BY(mu_);
  // An inventory or a sample was taken and has not left.
  bool under_way_ ABSL_GUARDED_BY(mu_) = false;
  // A plan with this basis, or a later one, answers what was told last; nothing
  // when it has come.
  std::optional<StepIndex> awaited_basis_ ABSL_GUARDED_BY(mu_);
  OrderPtr plan_ ABSL_GUARDED_BY(mu_);
  PlanId newest_plan_ ABSL_GUARDED_BY(mu_){0};
  // plan_ could not be used any more; and the server was not told yet.
  bool plan_expired_ ABSL_GUARDED_BY(mu_) = false;
  bool expiry_untold_ ABSL_GUARDED_BY(mu_) = false;

  OrderPtr local_ ABSL_GUARDED_BY(mu_);
  // Last step an order was asked for, and whether it was the server's.
  StepIndex asked_step_ ABSL_GUARDED_BY(mu_){-1};
  bool asked_from_server_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status last_error_ ABSL_GUARDED_BY(mu_);
  SessionStats stats_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SESSION_STATE_H_
