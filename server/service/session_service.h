// The gRPC service SessionService: a stream around each Session.
//
// Callback API: gRPC's threads do the work inline. Each stream has at most one
// read and one write outstanding; while a message is processed nothing further
// is read, so a worker that is too fast is slowed down by HTTP/2's flow
// control, and what waits to be written is a handful of messages at most.
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_SESSION_SERVICE_H_
#define KVPLACE_SERVER_SERVICE_SESSION_SERVICE_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "kvplace/v1/session.grpc.pb.h"
#include "server/service/node_registry.h"
#include "server/service/recorder_sink.h"

namespace kvplace {

class SessionStream;

class SessionService final
    : public v1::SessionService::WithRawCallbackMethod_Connect<
          v1::SessionService::Service> {
 public:
  // `registry` and `recorder` (which may be null) outlive the service.
  explicit SessionService(NodeRegistry* registry,
                          RecorderSink* recorder = nullptr);
  // REQUIRES: the gRPC server was shut down.
  ~SessionService() override;

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Connect(
      grpc::CallbackServerContext* context) override;

  // Ends what timed out: streams that never said Hello, silent sessions,
  // drained ones. Call it at least every tenth of the heartbeat timeout; see
  // SweeperThread in sweeper_thread.h.
  void SweepOnce();

  // Streams at the moment, greeted or not.
  size_t streams() const;

  // What the server needs for its sessions: message sizes.
  static void Configure(const ServiceOptions& options,
                        grpc::ServerBuilder* builder);

 private:
  friend class SessionStream;
  void Forget(SessionStream* stream);

  NodeRegistry* const registry_;
  RecorderSink* const recorder_;

  mutable absl::Mutex mu_;
  absl::flat_hash_map<SessionStream*, std::weak_ptr<SessionStream>> streams_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_SESSION_SERVICE_H_
