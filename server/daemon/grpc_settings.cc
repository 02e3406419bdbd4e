#include "server/daemon/grpc_settings.h"

#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "server/service/session_service.h"

namespace kvplace {
namespace {

// Calls at a time on one connection; a worker has one per device.
constexpr int kMaxStreamsPerConnection = 1024;
// Clients may ping this often.
constexpr int kLeastPingIntervalMs = 5000;

// Linking the reflection library turns it on for every server of the process;
// this turns it off again.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) {
      return plugin->name() == "proto_server_reflection";
    });
  }
};

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

void PrepareGrpc(const Options& options) {
  // Debian's Abseil is built with it: a graph of all locks, kept up to date by
  // each of gRPC's. 2 to 4% of an echo's time; it finds deadlocks by aborting.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  if (options.channelz) grpc::channelz::experimental::InitChannelzService();
}

void ConfigureGrpc(const Options& options, grpc::ServerBuilder* builder) {
  SessionService::Configure(options.service, builder);
  // Two servers on one port would share its connections without a word.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                              Millis(options.keepalive_time));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                              Millis(options.keepalive_timeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kLeastPingIntervalMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                              kMaxStreamsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ,
                              options.channelz ? 1 : 0);
  if (!options.reflection) {
    builder->SetOption(std::make_unique<WithoutReflection>());
  }
}

}  // namespace kvplace
