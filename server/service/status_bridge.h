// The one place where absl::Status becomes grpc::Status.
#ifndef KVPLACE_SERVER_SERVICE_STATUS_BRIDGE_H_
#define KVPLACE_SERVER_SERVICE_STATUS_BRIDGE_H_

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace kvplace {

// The codes are the same numbers by definition of both. Messages travel in an
// HTTP/2 header, so a long one (it may quote what came in) is cut.
inline grpc::Status ToGrpc(const absl::Status& status) {
  constexpr size_t kMaxMessage = 1024;
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message().substr(0, kMaxMessage)));
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_STATUS_BRIDGE_H_
