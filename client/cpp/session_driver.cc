#include "client/cpp/session_driver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/session_messages.h"
#include "server/convert/hello.h"

namespace kvplace::client {
namespace {

// For a stream to end by itself after our half was closed.
constexpr absl::Duration kLeaveTime = absl::Seconds(1);
// Where Welcome does not say: the limits of gRPC and of ServiceOptions.
constexpr uint32_t kDefaultMaxMessageBytes = 4u << 20;
constexpr absl::Duration kDefaultHeartbeat = absl::Seconds(3);
constexpr absl::Duration kLongestWait = absl::Hours(1);

}  // namespace

bool IsRefusal(const absl::Status& status, bool welcomed) {
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return true;
    case absl::StatusCode::kInvalidArgument:
      // In mid-session it was one bad message; an inventory mends that.
      return !welcomed;
    case absl::StatusCode::kFailedPrecondition:
      // Also stands for draining and for a stale incarnation, which pass; the
      // contract tells them apart by words only. Two workers configured as the
      // same device would otherwise take it from each other for ever.
      return welcomed ? absl::StrContains(status.message(), "supersed")
                      : absl::StrContains(status.message(), "protocol");
    default:
      return false;
  }
}

// Puts the number of its stream on what it hears.
class SessionDriver::Listener final : public StreamListener {
 public:
  Listener(EventQueue* events, uint64_t stream)
      : events_(events), stream_(stream) {}

  void OnResponse(v1::ConnectResponse* response) override {
    StreamEvent event = Make(StreamEvent::Kind::kResponse);
    event.response.Swap(response);
    events_->Push(std::move(event));
  }
  void OnWritten() override {
    events_->Push(Make(StreamEvent::Kind::kWritten));
  }
  void OnClosed(const absl::Status& status) override {
    StreamEvent event = Make(StreamEvent::Kind::kClosed);
    event.status = status;
    events_->Push(std::move(event));
  }

 private:
  StreamEvent Make(StreamEvent::Kind kind) const {
    StreamEvent event;
    event.kind = kind;
    event.stream = stream_;
    return event;
  }

  EventQueue* const events_;
  const uint64_t stream_;
};

SessionDriver::SessionDriver(const SessionOptions& options,
                             SessionTransport* transport,
                             const ClientClock* clock, EventQueue* events,
                             SessionState* state)
    : options_(options),
      transport_(transport),
      clock_(clock),
      events_(events),
      state_(state),
      backoff_(options.backoff),
      decoder_(options.device.group_count().value(), options.device.handles()),
      retry_at_(clock->Monotonic()) {}

SessionDriver::~SessionDriver() = default;

absl::Duration SessionDriver::RunOnce() {
  events_->TakeAll(&taken_);
  for (StreamEvent& event : taken_) {
    if (stream_ != nullptr && event.stream == stream_number_) Handle(event);
  }
  CheckTimeouts();
  if (phase_ == Phase::kWaiting && !finishing_ && Now() >= retry_at_) Connect();
  Pump();
  return NextDue();
}

void SessionDriver::Handle(StreamEvent& event) {
  switch (event.kind) {
    case StreamEvent::Kind::kResponse:
      HandleResponse(event.response);
      break;
    case StreamEvent::Kind::kWritten:
      writing_ = false;
      if (phase_ == Phase::kLeaving) stream_->HalfClose();
      break;
    case StreamEvent::Kind::kClosed:
      HandleClosed(std::move(event.status));
      break;
  }
}

void SessionDriver::HandleResponse(v1::ConnectResponse& response) {
  if (phase_ == Phase::kLeaving) return;
  if (response.has_welcome()) {
    if (phase_ == Phase::kGreeting) HandleWelcome(response);
    return;
  }
  if (phase_ != Phase::kLive || response.epoch() != epoch_) return;
  switch (response.body_case()) {
    case v1::ConnectResponse::kPlan:
      HandlePlan(response);
      break;
    case v1::ConnectResponse::kResync:
      // An inventory that has begun is finished first: the server waits for its
      // last chunk, and could not tell where a new one begins.
      half_sent_.reset();
      state_->OnResync();
      break;
    case v1::ConnectResponse::kThrottle:
      state_->OnThrottle(std::max(1u, response.throttle().sample_every()));
      break;
    case v1::ConnectResponse::kDrain:
      HandleDrain(response.drain());
      break;
    default:
      break;
  }
}

