#include "client/cpp/session_state.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace::client {
namespace {

// Before every step: any plan answers an inventory.
constexpr StepIndex kAnyBasis{std::numeric_limits<int64_t>::min()};

// Differs from worker to worker, and is the same in each run.
uint64_t ShiftOf(const SessionOptions& options) {
  return std::hash<std::string>()(options.node_id) + options.device_index;
}

}  // namespace

SessionState::SessionState(const SessionOptions& options,
                           std::function<void()> wake)
    : queue_limit_(options.queue_limit),
      local_policy_(options.local_policy),
      groups_(options.device.groups.size()),
      wake_(std::move(wake)),
      mirror_(options.device, options.local_policy == LocalPolicy::kLru),
      sampler_(static_cast<uint32_t>(options.device.groups.size()),
               ShiftOf(options)) {}

absl::Status SessionState::ReplaceInventory(absl::Span<const BlockRange> live,
                                            StepIndex next_step) {
  {
    absl::MutexLock lock(&mu_);
    report_.reset();
    local_.reset();
    DropQueue();
    ForgetPlan();
    inventory_due_ = connected_;
    if (connected_ && act_) awaited_basis_ = kAnyBasis;
    if (auto s = mirror_.Replace(live, next_step); !s.ok()) return s;
  }
  wake_();
  return absl::OkStatus();
}

absl::Status SessionState::Report(MoveReport report) {
  absl::MutexLock lock(&mu_);
  if (report_) {
    return absl::FailedPreconditionError(
        absl::StrCat("a report of step ", report_->step.value(),
                     " waits for its Step, expected one report per step"));
  }
  report_ = std::move(report);
  return absl::OkStatus();
}

absl::Status SessionState::Step(StepData step) {
  {
    absl::MutexLock lock(&mu_);
    if (report_ && report_->step != step.step) {
      const int64_t reported = report_->step.value();
      report_.reset();
      return absl::InvalidArgumentError(
          absl::StrCat("step is ", step.step.value(),
                       ", but the report before it is of step ", reported));
    }
    const MoveReport* moves = report_ ? &*report_ : nullptr;
    if (auto s = mirror_.Apply(step, moves, &freed_); !s.ok()) {
      report_.reset();
      return s;
    }
    ++stats_.steps;
    if (asked_step_ == step.step) {
      ++(asked_from_server_ ? stats_.plan_steps : stats_.local_steps);
    }
    Queue(std::move(step), freed_);
    report_.reset();
  }
  wake_();
  return absl::OkStatus();
}

void SessionState::Queue(StepData step, const std::vector<BlockId>& freed) {
  if (!connected_) {
    ++stats_.offline_steps;
    return;
  }
  if (inventory_due_) {
    // It will tell what this step did.
    ++stats_.dropped_steps;
    return;
  }
  if (report_ && report_->plan.epoch != epoch_) report_->plan = PlanRef();
  TellExpired(step.step);
  std::optional<StepSample> sample =
      sampler_.Add(std::move(step), std::move(report_), freed);
  if (sample) PutSample(*std::move(sample));
}

void SessionState::PutSample(StepSample sample) {
  if (outbox_.size() >= queue_limit_) {
    stats_.dropped_steps += sample.decode_steps;
    DropQueue();
    inventory_due_ = true;
    return;
  }
  if (act_) awaited_basis_ = sample.step.step;
  outbox_.push_back(std::move(sample));
}

void SessionState::TellExpired(StepIndex step) {
  if (!expiry_untold_ || !plan_ || plan_->plan.epoch != epoch_) return;
  // A step has one report: what was moved instead is told first.
  if (report_ && !report_->phases.empty()) return;
  report_ = MoveReport{.step = step, .plan = plan_->plan, .expired = true};
  expiry_untold_ = false;
}

void SessionState::DropQueue() {
  for (const StepSample& sample : outbox_) {
    stats_.dropped_steps += sample.decode_steps;
  }
  outbox_.clear();
  sampler_.Reset();
}

void SessionState::ForgetPlan() {
  plan_.reset();
  plan_expired_ = expiry_untold_ = false;
}

void SessionState::NoteExpired() {
  if (plan_expired_) return;
  plan_expired_ = true;
  expiry_untold_ = true;
  ++stats_.plans_expired;
}

OrderPtr SessionState::OrderFor(StepIndex step) {
  if (plan_ && step > plan_->valid_until) NoteExpired();
  const bool valid = plan_ && step > plan_->basis && step <= plan_->valid_until;
  asked_step_ = step;
  asked_from_server_ = valid;
  return valid ? plan_ : LocalOrder(step);
}

OrderPtr SessionState::LocalOrder(StepIndex step) {
  if (local_ && local_->basis.value() + 1 == mirror_.next_step().value()) {
    return local_;
  }
  auto order = std::make_shared<Order>();
  order->order.Reset(groups_);
  if (local_policy_ == LocalPolicy::kLru && !mirror_.broken()) {
    Plan plan;
    // A policy of our own that breaks the rules moves nothing.
    if (mirror_.LocalOrder(&plan).ok()) order->order = std::move(plan.order);
  }
  order->basis = StepIndex(mirror_.next_step().value() - 1);
  order->valid_until = step;
  local_ = std::move(order);
  return local_;
}

