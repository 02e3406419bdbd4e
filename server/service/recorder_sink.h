// Where sessions' messages go to be recorded.
//
// The service calls it from the thread that has just processed the message, in
// the order of the stream, without a lock. Thread-safety: any thread, but one
// at a time per session.
#ifndef KVPLACE_SERVER_SERVICE_RECORDER_SINK_H_
#define KVPLACE_SERVER_SERVICE_RECORDER_SINK_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace {

// Of one session; `epoch` alone is unique within a run of the server.
struct SessionKey {
  std::string node_id;
  uint32_t device_index = 0;
  uint64_t incarnation = 0;
  uint64_t epoch = 0;
};

class RecorderSink {
 public:
  virtual ~RecorderSink() = default;

  // A message that was accepted: Hello first, then inventory chunks, steps and
  // move reports; heartbeats too. Must not block: what cannot be taken at once
  // is dropped and counted by the implementation.
  virtual void OnMessage(const SessionKey& key,
                         const v1::ConnectRequest& message) noexcept = 0;
  // A message was not applied (after a gap, until the next inventory): what was
  // recorded before and after does not join.
  virtual void OnGap(const SessionKey& key,
                     absl::string_view reason) noexcept = 0;
  // The session is over; nothing follows for this key.
  virtual void OnClosed(const SessionKey& key) noexcept = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_RECORDER_SINK_H_
