#include "server/service/live_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/cost_model.h"

namespace kvplace {
namespace {

v1::ResyncReason ToProto(ResyncCause cause) {
  switch (cause) {
    case ResyncCause::kSequenceGap:
      return v1::RESYNC_REASON_SEQUENCE_GAP;
    case ResyncCause::kUnknownHandle:
      return v1::RESYNC_REASON_UNKNOWN_HANDLE;
    case ResyncCause::kLiveHandle:
      return v1::RESYNC_REASON_LIVE_HANDLE;
    case ResyncCause::kLedgerMismatch:
      return v1::RESYNC_REASON_LEDGER_MISMATCH;
  }
  return v1::RESYNC_REASON_UNSPECIFIED;
}

ResyncCause CauseOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return ResyncCause::kUnknownHandle;
    case absl::StatusCode::kAlreadyExists:
      return ResyncCause::kLiveHandle;
    default:
      return ResyncCause::kLedgerMismatch;
  }
}

}  // namespace

LiveSession::LiveSession(const Terms& terms, WorkerHello hello, uint64_t epoch,
                         std::string peer, std::weak_ptr<StreamHandle> stream,
                         std::shared_ptr<Node> node,
                         std::shared_ptr<const PolicyInForce> policy)
    : terms_(terms),
      hello_(std::move(hello)),
      key_{hello_.node_id, hello_.device_index, hello_.incarnation, epoch},
      peer_(std::move(peer)),
      stream_(std::move(stream)),
      node_(std::move(node)),
      scheduler_(std::make_unique<DeviceScheduler>(
          hello_.device, std::move(policy), terms.options->plan_lifetime_steps,
          terms.clock, terms.options->hindsight_window_steps)),
      outbox_(epoch),
      guard_(*terms.options, epoch),
      next_step_(hello_.next_step) {}

LiveSession::~LiveSession() = default;

void LiveSession::StartLocked(const std::shared_ptr<LiveSession>& self,
                              absl::Duration arrived) {
  node_->devices[hello_.device_index] = self;
  metrics_ = terms_.metrics->AddDevice(
      hello_.node_id, hello_.device_index,
      {CostModel(hello_.device).peak(), hello_.device.group_count().value()});
  scheduler_->SetMetrics(metrics_.get());
  counters_.messages = 1;
  last_heard_ = arrived;
  SendWelcome();
}

void LiveSession::SendWelcome() {
  const ServiceOptions& options = *terms_.options;
  v1::Welcome welcome;
  welcome.set_protocol_version(kSessionProtocolVersion);
  welcome.set_send_inventory(true);
  welcome.set_sample_every(guard_.sample_every());
  welcome.set_plan_lifetime_steps(options.plan_lifetime_steps);
  welcome.set_heartbeat_timeout_ms(static_cast<uint32_t>(
      absl::ToInt64Milliseconds(options.heartbeat_timeout)));
  welcome.set_mode(ModeToProto(scheduler_->policy().settings.mode));
  welcome.set_policy(scheduler_->policy().settings.policy);
  welcome.set_policy_version(scheduler_->policy().version);
  welcome.set_max_message_bytes(options.max_message_bytes);
  outbox_.PutWelcome(std::move(welcome));
}

Remains LiveSession::EndLocked(absl::Status status,
                               std::optional<RejectReason> reason) {
  if (reason) terms_.metrics->OnRejected(*reason);
  state_ = State::kEnded;
  end_ = status;
  Remains remains{node_, key_, std::move(status), stream_};
  remains.handles = hello_.device.handles();
  scheduler_->SetMetrics(nullptr);
  remains.scheduler = std::move(scheduler_);
  // Before another session of the device can register.
  metrics_.reset();
  node_->devices.erase(hello_.device_index);
  return remains;
}

LiveSession::Outcome LiveSession::OnMessage(const v1::ConnectRequest& message,
                                            absl::Duration arrived,
                                            EncodedReads reads,
                                            std::optional<Remains>* remains) {
  absl::MutexLock lock(&node_->mu);
  if (state_ == State::kEnded) return Outcome::kEnded;
  ++counters_.messages;
  Outcome outcome;
  if (message.sequence_number() == next_sequence_) {
    ++next_sequence_;
    outcome = Dispatch(message, arrived, reads);
  } else {
    outcome = OnGap(message);
  }
  // Not `arrived`: a worker is not silent while it waits for this.
  last_heard_ = terms_.clock->Monotonic();
  *remains = std::exchange(remains_, std::nullopt);
  return outcome;
}