void SessionDriver::HandleWelcome(const v1::ConnectResponse& response) {
  const v1::Welcome& welcome = response.welcome();
  if (welcome.protocol_version() != kSessionProtocolVersion) {
    Abandon(absl::FailedPreconditionError(absl::StrCat(
        "the server speaks protocol version ", welcome.protocol_version(),
        ", this client speaks ", kSessionProtocolVersion)));
    return;
  }
  phase_ = Phase::kLive;
  phase_since_ = Now();
  epoch_ = response.epoch();
  max_message_bytes_ = welcome.max_message_bytes() > 0
                           ? welcome.max_message_bytes()
                           : kDefaultMaxMessageBytes;
  heartbeat_ = welcome.heartbeat_timeout_ms() > 0
                   ? absl::Milliseconds(welcome.heartbeat_timeout_ms()) / 3
                   : kDefaultHeartbeat;
  SessionTerms terms;
  terms.epoch = epoch_;
  terms.act =
      welcome.mode() != v1::MODE_ADVISE && welcome.mode() != v1::MODE_OBSERVE;
  terms.sample_every = std::max(1u, welcome.sample_every());
  // An inventory goes out even if the server remembers one: what it missed
  // while the stream was down is not known.
  state_->OnWelcome(terms);
}

void SessionDriver::HandlePlan(const v1::ConnectResponse& response) {
  Plan plan;
  if (auto s = decoder_.Decode(response.plan(), &plan); !s.ok()) {
    state_->OnPlan(nullptr, false);
    if (options_.on_error) options_.on_error(s);
    return;
  }
  auto order = std::make_shared<Order>();
  order->plan = PlanRef{response.epoch(), plan.id};
  order->basis = plan.basis;
  order->valid_until = plan.valid_until;
  order->order = std::move(plan.order);
  const bool advisory = response.plan().advisory();
  state_->OnPlan(order, advisory);
  if (!advisory && options_.on_plan) options_.on_plan(order);
}

void SessionDriver::HandleDrain(const v1::Drain& drain) {
  redirect_ = drain.reconnect_to();
  drained_ = true;
  Leave();
}

void SessionDriver::HandleClosed(absl::Status status) {
  if (status.ok())
    status = absl::UnavailableError("the server ended the stream");
  Abandon(status);
}

void SessionDriver::Abandon(const absl::Status& why) {
  const bool welcomed = phase_ == Phase::kLive || phase_ == Phase::kLeaving;
  const bool leaving = phase_ == Phase::kLeaving;
  if (welcomed && Now() - phase_since_ >= options_.backoff.longest) {
    backoff_.Reset();
  }
  absl::Duration pause = backoff_.Next();
  if (IsRefusal(why, welcomed)) pause = options_.refused_retry;
  if (leaving && !redirect_.empty()) {
    // A whole node moves: not all at once, but none need wait long.
    pause = backoff_.Spread(options_.backoff.shortest);
  }
  const std::string& target = redirect_.empty() ? options_.target : redirect_;
  const absl::Status error(why.code(),
                           absl::StrCat(target, ": ", why.message()));
  if (!welcomed) redirect_.clear();
  stream_.reset();
  listener_.reset();
  phase_ = Phase::kWaiting;
  retry_at_ = Now() + pause;
  writing_ = false;
  inventory_.reset();
  half_sent_.reset();
  state_->OnClosed(error, std::exchange(drained_, false));
  if (options_.on_error && !finishing_) options_.on_error(error);
}

void SessionDriver::Connect() {
  phase_ = Phase::kGreeting;
  phase_since_ = Now();
  sequence_number_ = 0;
  // Larger than any before, also when the clock was set back: the server may
  // still hold the stream that we have given up.
  incarnation_ = std::max(incarnation_ + 1, clock_->UnixNanos());
  ++stream_number_;
  listener_ = std::make_unique<Listener>(events_, stream_number_);
  stream_ = transport_->Open(redirect_.empty() ? options_.target : redirect_,
                             listener_.get());
  message_.Clear();
  EncodeHello(options_, incarnation_, state_->next_step(),
              message_.mutable_hello());
  Write();
}

