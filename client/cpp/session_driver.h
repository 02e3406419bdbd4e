// Keeps a session alive: connects, greets, sends the inventory and the steps,
// hears the answers, and begins anew when the stream ends.
//
//   waiting --time--> greeting (Hello sent) --Welcome--> live
//   live: an inventory whenever one is due, then steps; heartbeats otherwise
//   any --stream ends, silence, Drain--> waiting (backoff with jitter)
//
// It makes one step at a time and never blocks: RunOnce does what can be done
// now. Thread-safety: one thread at a time, the session's.
#ifndef KVPLACE_CLIENT_CPP_SESSION_DRIVER_H_
#define KVPLACE_CLIENT_CPP_SESSION_DRIVER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/backoff.h"
#include "client/cpp/client_clock.h"
#include "client/cpp/event_queue.h"
#include "client/cpp/session_options.h"
#include "client/cpp/session_state.h"
#include "client/cpp/session_transport.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/plan_codec.h"

namespace kvplace::client {

class SessionDriver {
 public:
  // All of them outlive the driver.
  SessionDriver(const SessionOptions& options, SessionTransport* transport,
                const ClientClock* clock, EventQueue* events,
                SessionState* state);
  ~SessionDriver();

  // Handles what has happened, does what is due, and returns how long nothing
  // will be due unless something happens.
  absl::Duration RunOnce();
  // Ends the stream in good order: what was begun leaves, nothing more. Then
  // RunOnce until `finished`.
  void Finish();
  bool finished() const { return finishing_ && stream_ == nullptr; }

 private:
  enum class Phase { kWaiting, kGreeting, kLive, kLeaving };
  class Listener;

  absl::Duration Now() const { return clock_->Monotonic(); }
  void Handle(StreamEvent& event);
  void HandleResponse(v1::ConnectResponse& response);
  void HandleWelcome(const v1::ConnectResponse& response);
  void HandlePlan(const v1::ConnectResponse& response);
  void HandleDrain(const v1::Drain& drain);
  void HandleClosed(absl::Status status);

  void Connect();
  // Says goodbye; the stream is given a moment to end by itself.
  void Leave();
  // Throws the stream away, as if it had ended with `why`.
  void Abandon(const absl::Status& why);
  void CheckTimeouts();
  absl::Duration NextDue() const;

  void Pump();
  // Makes the next message to write; false: nothing to say.
  bool NextMessage();
  bool NextInventoryChunk();
  bool NextSample();
  void Write();

  const SessionOptions options_;
  SessionTransport* const transport_;
  const ClientClock* const clock_;
  EventQueue* const events_;
  SessionState* const state_;

  Backoff backoff_;
  PlanDecoder decoder_;
  std::vector<StreamEvent> taken_;
  Phase phase_ = Phase::kWaiting;
  bool finishing_ = false;
  // The server sent us away; and where to, until an attempt there fails.
  bool drained_ = false;
  std::string redirect_;
  uint64_t incarnation_ = 0;
  absl::Duration retry_at_ = absl::ZeroDuration();

  // Of the stream.
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<SessionStream> stream_;
  uint64_t stream_number_ = 0;
  uint64_t sequence_number_ = 0;
  absl::Duration phase_since_ = absl::ZeroDuration();
  bool writing_ = false;
  absl::Duration last_write_ = absl::ZeroDuration();
  v1::ConnectRequest message_;

  // Of the session.
  uint64_t epoch_ = 0;
  uint32_t max_message_bytes_ = 0;
  absl::Duration heartbeat_ = absl::InfiniteDuration();
  std::optional<InventorySnapshot> inventory_;
  size_t inventory_sent_ = 0;
  // The step that follows the report written last.
  std::optional<StepSample> half_sent_;
};

// Whether trying again soon would get the same answer.
bool IsRefusal(const absl::Status& status, bool welcomed);

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SESSION_DRIVER_H_
