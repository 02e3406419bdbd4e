#include "server/service/session_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "server/convert/step_wire.h"
#include "server/service/node_registry.h"
#include "server/service/session_service.h"
#include "server/service/status_bridge.h"

namespace kvplace {
namespace {

// Holds a step of a thousand reads per group or so without another block.
constexpr size_t kArenaBlock = 64 << 10;
// A worker that does not take its last write for so long is cut off.
constexpr absl::Duration kStuckLimit = absl::Seconds(5);

}  // namespace

SessionStream::SessionStream(SessionService* service, NodeRegistry* registry,
                             RecorderSink* recorder,
                             grpc::CallbackServerContext* context)
    : service_(service),
      registry_(registry),
      recorder_(recorder),
      context_(context),
      arena_block_(new char[kArenaBlock]) {
  google::protobuf::ArenaOptions options;
  options.initial_block = arena_block_.get();
  options.initial_block_size = kArenaBlock;
  arena_ = std::make_unique<google::protobuf::Arena>(options);
}

SessionStream::~SessionStream() = default;

void SessionStream::Open() {
  self_ = shared_from_this();
  session_ =
      std::make_unique<Session>(registry_, context_->peer(), weak_from_this());
}

void SessionStream::Refuse(const absl::Status& status) {
  self_ = shared_from_this();
  {
    absl::MutexLock lock(&mu_);
    finished_ = true;
  }
  Finish(ToGrpc(status));
}

Session::Outcome SessionStream::Process(absl::Duration arrived) {
  const size_t size = received_.Length();
  request_ = nullptr;
  if (size > registry_->options().max_message_bytes) {
    return session_->OnTooLarge(size);
  }
  arena_->Reset();
  request_ =
      google::protobuf::Arena::CreateMessage<v1::ConnectRequest>(arena_.get());
  grpc::Slice slice;
  const std::optional<absl::string_view> bytes = Gather(&slice);
  received_.Clear();
  if (!bytes || !Parse(*bytes)) return session_->OnUnreadable(size);
  const Session::Outcome outcome =
      session_->OnMessage(*request_, arrived, reads_);
  if (gathered_.capacity() > kArenaBlock) std::string().swap(gathered_);
  return outcome;
}

std::optional<absl::string_view> SessionStream::Gather(grpc::Slice* slice) {
  const auto view = [](const grpc::Slice& of) {
    return absl::string_view(reinterpret_cast<const char*>(of.begin()),
                             of.size());
  };
  if (received_.TrySingleSlice(slice).ok()) return view(*slice);
  std::vector<grpc::Slice> slices;
  if (!received_.Dump(&slices).ok()) return std::nullopt;
  gathered_.clear();
  for (const grpc::Slice& part : slices) {
    absl::StrAppend(&gathered_, view(part));
  }
  return gathered_;
}

bool SessionStream::Parse(absl::string_view bytes) {
  // A recorder wants the message whole.
  if (recorder_ == nullptr && SplitReads(bytes, &without_reads_, &reads_)) {
    return request_->ParseFromString(without_reads_);
  }
  reads_.clear();
  return request_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void SessionStream::OnReadDone(bool ok) {
  if (!ok) {
    // The worker has closed its half, or the stream broke: either way it says
    // nothing any more.
    session_->Close();
    Advance();
    return;
  }
  const absl::Duration arrived = registry_->clock().Monotonic();
  const Session::Outcome outcome = Process(arrived);
  if (recorder_ != nullptr) Record(outcome);
  Advance();
  if (outcome != Session::Outcome::kEnded) NextRead();
}

void SessionStream::Record(Session::Outcome outcome) {
  const std::optional<SessionKey> key = session_->key();
  if (!key) return;
  if (outcome == Session::Outcome::kApplied) {
    gap_recorded_ = false;
    recorder_->OnMessage(*key, *request_);
  } else if (!std::exchange(gap_recorded_, true)) {
    recorder_->OnGap(*key, "not applied");
  }
}

void SessionStream::Advance() {
  absl::MutexLock lock(&mu_);
  if (finished_ || session_ == nullptr) return;
  if (writing_) {
    // Finish has to wait for the write, which a worker that does not read can
    // hold up; Sweep looks after that.
    if (!stuck_since_ && session_->end()) {
      stuck_since_ = registry_->clock().Monotonic();
    }
    return;
  }
  if (session_->TakeOutgoing(&response_)) {
    writing_ = true;
    sending_.Clear();
    bool own_buffer;
    // Cannot fail: it is our own message, and there is memory or there is none.
    grpc::GenericSerialize<grpc::ProtoBufferWriter, v1::ConnectResponse>(
        response_, &sending_, &own_buffer);
    StartWrite(&sending_);
  } else if (const auto end = session_->end()) {
    finished_ = true;
    Finish(ToGrpc(*end));
  }
}

void SessionStream::Wake() { Advance(); }

void SessionStream::Sweep() {
  session_->SweepUngreeted();
  Advance();
  absl::MutexLock lock(&mu_);
  if (stuck_since_ && !finished_ &&
      registry_->clock().Monotonic() - *stuck_since_ > kStuckLimit) {
    context_->TryCancel();
  }
}

void SessionStream::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
  }
  if (!ok) session_->Close();
  Advance();
  session_->OnWritten();
}

void SessionStream::OnCancel() {
  if (session_ == nullptr) return;
  session_->Close();
  Advance();
}

void SessionStream::OnDone() {
  service_->Forget(this);
  if (session_ != nullptr) {
    session_->Close();
    if (recorder_ != nullptr) {
      if (const auto key = session_->key()) recorder_->OnClosed(*key);
    }
  }
  // May delete this.
  const std::shared_ptr<SessionStream> self = std::move(self_);
}

}  // namespace kvplace
