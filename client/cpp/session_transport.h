// Streams to a server, without gRPC: what the session driver writes to and
// hears from. GrpcTransport is the real one; tests bring a fake.
#ifndef KVPLACE_CLIENT_CPP_SESSION_TRANSPORT_H_
#define KVPLACE_CLIENT_CPP_SESSION_TRANSPORT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace::client {

// Hears of one stream. Called from any thread, one call at a time per stream;
// must not block and must not call the stream.
class StreamListener {
 public:
  virtual ~StreamListener() = default;

  // The message may be taken by move.
  virtual void OnResponse(v1::ConnectResponse* response) = 0;
  // The message written last has left; the next may be written.
  virtual void OnWritten() = 0;
  // The stream is over; nothing follows. OK: the server ended it so.
  virtual void OnClosed(const absl::Status& status) = 0;
};

// One stream. Thread-safety: one thread at a time.
class SessionStream {
 public:
  // Cancels what is still going on. No call of the listener is running or will
  // come when this returns.
  virtual ~SessionStream() = default;

  // REQUIRES: OnWritten for the message before. After the stream is over it
  // does nothing.
  virtual void Write(const v1::ConnectRequest& message) = 0;
  // Nothing more will be written. REQUIRES: as for Write.
  virtual void HalfClose() = 0;
};

class SessionTransport {
 public:
  virtual ~SessionTransport() = default;

  // Begins a stream to `target`. Does not wait: a connection that cannot be
  // made is an OnClosed. `listener` outlives the stream.
  virtual std::unique_ptr<SessionStream> Open(const std::string& target,
                                              StreamListener* listener) = 0;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SESSION_TRANSPORT_H_
