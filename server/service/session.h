// One stream of one worker, without gRPC: what comes in, what goes out, and how
// it ends. Tests drive it with messages and a fake clock; session_service.h
// puts a stream around it.
//
//   nothing --Hello--> waiting for inventory --last chunk--> ready
//   ready --gap, unknown handle, ledger mismatch--> waiting (Resync sent)
//   any --bad field, superseded, silence, drain's end--> ended
//
// Before Hello there is only this object; a good Hello makes a LiveSession
// (live_session.h), which the node's lock guards. The session ends once; what
// ended it is the status of the stream:
//   INVALID_ARGUMENT     a field that cannot be, named in the message
//   FAILED_PRECONDITION  protocol version, stale or superseded incarnation,
//                        draining, silence, too many resyncs
//   RESOURCE_EXHAUSTED   message too large, too many sessions or blocks
//   OK                   the worker closed its half, or a drain's deadline
//
// Thread-safety: OnMessage by one thread at a time; the others from any.
#ifndef KVPLACE_SERVER_SERVICE_SESSION_H_
#define KVPLACE_SERVER_SERVICE_SESSION_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/step_wire.h"
#include "server/core/metrics_sink.h"
#include "server/service/recorder_sink.h"

namespace kvplace {

class LiveSession;
class NodeRegistry;

// The stream that a session is to wake when something happens to it from
// outside of its own OnMessage: it was superseded, drained, ended by silence.
class StreamHandle {
 public:
  virtual ~StreamHandle() = default;
  // There is something to write, or the session has ended. Called without any
  // lock of the service held; must not block.
  virtual void Wake() = 0;
};

class Session {
 public:
  enum class Outcome {
    kApplied,
    kDropped,  // in order, but not to be used: a resync is on its way
    kEnded,    // see end()
  };

  // `registry` outlives the session. `peer`: for people.
  Session(NodeRegistry* registry, std::string peer,
          std::weak_ptr<StreamHandle> stream);
  // Closes.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The next message of the stream, which arrived at `arrived` (Monotonic);
  // `reads` are those of its step, where it has none itself. After the end it
  // does nothing.
  Outcome OnMessage(const v1::ConnectRequest& message, absl::Duration arrived,
                    EncodedReads reads = {});

  // A message over ServiceOptions::max_message_bytes, or bytes that are no
  // message: the stream ends. Neither is looked into.
  Outcome OnTooLarge(size_t bytes);
  Outcome OnUnreadable(size_t bytes);

  // The stream is over: the worker has closed it, or it broke. The device is
  // free again. Does nothing after the end.
  void Close();
  // Ends a stream that was not greeted within the heartbeat timeout. REQUIRES:
  // sweeping of greeted ones is the registry's (NodeRegistry::SweepOnce).
  void SweepUngreeted();

  // Moves the next message to write into *out, whose old memory is kept for
  // later ones. False: nothing to write. What was not taken when something
  // newer came is replaced, so this is no queue and stays small.
  bool TakeOutgoing(v1::ConnectResponse* out);
  // What was taken is written: time for what nobody waits for.
  void OnWritten();

  // How the stream is to end; nothing while it lives.
  std::optional<absl::Status> end() const;
  // Nothing before a good Hello.
  std::optional<SessionKey> key() const;

 private:
  Outcome OnHello(const v1::ConnectRequest& message, absl::Duration arrived);
  Outcome Refuse(absl::Status status, RejectReason reason);
  std::shared_ptr<LiveSession> live() const;

  NodeRegistry* const registry_;
  const std::string peer_;
  const std::weak_ptr<StreamHandle> stream_;
  const absl::Duration opened_;

  mutable absl::Mutex mu_;
  std::shared_ptr<LiveSession> live_ ABSL_GUARDED_BY(mu_);
  // Of a stream that ended before a good Hello.
  std::optional<absl::Status> refused_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_SESSION_H_