OrderPtr SessionState::CurrentOrder(StepIndex step) {
  absl::MutexLock lock(&mu_);
  return OrderFor(step);
}

OrderPtr SessionState::AwaitOrder(StepIndex step, absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(this, &SessionState::PlanCame), timeout);
  return OrderFor(step);
}

bool SessionState::AwaitSent(absl::Duration timeout) {
  {
    absl::MutexLock lock(&mu_);
    if (connected_ && !inventory_due_) {
      if (auto sample = sampler_.Flush()) PutSample(*std::move(sample));
    }
  }
  wake_();
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(this, &SessionState::AllSent),
                              timeout);
}

absl::Status SessionState::AwaitAnswer(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  if (!mu_.AwaitWithTimeout(absl::Condition(this, &SessionState::Answered),
                            timeout)) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer within ", absl::FormatDuration(timeout)));
  }
  return connected_ ? absl::OkStatus() : last_error_;
}

SessionStats SessionState::stats() const {
  absl::MutexLock lock(&mu_);
  SessionStats stats = stats_;
  stats.sample_every = sampler_.interval();
  return stats;
}

SessionLink SessionState::link() const {
  absl::MutexLock lock(&mu_);
  return SessionLink{connected_, last_error_};
}

StepIndex SessionState::next_step() const {
  absl::MutexLock lock(&mu_);
  return mirror_.next_step();
}

void SessionState::OnWelcome(const SessionTerms& terms) {
  absl::MutexLock lock(&mu_);
  connected_ = true;
  epoch_ = terms.epoch;
  act_ = terms.act;
  sampler_.SetInterval(terms.sample_every);
  inventory_due_ = true;
  awaited_basis_ = kAnyBasis;
  newest_plan_ = PlanId(0);
  ForgetPlan();
  last_error_ = absl::OkStatus();
  ++stats_.sessions;
}

void SessionState::OnClosed(const absl::Status& why, bool drained) {
  absl::MutexLock lock(&mu_);
  // A plan in hand stays in force to its last step: nobody else plans now, and
  // a standing order does not turn wrong because its author is gone.
  connected_ = false;
  inventory_due_ = false;
  under_way_ = false;
  awaited_basis_.reset();
  DropQueue();
  last_error_ = why;
  ++stats_.disconnects;
  if (drained) ++stats_.drains;
}

void SessionState::OnPlan(OrderPtr plan, bool advisory) {
  absl::MutexLock lock(&mu_);
  ++stats_.plans;
  if (plan == nullptr) {
    ++stats_.plans_invalid;
    return;
  }
  if (advisory) {
    ++stats_.plans_advisory;
    return;
  }
  // While an inventory is due, the server's picture is wrong.
  if (!connected_ || inventory_due_ || plan->plan.epoch != epoch_ ||
      plan->plan.id <= newest_plan_) {
    return;
  }
  if (awaited_basis_ && plan->basis >= *awaited_basis_) awaited_basis_.reset();
  newest_plan_ = plan->plan.id;
  plan_ = std::move(plan);
  plan_expired_ = expiry_untold_ = false;
  if (plan_->valid_until < mirror_.next_step()) NoteExpired();
}

void SessionState::OnResync() {
  absl::MutexLock lock(&mu_);
  ++stats_.resyncs;
  inventory_due_ = true;
  ForgetPlan();
}

void SessionState::OnThrottle(uint32_t sample_every) {
  absl::MutexLock lock(&mu_);
  sampler_.SetInterval(sample_every);
}

bool SessionState::inventory_due() const {
  absl::MutexLock lock(&mu_);
  return inventory_due_ && !mirror_.broken();
}

absl::StatusOr<InventorySnapshot> SessionState::TakeInventory() {
  absl::MutexLock lock(&mu_);
  if (mirror_.broken()) {
    return absl::FailedPreconditionError("the picture of the device is broken");
  }
  DropQueue();
  inventory_due_ = false;
  under_way_ = true;
  if (act_) awaited_basis_ = kAnyBasis;
  ++stats_.inventories;
  return InventorySnapshot{mirror_.Inventory()};
}

std::optional<StepSample> SessionState::TakeSample() {
  absl::MutexLock lock(&mu_);
  if (outbox_.empty() || inventory_due_) return std::nullopt;
  std::optional<StepSample> sample(std::move(outbox_.front()));
  outbox_.pop_front();
  under_way_ = true;
  ++stats_.samples_sent;
  return sample;
}

void SessionState::OnTooLarge(uint32_t decode_steps) {
  absl::MutexLock lock(&mu_);
  --stats_.samples_sent;
  stats_.dropped_steps += decode_steps;
  inventory_due_ = true;
}

void SessionState::Sent() {
  absl::MutexLock lock(&mu_);
  under_way_ = false;
}

}  // namespace kvplace::client
