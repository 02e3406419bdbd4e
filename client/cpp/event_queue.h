// What happened to a stream, on its way from gRPC's threads to the session's.
//
// Bounded: one write is outstanding at most, a stream closes once, and of
// several plans waiting only the newest stays (a newer plan replaces an older
// one anyway). Thread-safety: any thread may Push and Wake, one takes and
// waits.
#ifndef KVPLACE_CLIENT_CPP_EVENT_QUEUE_H_
#define KVPLACE_CLIENT_CPP_EVENT_QUEUE_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace::client {

struct StreamEvent {
  enum class Kind : uint8_t { kResponse, kWritten, kClosed };

  Kind kind = Kind::kWritten;
  // Number of the stream, given by who opened it.
  uint64_t stream = 0;
  // kResponse.
  v1::ConnectResponse response;
  // kClosed.
  absl::Status status;
};

class EventQueue {
 public:
  void Push(StreamEvent event) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the present or the next Wait.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  // Moves all events into *out, which is emptied first.
  void TakeAll(std::vector<StreamEvent>* out) ABSL_LOCKS_EXCLUDED(mu_);
  // Until there is an event, a Wake, or `timeout` is over.
  void Wait(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return woken_ || !events_.empty();
  }

  absl::Mutex mu_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<StreamEvent> events_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_EVENT_QUEUE_H_
