// How kvplaced's gRPC server is set up, but for its services and credentials.
// The echo server of bench/ is set up the same way.
#ifndef KVPLACE_SERVER_DAEMON_GRPC_SETTINGS_H_
#define KVPLACE_SERVER_DAEMON_GRPC_SETTINGS_H_

#include "grpcpp/grpcpp.h"
#include "server/config/options.h"

namespace kvplace {

// What is set for the whole process: health, reflection, channelz. Before the
// first ServerBuilder.
void PrepareGrpc(const Options& options);
void ConfigureGrpc(const Options& options, grpc::ServerBuilder* builder);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_GRPC_SETTINGS_H_
