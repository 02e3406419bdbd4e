#include "server/service/session_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/session_stream.h"

namespace kvplace {

SessionService::SessionService(NodeRegistry* registry, RecorderSink* recorder)
    : registry_(registry), recorder_(recorder) {}

SessionService::~SessionService() = default;

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
SessionService::Connect(grpc::CallbackServerContext* context) {
  const auto stream =
      std::make_shared<SessionStream>(this, registry_, recorder_, context);
  const uint32_t most = registry_->options().max_sessions;
  bool room;
  {
    absl::MutexLock lock(&mu_);
    room = streams_.size() < most;
    if (room) {
      stream->Open();
      streams_.emplace(stream.get(), stream);
    }
  }
  if (room) {
    stream->Start();
  } else {
    registry_->metrics().OnRejected(RejectReason::kLimit);
    stream->Refuse(absl::ResourceExhaustedError(absl::StrCat(
        "there are ", most, " streams, as many as max_sessions allows")));
  }
  return stream.get();
}

void SessionService::Forget(SessionStream* stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

void SessionService::SweepOnce() {
  registry_->SweepOnce();
  std::vector<std::shared_ptr<SessionStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    streams.reserve(streams_.size());
    for (const auto& [key, stream] : streams_) {
      if (auto alive = stream.lock()) streams.push_back(std::move(alive));
    }
  }
  for (const auto& stream : streams) stream->Sweep();
}

size_t SessionService::streams() const {
  absl::MutexLock lock(&mu_);
  return streams_.size();
}

void SessionService::Configure(const ServiceOptions& options,
                               grpc::ServerBuilder* builder) {
  // Sessions refuse by name what is over the limit; what is far over it gRPC
  // does not even take in.
  builder->SetMaxReceiveMessageSize(
      static_cast<int>(options.max_message_bytes) * 2);
  builder->SetMaxSendMessageSize(-1);
}

}  // namespace kvplace
