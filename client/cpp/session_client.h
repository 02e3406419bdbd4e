// The client side of a placement session: what a serving engine links to be
// placed by kvplaced.
//
// The engine says what each decode step did and asks, before the next one, what
// to do. Everything that concerns the network happens on a thread of the
// client: connecting with backoff, greeting, inventories, heartbeats. No call
// waits for it (AwaitOrder, Flush and AwaitAnswer say so by their name). While
// no server plans, orders come from lru on the client's own picture of the
// device; the engine need not know the difference (docs/client.md).
//
//   SessionOptions options;                       // who, where, which device
//   options.target = "kvplaced:50551";
//   options.node_id = "node-7";
//   options.device = device;                      // DeviceConfig
//   auto client = SessionClient::Create(options, ChannelOptions());
//   if (!client.ok()) ...                         // a field that cannot be
//   (*client)->Start(live_blocks, first_step);    // BlockRanges, with tiers
//   for (step = first_step; ...; ++step) {
//     OrderPtr order = (*client)->CurrentOrder(StepIndex(step));
//     MoveReport moves{.step = StepIndex(step), .plan = order->plan};
//     StepData data{.step = StepIndex(step)};
//     // ... decode: after each phase execute order->order, note what was
//     // allocated, read, freed in `data`, and what was moved in `moves` ...
//     (*client)->Report(std::move(moves));
//     (*client)->Step(std::move(data));
//   }
//
// Thread-safety: Start, Stop, ReplaceInventory, Report, Step, CurrentOrder and
// AwaitOrder by one thread at a time, the engine's; the others by any.
#ifndef KVPLACE_CLIENT_CPP_SESSION_CLIENT_H_
#define KVPLACE_CLIENT_CPP_SESSION_CLIENT_H_

#include <atomic>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/cpp/channel.h"
#include "client/cpp/client_clock.h"
#include "client/cpp/event_queue.h"
#include "client/cpp/order.h"
#include "client/cpp/session_driver.h"
#include "client/cpp/session_options.h"
#include "client/cpp/session_state.h"
#include "client/cpp/session_transport.h"
#include "client/cpp/step_data.h"

namespace kvplace::client {

class SessionClient {
 public:
  // INVALID_ARGUMENT: an option that cannot be; NOT_FOUND: a TLS file that
  // cannot be read.
  static absl::StatusOr<std::unique_ptr<SessionClient>> Create(
      const SessionOptions& options, const ChannelOptions& channel);
  // With a transport and a clock of the caller's choice. REQUIRES:
  // Validate(options) is OK; `clock` outlives the client.
  SessionClient(const SessionOptions& options,
                std::unique_ptr<SessionTransport> transport,
                const ClientClock* clock);
  // Stops.
  ~SessionClient();
  SessionClient(const SessionClient&) = delete;
  SessionClient& operator=(const SessionClient&) = delete;

  // Begins: `live` are the blocks there are, `next_step` the number of the
  // first step to come. Errors as of ReplaceInventory. REQUIRES: not started.
  absl::Status Start(absl::Span<const BlockRange> live, StepIndex next_step);
  // The same without a thread: the caller calls RunOnce (tests).
  absl::Status StartWithoutThread(absl::Span<const BlockRange> live,
                                  StepIndex next_step);
  // One round of the session's thread; returns how long nothing will be due.
  absl::Duration RunOnce();
  // Closes the stream in good order and ends the thread. Orders are local from
  // here on. The engine may go on.
  void Stop();

  // The blocks there are now, for an engine that has lost count (or after an
  // error of Step). INVALID_ARGUMENT, ALREADY_EXISTS, RESOURCE_EXHAUSTED: they
  // contradict each other or the device.
  absl::Status ReplaceInventory(absl::Span<const BlockRange> live,
                                StepIndex next_step);

  // What was moved in a step, before Step of the same step; at most once.
  absl::Status Report(MoveReport report);
  // What a step did. Costs O(what it names), no waiting. An error names what
  // contradicts what was said before; then ReplaceInventory is due, and until
  // it the server hears nothing.
  absl::Status Step(StepData step);

  // The order for `step`: the server's if one is valid, else the local
  // policy's. Never null; does not change while it is held.
  OrderPtr CurrentOrder(StepIndex step);
  // The same, after waiting for the plan that answers the last step told, for
  // engines in lockstep with the server. Does not wait while no session lives
  // or no plan is to be expected.
  OrderPtr AwaitOrder(StepIndex step, absl::Duration timeout);

  // Waits until all that was told has left, or no session lives. False:
  // timeout. While steps are joined (Throttle), those that wait for the end of
  // their window go too. By the engine's thread.
  bool Flush(absl::Duration timeout);
  // Waits for a Welcome (OK) or the failure of an attempt to connect (why).
  absl::Status AwaitAnswer(absl::Duration timeout);

  SessionStats stats() const { return state_.stats(); }
  // Whether a session lives.
  bool connected() const { return state_.link().connected; }
  // What ended the last stream, in the server's or gRPC's words; OK while a
  // session lives.
  absl::Status last_error() const { return state_.link().last_error; }

 private:
  void Loop();

  // With synchronization of their own.
  EventQueue events_;
  SessionState state_;
  std::atomic<bool> stopping_{false};

  // The session thread's, once started.
  const std::unique_ptr<SessionTransport> transport_;
  SessionDriver driver_;

  // The engine's thread.
  std::thread thread_;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SESSION_CLIENT_H_