LiveSession::Outcome LiveSession::Dispatch(const v1::ConnectRequest& message,
                                           absl::Duration arrived,
                                           EncodedReads reads) {
  switch (message.body_case()) {
    case v1::ConnectRequest::kInventory:
      return OnInventory(message.inventory(), arrived);
    case v1::ConnectRequest::kStep:
      return OnStep(message.step(), arrived, reads);
    case v1::ConnectRequest::kMoveReport:
      return OnMoveReport(message.move_report());
    case v1::ConnectRequest::kHeartbeat:
      return Outcome::kApplied;
    case v1::ConnectRequest::kHello:
      return EndHere(absl::InvalidArgumentError(
                         "body is hello a second time, expected inventory, "
                         "step, move_report or heartbeat"),
                     RejectReason::kOutOfOrder);
    case v1::ConnectRequest::BODY_NOT_SET:
      break;
  }
  return EndHere(absl::InvalidArgumentError(
                     "body is missing or unknown, expected inventory, step, "
                     "move_report or heartbeat"),
                 RejectReason::kMalformed);
}

// What follows a gap can be the rest of an inventory of which a part is lost,
// and nothing in a chunk tells it from a whole one. So chunks are passed over
// up to a last one where that is possible.
LiveSession::Outcome LiveSession::OnGap(const v1::ConnectRequest& message) {
  const uint64_t expected = next_sequence_;
  next_sequence_ = message.sequence_number() + 1;
  const bool in_chunks =
      message.has_inventory()
          ? !message.inventory().last()
          : message.has_heartbeat() &&
                (state_ == State::kInventory || skip_ != Skip::kNothing);
  if (message.has_step()) NoteStep(message.step());
  return Resync(ResyncCause::kSequenceGap,
                absl::StrCat("sequence_number is ", message.sequence_number(),
                             ", expected ", expected),
                in_chunks ? Skip::kRestThenAsk : Skip::kNothing);
}

LiveSession::Outcome LiveSession::OnInventory(const v1::Inventory& inventory,
                                              absl::Duration arrived) {
  if (skip_ != Skip::kNothing) {
    if (!inventory.last()) return Drop();
    if (std::exchange(skip_, Skip::kNothing) == Skip::kRest) return Drop();
    return Resync(ResyncCause::kSequenceGap,
                  "chunks of the inventory were lost", Skip::kNothing);
  }
  if (state_ != State::kInventory) {
    DropPlan();
    scheduler_->Forget();
    state_ = State::kInventory;
  }
  if (auto s = scheduler_->AddInventory(inventory); !s.ok()) {
    return OnError(s, inventory.last() ? Skip::kNothing : Skip::kRest);
  }
  if (!inventory.last()) return Outcome::kApplied;
  scheduler_->FinishInventory(next_step_);
  state_ = State::kReady;
  SendPlan(arrived);
  return Outcome::kApplied;
}

LiveSession::Outcome LiveSession::OnStep(const v1::Step& step,
                                         absl::Duration arrived,
                                         EncodedReads reads) {
  NoteStep(step);
  if (state_ != State::kReady) return OnUntimely("step");
  const CpuPressure::Shares busy = terms_.pressure->Busy(arrived);
  const StepDetail wanted =
      guard_.Hears(busy) ? StepDetail::kAll : StepDetail::kLedger;
  if (auto s = scheduler_->ApplyStep(step, wanted, reads); !s.ok()) {
    return OnError(s, Skip::kNothing);
  }
  consecutive_resyncs_ = 0;
  SendPlan(arrived);
  CheckLag(arrived);
  return Outcome::kApplied;
}

LiveSession::Outcome LiveSession::OnMoveReport(const v1::MoveReport& report) {
  if (state_ != State::kReady) return OnUntimely("move_report");
  if (auto s = scheduler_->HoldReport(report); !s.ok()) {
    return OnError(s, Skip::kNothing);
  }
  return Outcome::kApplied;
}

LiveSession::Outcome LiveSession::OnUntimely(const char* body) {
  if (state_ != State::kInventory) return Drop();
  return Resync(ResyncCause::kSequenceGap,
                absl::StrCat("body is ", body,
                             " between inventory chunks, expected the rest of "
                             "the inventory first"),
                Skip::kRest);
}

void LiveSession::NoteStep(const v1::Step& step) {
  // An absurd number must not make an overflow; in a step that is applied it is
  // refused.
  constexpr int64_t kMost = int64_t{1} << 62;
  if (step.step() >= next_step_.value() && step.step() < kMost) {
    next_step_ = StepIndex(step.step() + 1);
  }
}

LiveSession::Outcome LiveSession::OnError(const absl::Status& status,
                                          Skip skip) {
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    return EndHere(status, RejectReason::kMalformed);
  }
  return Resync(CauseOf(status.code()), std::string(status.message()), skip);
}

LiveSession::Outcome LiveSession::Resync(ResyncCause cause, std::string detail,
                                         Skip skip) {
  ++counters_.resyncs;
  metrics_->OnResync(cause);
  Log(LogLevel::kWarning, absl::StrCat("resync: ", Name(cause), ": ", detail));
  if (++consecutive_resyncs_ > terms_.options->max_consecutive_resyncs) {
    return EndHere(
        absl::FailedPreconditionError(absl::StrCat(
            "resynchronized ", consecutive_resyncs_,
            " times without one good step between, expected at most ",
            terms_.options->max_consecutive_resyncs, "; the last because ",
            detail)),
        RejectReason::kTooManyResyncs);
  }
  DropPlan();
  scheduler_->Forget();
  state_ = State::kAwaitingInventory;
  skip_ = skip;
  outbox_.PutResync(ToProto(cause), std::move(detail));
  return Drop();
}

