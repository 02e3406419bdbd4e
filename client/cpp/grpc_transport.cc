#include "client/cpp/grpc_transport.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kvplace/v1/session.grpc.pb.h"

namespace kvplace::client {

// How many reactors gRPC still knows.
class GrpcTransport::LiveStreams {
 public:
  void Add() {
    absl::MutexLock lock(&mu_);
    ++count_;
  }
  void Remove() {
    absl::MutexLock lock(&mu_);
    --count_;
  }
  void AwaitNone() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &LiveStreams::None));
  }

 private:
  bool None() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return count_ == 0; }

  absl::Mutex mu_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

// gRPC's side of a stream. Lives until OnDone, which may be after the Stream
// is gone: then nobody listens. Writes come from outside of gRPC's reactions,
// which gRPC allows while we hold the stream ("hold"), so the hold is given up
// in the same breath in which writing ends.
class GrpcTransport::Reactor final
    : public grpc::ClientBidiReactor<v1::ConnectRequest, v1::ConnectResponse> {
 public:
  Reactor(std::shared_ptr<grpc::Channel> channel, StreamListener* listener,
          std::shared_ptr<LiveStreams> live)
      : channel_(std::move(channel)),
        stub_(v1::SessionService::NewStub(channel_)),
        live_(std::move(live)),
        listener_(listener) {
    live_->Add();
  }

  void Start() {
    stub_->async()->Connect(&context_, this);
    AddHold();
    StartRead(&response_);
    StartCall();
  }

  void Write(const v1::ConnectRequest& message) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!held_) return;
    request_ = message;
    StartWrite(&request_);
  }

  void HalfClose() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      if (!held_) return;
      held_ = false;
      StartWritesDone();
    }
    RemoveHold();
  }

  // No call of the listener is running or will come when this returns.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_) {
    bool held;
    {
      absl::MutexLock lock(&mu_);
      listener_ = nullptr;
      held = std::exchange(held_, false);
      context_.TryCancel();
    }
    // The last touch: OnDone may follow at once.
    if (held) RemoveHold();
  }

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    if (!ok) {
      StopWriting();
      return;
    }
    {
      absl::MutexLock lock(&mu_);
      if (listener_ != nullptr) listener_->OnResponse(&response_);
    }
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    if (!ok) {
      StopWriting();
      return;
    }
    absl::MutexLock lock(&mu_);
    if (listener_ != nullptr) listener_->OnWritten();
  }

  void OnDone(const grpc::Status& status) override ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      if (listener_ != nullptr) listener_->OnClosed(FromGrpc(status));
      listener_ = nullptr;
      // The Stream may still ask for things.
      done_ = true;
      if (attached_) return;
    }
    Delete();
  }

  // The Stream is gone; deletes the reactor if gRPC is done with it too.
  void Release() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      attached_ = false;
      if (!done_) return;
    }
    Delete();
  }

 private:
  void StopWriting() ABSL_LOCKS_EXCLUDED(mu_) {
    bool held;
    {
      absl::MutexLock lock(&mu_);
      held = std::exchange(held_, false);
    }
    if (held) RemoveHold();
  }

  void Delete() {
    const std::shared_ptr<LiveStreams> live = live_;
    delete this;
    live->Remove();
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::SessionService::Stub> stub_;
  const std::shared_ptr<LiveStreams> live_;
  grpc::ClientContext context_;
  // Between StartRead and OnReadDone gRPC's.
  v1::ConnectResponse response_;
  // Between StartWrite and OnWriteDone gRPC's.
  v1::ConnectRequest request_;

  absl::Mutex mu_;
  StreamListener* listener_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = true;
  bool attached_ ABSL_GUARDED_BY(mu_) = true;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
};

class GrpcTransport::Stream final : public SessionStream {
 public:
  explicit Stream(Reactor* reactor) : reactor_(reactor) {}
  ~Stream() override {
    reactor_->Detach();
    reactor_->Release();
  }

  void Write(const v1::ConnectRequest& message) override {
    reactor_->Write(message);
  }
  void HalfClose() override { reactor_->HalfClose(); }

 private:
  Reactor* const reactor_;
};

// Could not be begun: says so when first written to.
class GrpcTransport::FailedStream final : public SessionStream {
 public:
  FailedStream(absl::Status why, StreamListener* listener)
      : why_(std::move(why)), listener_(listener) {}

  void Write(const v1::ConnectRequest&) override { listener_->OnClosed(why_); }
  void HalfClose() override {}

 private:
  const absl::Status why_;
  StreamListener* const listener_;
};

GrpcTransport::GrpcTransport(ChannelOptions options)
    : options_(std::move(options)), live_(std::make_shared<LiveStreams>()) {}

GrpcTransport::~GrpcTransport() { live_->AwaitNone(); }

std::unique_ptr<SessionStream> GrpcTransport::Open(const std::string& target,
                                                   StreamListener* listener) {
  auto channel = MakeChannel(target, options_);
  if (!channel.ok()) {
    return std::make_unique<FailedStream>(channel.status(), listener);
  }
  auto* reactor = new Reactor(*std::move(channel), listener, live_);
  reactor->Start();
  return std::make_unique<Stream>(reactor);
}

}  // namespace kvplace::client
