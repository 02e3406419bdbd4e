// gRPC's own messages in our log, with the cause "grpc".
//
// What is logged is up to gRPC (errors, unless GRPC_VERBOSITY says more).
#ifndef KVPLACE_SERVER_DAEMON_GRPC_LOG_H_
#define KVPLACE_SERVER_DAEMON_GRPC_LOG_H_

#include "server/config/structured_log.h"

namespace kvplace {

// From now on gRPC writes into `log`; one at a time in a process. gRPC's
// threads may log at any time until the process ends, so the object stops that
// before `log` goes away.
class GrpcLog {
 public:
  explicit GrpcLog(StructuredLog* log);
  ~GrpcLog();
  // Errors are warnings from now on. Until then they are of level debug: why
  // the server could not start is said by who starts it, once.
  void SetServing();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_GRPC_LOG_H_