LiveSession::Outcome LiveSession::Drop() {
  ++counters_.dropped;
  metrics_->OnDropped(DropReason::kAwaitingInventory, 1);
  return Outcome::kDropped;
}

LiveSession::Outcome LiveSession::EndHere(absl::Status status,
                                          RejectReason reason) {
  remains_ = EndLocked(std::move(status), reason);
  return Outcome::kEnded;
}

void LiveSession::SendPlan(absl::Duration arrived) {
  if (const absl::Status& error = scheduler_->counterfactual_error();
      !error.ok() && !std::exchange(counterfactual_error_logged_, true)) {
    Log(LogLevel::kWarning, absl::StrCat("observe: ", error.message()));
  }
  if (scheduler_->policy().settings.mode == Mode::kObserve) return;
  if (auto s = scheduler_->MakePlan(outbox_.plan_slot()); !s.ok()) {
    // A policy is code; one that breaks the rules moves nothing.
    DropPlan();
    Log(LogLevel::kError, absl::StrCat("planner: no plan: ", s.message()));
    return;
  }
  plan_cause_arrived_ = arrived;
  if (outbox_.PutPlan()) metrics_->OnDropped(DropReason::kPlanReplaced, 1);
}

void LiveSession::DropPlan() {
  if (outbox_.DropPlan()) scheduler_->DropPlan();
}

void LiveSession::CheckLag(absl::Duration arrived) {
  const uint32_t left_out = guard_.LeftOut(scheduler_->decode_steps());
  if (left_out > 0) metrics_->OnDropped(DropReason::kOverload, left_out);
  const absl::Duration now = terms_.clock->Monotonic();
  const bool pressed = guard_.OnPressure(now, terms_.pressure->Busy(now));
  if (guard_.OnStep(now - arrived) || pressed) Throttle();
}

void LiveSession::Throttle() {
  outbox_.PutThrottle(guard_.sample_every());
  Log(LogLevel::kWarning,
      absl::StrCat("throttle: one step in ", guard_.sample_every()));
}

void LiveSession::OnWritten() {
  absl::MutexLock lock(&node_->mu);
  if (state_ != State::kEnded) scheduler_->Refresh();
}

bool LiveSession::TakeOutgoing(v1::ConnectResponse* out) {
  absl::MutexLock lock(&node_->mu);
  if (state_ == State::kEnded) return false;
  switch (outbox_.Take(out)) {
    case Outbox::Taken::kNothing:
      return false;
    case Outbox::Taken::kControl:
      return true;
    case Outbox::Taken::kPlan:
      break;
  }
  scheduler_->OnPlanDeparted();
  ++counters_.plans;
  const double latency =
      absl::ToDoubleSeconds(terms_.clock->Monotonic() - plan_cause_arrived_);
  counters_.latencies.Add(latency);
  metrics_->OnPlan(Seconds(absl::ToDoubleSeconds(scheduler_->decide_time())),
                   Seconds(latency));
  return true;
}

std::optional<absl::Status> LiveSession::end() const {
  absl::MutexLock lock(&node_->mu);
  return end_;
}

std::optional<Remains> LiveSession::SweepLocked(absl::Duration now) {
  if (drain_at_ && now >= *drain_at_) {
    return EndLocked(absl::OkStatus(), std::nullopt);
  }
  const absl::Duration timeout = terms_.options->heartbeat_timeout;
  if (now - last_heard_ <= timeout) {
    scheduler_->hindsight()->ReportAge();
    // A worker that samples has little to say, and would recover as slowly.
    if (guard_.OnPressure(now, terms_.pressure->Busy(now))) Throttle();
    return std::nullopt;
  }
  return EndLocked(
      absl::FailedPreconditionError(absl::StrCat(
          "heartbeat lapsed: nothing heard for ",
          absl::FormatDuration(now - last_heard_),
          ", expected a message at least every ", absl::FormatDuration(timeout),
          " (heartbeat_timeout_ms)")),
      RejectReason::kHeartbeatLapsed);
}

void LiveSession::DrainLocked(absl::Duration now, absl::Duration deadline,
                              const std::string& reconnect_to) {
  drain_at_ = now + deadline;
  v1::Drain drain;
  drain.set_deadline_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(deadline)));
  drain.set_reconnect_to(reconnect_to);
  outbox_.PutDrain(std::move(drain));
}

void LiveSession::SetPolicyLocked(std::shared_ptr<const PolicyInForce> policy) {
  if (policy->settings.mode == Mode::kObserve) DropPlan();
  counterfactual_error_logged_ = false;
  scheduler_->SetPolicy(std::move(policy));
}

void LiveSession::Log(LogLevel level, const std::string& what) const {
  if (!*terms_.log) return;
  (*terms_.log)(level, absl::StrCat(key_.node_id, "/", key_.device_index,
                                    " epoch ", key_.epoch, ": ", what));
}

}  // namespace kvplace
