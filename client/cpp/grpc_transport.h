// Session streams over gRPC.
#ifndef KVPLACE_CLIENT_CPP_GRPC_TRANSPORT_H_
#define KVPLACE_CLIENT_CPP_GRPC_TRANSPORT_H_

#include <memory>
#include <string>

#include "client/cpp/channel.h"
#include "client/cpp/session_transport.h"

namespace kvplace::client {

// Every stream gets a channel of its own: certificates are read anew, and
// gRPC's own reconnects do not mix with ours. The destructor waits for streams
// that were cancelled to be gone. Thread-safety: one thread at a time.
class GrpcTransport final : public SessionTransport {
 public:
  explicit GrpcTransport(ChannelOptions options);
  ~GrpcTransport() override;

  std::unique_ptr<SessionStream> Open(const std::string& target,
                                      StreamListener* listener) override;

 private:
  class Reactor;
  class Stream;
  class FailedStream;
  class LiveStreams;

  const ChannelOptions options_;
  const std::shared_ptr<LiveStreams> live_;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_GRPC_TRANSPORT_H_