void SessionDriver::Leave() {
  if (phase_ == Phase::kLeaving || stream_ == nullptr) return;
  phase_ = Phase::kLeaving;
  phase_since_ = Now();
  if (!writing_) stream_->HalfClose();
}

void SessionDriver::Finish() {
  finishing_ = true;
  Leave();
}

void SessionDriver::CheckTimeouts() {
  if (stream_ == nullptr) return;
  if (phase_ == Phase::kLeaving) {
    if (Now() - phase_since_ >= kLeaveTime) {
      Abandon(absl::UnavailableError("the session was left"));
    }
  } else if (phase_ == Phase::kGreeting &&
             Now() - phase_since_ >= options_.hello_timeout) {
    Abandon(absl::DeadlineExceededError(absl::StrCat(
        "no Welcome within ", absl::FormatDuration(options_.hello_timeout))));
  } else if (writing_ && Now() - last_write_ >= options_.write_timeout) {
    Abandon(absl::DeadlineExceededError(
        absl::StrCat("a message could not leave within ",
                     absl::FormatDuration(options_.write_timeout))));
  }
}

absl::Duration SessionDriver::NextDue() const {
  absl::Duration due = Now() + kLongestWait;
  switch (phase_) {
    case Phase::kWaiting:
      due = finishing_ ? Now() : retry_at_;
      break;
    case Phase::kGreeting:
      due = phase_since_ + options_.hello_timeout;
      break;
    case Phase::kLive:
      due = last_write_ + (writing_ ? options_.write_timeout : heartbeat_);
      break;
    case Phase::kLeaving:
      due = phase_since_ + kLeaveTime;
      break;
  }
  return std::clamp(due - Now(), absl::ZeroDuration(), kLongestWait);
}

void SessionDriver::Pump() {
  if (phase_ != Phase::kLive || writing_) return;
  if (NextMessage()) {
    Write();
    return;
  }
  state_->Sent();
  if (Now() - last_write_ < heartbeat_) return;
  message_.Clear();
  message_.mutable_heartbeat();
  Write();
}

bool SessionDriver::NextMessage() {
  if (!inventory_ && !half_sent_ && state_->inventory_due()) {
    if (auto taken = state_->TakeInventory(); taken.ok()) {
      inventory_ = *std::move(taken);
      inventory_sent_ = 0;
    }
  }
  return inventory_ ? NextInventoryChunk() : NextSample();
}

bool SessionDriver::NextInventoryChunk() {
  const absl::Span<const BlockRange> all = inventory_->blocks;
  const size_t count = std::min(InventoryChunk(max_message_bytes_),
                                all.size() - inventory_sent_);
  const bool last = inventory_sent_ + count == all.size();
  message_.Clear();
  EncodeInventory(all.subspan(inventory_sent_, count), last,
                  message_.mutable_inventory());
  inventory_sent_ += count;
  if (last) inventory_.reset();
  return true;
}

bool SessionDriver::NextSample() {
  message_.Clear();
  if (!half_sent_) {
    half_sent_ = state_->TakeSample();
    if (!half_sent_) return false;
    if (half_sent_->has_moves) {
      EncodeReport(half_sent_->moves, message_.mutable_move_report());
      return true;
    }
  }
  const StepSample sample = *std::move(half_sent_);
  half_sent_.reset();
  EncodeStep(sample, message_.mutable_step());
  if (message_.ByteSizeLong() + 32 > max_message_bytes_) {
    StripStep(message_.mutable_step());
  }
  if (message_.ByteSizeLong() + 32 <= max_message_bytes_) return true;
  state_->OnTooLarge(sample.decode_steps);
  return NextMessage();
}

void SessionDriver::Write() {
  message_.set_sequence_number(++sequence_number_);
  writing_ = true;
  last_write_ = Now();
  stream_->Write(message_);
}

}  // namespace kvplace::client
