#include "client/load/load_session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/channel.h"
#include "client/load/reply_peek.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace::load {
namespace {

constexpr char kMethod[] = "/kvplace.v1.SessionService/Connect";

template <typename T>
void RaiseTo(std::atomic<T>* most, T value) {
  T seen = most->load(std::memory_order_relaxed);
  while (value > seen &&
         !most->compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

void NoteSlow(int64_t now, PhaseTally* tally) {
  constexpr int64_t kPause = 500'000'000;
  const int64_t before =
      std::max(tally->begun, tally->last_slow.load(std::memory_order_relaxed));
  if (now - before < kPause) RaiseTo(&tally->last_slow, now);
}

template <typename T>
void Bump(std::atomic<T>* count, T by = 1) {
  count->fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

LoadSession::LoadSession(const LoadScript* script,
                         const std::shared_ptr<grpc::Channel>& channel,
                         uint64_t shift)
    : script_(script), stub_(channel), window_(shift) {}

void LoadSession::Open(const std::string& node, uint32_t device,
                       uint64_t incarnation) {
  stub_.PrepareBidiStreamingCall(&context_, kMethod, grpc::StubOptions(), this);
  // Writes come from outside of gRPC's reactions.
  AddHold();
  StartRead(&received_);
  {
    absl::MutexLock lock(&mu_);
    Write(script_->Hello(node, device, incarnation));
  }
  StartCall();
}

absl::Status LoadSession::failure() const {
  absl::MutexLock lock(&mu_);
  return failure_;
}

void LoadSession::Begin(PhaseTally* tally, bool closed_loop) {
  absl::MutexLock lock(&mu_);
  tally_ = tally;
  closed_loop_ = closed_loop;
}

void LoadSession::Offer(int64_t when) {
  absl::MutexLock lock(&mu_);
  if (tally_ == nullptr || closing_ || done_) return;
  Take(when);
  Advance();
}

void LoadSession::Heartbeat() {
  absl::MutexLock lock(&mu_);
  heartbeat_due_ = true;
  Advance();
}

uint64_t LoadSession::waiting() const {
  absl::MutexLock lock(&mu_);
  // Fewer than a sample's worth stay until there are enough.
  return sent_.size() + waiting_.size();
}

uint32_t LoadSession::sample_every() const {
  absl::MutexLock lock(&mu_);
  return window_.interval();
}

void LoadSession::Take(int64_t when) {
  Bump<uint64_t>(&tally_->offered);
  if (!window_.Add()) {
    window_steps_.push_back(tally_);
    return;
  }
  for (PhaseTally* const tally : window_steps_) {
    Bump<uint64_t>(&tally->left_out);
  }
  window_steps_.clear();
  waiting_.push_back({window_.Close(), when, tally_});
}

void LoadSession::Write(grpc::ByteBuffer message) {
  sending_.Swap(&message);
  writing_ = true;
  StartWrite(&sending_);
}

void LoadSession::Advance() {
  if (writing_ || !held_ || closing_) return;
  if (std::exchange(inventory_due_, false)) {
    Write(script_->Inventory(++sequence_number_));
    return;
  }
  if (!waiting_.empty()) {
    const Sample sample = waiting_.front();
    waiting_.pop_front();
    next_step_ += sample.steps;
    const int64_t step = next_step_ - 1;
    Bump<uint64_t>(&sample.tally->sent);
    sent_.push_back({step, sample.when, sample.tally});
    Write(script_->Step(++sequence_number_, step, sample.steps));
    return;
  }
  if (std::exchange(heartbeat_due_, false)) {
    Write(LoadScript::Heartbeat(++sequence_number_));
  }
}

void LoadSession::OnPlan(int64_t basis, size_t bytes) {
  const int64_t now = NowNanos();
  if (!ready()) {
    ready_.store(true, std::memory_order_release);
    return;
  }
  PhaseTally* answered = nullptr;
  uint32_t answers = 0;
  while (!sent_.empty() && sent_.front().step <= basis) {
    const Sent& sent = sent_.front();
    const int64_t latency = now - sent.when;
    sent.tally->latencies.Add(latency);
    Bump<uint64_t>(&sent.tally->answered);
    if (latency > sent.tally->slow_nanos) NoteSlow(now, sent.tally);
    answered = sent.tally;
    ++answers;
    sent_.pop_front();
  }
  if (answered == nullptr) return;
  Bump<uint64_t>(&answered->plans);
  Bump<uint64_t>(&answered->plan_bytes, bytes);
  if (!closed_loop_) return;
  // A throttled worker runs on; only its samples are answered.
  for (uint32_t i = 0; i < answers * window_.interval(); ++i) {
    Take(now);
  }
}

void LoadSession::OnOther() {
  v1::ConnectResponse response;
  grpc::ProtoBufferReader reader(&received_);
  if (!response.ParseFromZeroCopyStream(&reader)) {
    failure_ = absl::InternalError("an answer is no ConnectResponse");
    context_.TryCancel();
    return;
  }
  switch (response.body_case()) {
    case v1::ConnectResponse::kWelcome:
      usual_sample_every_ = std::max(1u, response.welcome().sample_every());
      window_.SetInterval(usual_sample_every_);
      inventory_due_ = true;
      break;
    case v1::ConnectResponse::kThrottle:
      window_.SetInterval(std::max(1u, response.throttle().sample_every()));
      if (tally_ == nullptr) break;
      RaiseTo(&tally_->most_sample_every, window_.interval());
      if (window_.interval() <= usual_sample_every_) {
        RaiseTo(&tally_->last_relief, NowNanos());
      }
      break;
    case v1::ConnectResponse::kResync:
      failure_ = absl::FailedPreconditionError(
          absl::StrCat("the server asked for a new inventory: ",
                       response.resync().detail()));
      context_.TryCancel();
      break;
    default:
      break;
  }
}

void LoadSession::OnReadDone(bool ok) {
  if (!ok) {
    bool held;
    {
      absl::MutexLock lock(&mu_);
      held = LetGo();
    }
    if (held) RemoveHold();
    return;
  }
  {
    absl::MutexLock lock(&mu_);
    std::array<uint8_t, kPeekBytes> room;
    if (const auto basis = PeekPlanBasis(Beginning(received_, room))) {
      OnPlan(*basis, received_.Length());
    } else {
      OnOther();
    }
    Advance();
  }
  StartRead(&received_);
}

void LoadSession::OnWriteDone(bool ok) {
  bool held = false;
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    if (!ok) {
      held = LetGo();
    } else if (closing_) {
      StartWritesDone();
      held = LetGo();
    } else {
      Advance();
    }
  }
  if (held) RemoveHold();
}

bool LoadSession::LetGo() { return std::exchange(held_, false); }

void LoadSession::Close() {
  bool held = false;
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(closing_, true) || !held_) return;
    // Nobody may be there to end a stream in good order.
    if (!ready()) context_.TryCancel();
    if (!writing_) {
      StartWritesDone();
      held = LetGo();
    }
  }
  if (held) RemoveHold();
}

void LoadSession::OnDone(const grpc::Status& status) {
  absl::MutexLock lock(&mu_);
  done_ = true;
  if (!failure_.ok() || (closing_ && status.ok())) return;
  failure_ = status.ok()
                 ? absl::UnavailableError("the server ended the session")
                 : client::FromGrpc(status);
}

void LoadSession::Await() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&done_));
}

}  // namespace kvplace::load
