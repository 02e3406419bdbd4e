#include "server/service/device_scheduler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/blocks.h"

namespace kvplace {
namespace {

// A block may be moved once per phase, and there are up to 4096 phases: keeps
// sums of honest sizes exact.
absl::Status CheckMoved(const PhaseTraffic& traffic) {
  for (const Bytes moved :
       {traffic.promoted, traffic.prefetched, traffic.demoted}) {
    if (moved > kMaxBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "move_report.phases moves ", moved.count(),
          " bytes in one step, expected at most ", kMaxBytes.count()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

DeviceScheduler::DeviceScheduler(const DeviceConfig& device,
                                 std::shared_ptr<const PolicyInForce> policy,
                                 uint32_t plan_lifetime_steps,
                                 const Clock* clock,
                                 uint32_t hindsight_window_steps)
    : clock_(clock),
      policy_(std::move(policy)),
      model_(device, policy_->policy.get()),
      assembler_(device),
      plans_(plan_lifetime_steps),
      groups_(device.groups.size()),
      hindsight_(std::make_unique<HindsightTracker>(
          device, hindsight_window_steps, clock)) {}

void DeviceScheduler::SetMetrics(DeviceMetrics* metrics) {
  metrics_ = metrics;
  hindsight_->SetMetrics(metrics);
  TellPolicy();
}

void DeviceScheduler::TellPolicy() {
  if (metrics_ == nullptr) return;
  metrics_->OnPolicy(policy_->policy->traits().name, Name(mode()));
}

void DeviceScheduler::Forget() {
  model_.Clear();
  assembler_.Clear();
  ledger_.Clear();
  hindsight_->Clear();
  counterfactual_.reset();
  plans_.Forget();
  unheard_decode_steps_ = 0;
  unheard_moves_ = {};
  OnLedger();
}

absl::Status DeviceScheduler::AddInventory(const v1::Inventory& inventory) {
  const uint32_t groups = model_.config().group_count().value();
  const uint32_t handles = model_.blocks().handles();
  for (int i = 0; i < inventory.blocks_size(); ++i) {
    auto range = BlockRangeFromProto(inventory.blocks(i), groups, handles);
    const absl::Status added =
        range.ok() ? model_.AddInventory(*range) : range.status();
    if (!added.ok()) return Within(added, "inventory.blocks[", i, "].");
  }
  return absl::OkStatus();
}

void DeviceScheduler::FinishInventory(StepIndex next_step) {
  model_.FinishInventory(next_step);
  StartCounterfactual();
  OnLedger();
}

absl::Status DeviceScheduler::HoldReport(const v1::MoveReport& report) {
  return assembler_.HoldReport(report);
}

absl::Status DeviceScheduler::ApplyStep(const v1::Step& step, StepDetail detail,
                                        EncodedReads reads) {
  if (auto s = assembler_.Begin(step, model_.blocks(), reads); !s.ok()) {
    return s;
  }
  if (!plans_wanted() || (model_.orders().ranking && assembler_.frees())) {
    detail = StepDetail::kAll;
  }
  if (auto s = model_.BeginStep(assembler_.step(), detail); !s.ok()) {
    return Within(s, "step.");
  }
  BeginCounterfactualStep();
  hindsight_->BeginStep();
  StepAccount account;
  const uint32_t groups = model_.config().group_count().value();
  for (uint32_t g = 0; g < groups; ++g) {
    if (auto s = ApplyPhase(GroupId(g), detail, &account); !s.ok()) return s;
  }
  model_.EndStep(account);
  hindsight_->EndStep(account.seconds);
  decode_steps_ = assembler_.decode_steps();
  if (detail == StepDetail::kAll || assembler_.frees()) plans_.Outdate();
  promotions_tried_ = 0;
  if (assembler_.holds_report()) CountMoves(detail);
  detail == StepDetail::kAll ? CountHeard(account) : CountUnheard(account);
  ledger_.Expire(model_.step(), &model_.mutable_residency());
  assembler_.End(model_.blocks());
  OnLedger();
  return absl::OkStatus();
}

void DeviceScheduler::CountHeard(StepAccount account) {
  const uint64_t stands_for = decode_steps_ + unheard_decode_steps_;
  account.traffic += unheard_moves_;
  unheard_decode_steps_ = 0;
  unheard_moves_ = {};
  window_.Add(account, stands_for, assembler_.measured());
  if (metrics_ == nullptr) return;
  metrics_->OnStep(account, stands_for, assembler_.measured());
  metrics_->OnGroups(groups_);
  if (const auto& ranking = model_.orders().ranking) {
    metrics_->OnPrices(ranking->leader(), ranking->prices());
  }
  CountLeftInDram();
}

void DeviceScheduler::CountUnheard(const StepAccount& account) {
  unheard_decode_steps_ += decode_steps_;
  unheard_moves_ += account.traffic;
  if (metrics_ != nullptr) metrics_->OnDropped(DropReason::kNotLearned, 1);
}

absl::Status DeviceScheduler::ApplyPhase(GroupId group, StepDetail detail,
                                         StepAccount* account) {
  const absl::Span<const BlockRange> births = assembler_.Births(group);
  if (!births.empty()) {
    PhaseUpdate beginning;
    beginning.group = group;
    beginning.births = births;
    PhaseTraffic none;
    if (auto s = model_.BeginPhase(beginning, &none); !s.ok()) {
      return Within(s, "step.allocated: ");
    }
  }
  PhaseUpdate update;
  if (auto s = assembler_.Phase(group, model_.blocks(), detail, &update);
      !s.ok()) {
    return s;
  }
  const PhaseTraffic before = account->traffic;
  if (auto s = model_.ApplyPhase(update, account); !s.ok()) {
    return Within(s, "step: group ", group.value(), ": ");
  }
  CountGroup(update, before, account->traffic);
  if (auto s = CheckMoved(account->traffic); !s.ok()) return s;
  hindsight_->AddPhase(births, update);
  if (counterfactual_ == nullptr) return absl::OkStatus();
  const GroupId next(group.value() + 1);
  const auto next_births = next < model_.config().group_count()
                               ? assembler_.Births(next)
                               : absl::Span<const BlockRange>();
  CheckCounterfactual(counterfactual_->Phase(update, births, next_births));
  return absl::OkStatus();
}

void DeviceScheduler::CountGroup(const PhaseUpdate& update,
                                 const PhaseTraffic& before,
                                 const PhaseTraffic& after) {
  const Bytes from_dram = after.dram_reads - before.dram_reads;
  const int64_t blocks =
      from_dram.count() / model_.config().block_bytes(update.group).count();
  // A resident block that was read from its copy is no miss.
  groups_[update.group.value()] = {
      update.reads.size(), static_cast<uint64_t>(blocks) - update.routed_reads};
}

void DeviceScheduler::CountMoves(StepDetail detail) {
  const MoveReportInfo& report = assembler_.report();
  const PlannedMoves* plan =
      ledger_.Report(report.plan, &model_.mutable_residency());
  const MoveReason evict_reason =
      plan == nullptr ? MoveReason::kCapacity : plan->evict_reason;
  Count(MoveReason::kMiss, MoveOutcome::kDone, report.promoted);
  Count(MoveReason::kPrefetch, MoveOutcome::kDone, report.prefetched);
  Count(evict_reason, MoveOutcome::kDone, report.evicted);
  plans_.OnEvicted(report.evicted);
  promotions_tried_ =
      report.promoted + CountFailures(report, evict_reason, detail);
  if (!report.expired || plan == nullptr) return;
  Count(MoveReason::kMiss, MoveOutcome::kExpired, plan->promotions);
  Count(MoveReason::kPrefetch, MoveOutcome::kExpired, plan->prefetches);
  Count(evict_reason, MoveOutcome::kExpired, plan->evictions);
}

// A block that failed to move is where it was: in HBM it was to be evicted. In
// DRAM, one that was read in the step was to be promoted; most are, where it is
// not known what was read.
uint64_t DeviceScheduler::CountFailures(const MoveReportInfo& report,
                                        MoveReason evict_reason,
                                        StepDetail detail) {
  uint64_t evictions = 0;
  uint64_t promotions = 0;
  uint64_t prefetches = 0;
  for (const BlockId block : report.failed) {
    if (model_.residency().tier(block) == Tier::kHbm) {
      ++evictions;
    } else if (detail == StepDetail::kLedger ||
               model_.stats().read_in(block, model_.step())) {
      ++promotions;
    } else {
      ++prefetches;
    }
  }
  Count(evict_reason, MoveOutcome::kFailed, evictions);
  Count(MoveReason::kMiss, MoveOutcome::kFailed, promotions);
  Count(MoveReason::kPrefetch, MoveOutcome::kFailed, prefetches);
  return promotions;
}

void DeviceScheduler::Count(MoveReason reason, MoveOutcome outcome,
                            uint64_t blocks) {
  if (blocks == 0) return;
  window_.AddMoves(reason, outcome, blocks);
  if (metrics_ != nullptr) metrics_->OnMoves(reason, outcome, blocks);
}

void DeviceScheduler::CountLeftInDram() {
  uint64_t misses = 0;
  for (const GroupAccount& group : groups_) misses += group.misses;
  if (misses <= promotions_tried_) return;
  const bool planned = assembler_.holds_report() &&
                       assembler_.report().plan != PlanId(0) &&
                       !assembler_.report().expired;
  metrics_->OnLeftInDram(planned ? OrderSource::kPlan : OrderSource::kLocal,
                         misses - promotions_tried_);
}

absl::Status DeviceScheduler::MakePlan(v1::Plan* out) {
  const absl::Duration start = clock_->Monotonic();
  if (auto s =
          plans_.Make(*policy_->policy, model_, mode() == Mode::kAdvise, out);
      !s.ok()) {
    return s;
  }
  decide_time_ = clock_->Monotonic() - start;
  OnLedger();
  return absl::OkStatus();
}

void DeviceScheduler::OnPlanDeparted() {
  if (const Plan* plan = plans_.last()) {
    ledger_.Depart(Summarize(*plan), &model_.mutable_residency());
  }
  OnLedger();
}

void DeviceScheduler::SetPolicy(std::shared_ptr<const PolicyInForce> policy) {
  model_.SetPolicy(policy->policy.get());
  if (counterfactual_ != nullptr) {
    counterfactual_->SetPolicy(policy->policy.get());
  }
  const bool was_observing = !plans_wanted();
  // The old one must live until nothing uses it.
  policy_ = std::move(policy);
  plans_wanted() ? plans_.Outdate() : plans_.Forget();
  TellPolicy();
  if (plans_wanted()) {
    counterfactual_.reset();
  } else if (!was_observing) {
    StartCounterfactual();
  }
}

void DeviceScheduler::StartCounterfactual() {
  counterfactual_.reset();
  counterfactual_error_ = absl::OkStatus();
  if (plans_wanted()) return;
  if (!Counterfactual::Supports(model_.config())) {
    counterfactual_error_ = absl::UnimplementedError(
        "hello.groups have blocks of different sizes: what plans would have "
        "gained is not computed");
    return;
  }
  counterfactual_ =
      std::make_unique<Counterfactual>(model_, policy_->policy.get());
}

void DeviceScheduler::BeginCounterfactualStep() {
  if (counterfactual_ == nullptr) return;
  std::optional<StepAccount> finished;
  CheckCounterfactual(counterfactual_->BeginStep(
      model_.step(), assembler_.Births(GroupId(0)), &finished));
  if (!finished) return;
  window_.AddObserved(*finished);
  if (metrics_ != nullptr) metrics_->OnObserved(*finished);
}

void DeviceScheduler::CheckCounterfactual(absl::Status status) {
  if (status.ok()) return;
  counterfactual_.reset();
  counterfactual_error_ = std::move(status);
}

void DeviceScheduler::OnLedger() {
  if (metrics_ == nullptr) return;
  const Residency& ledger = model_.residency();
  metrics_->OnLedger(ledger.capacity(), ledger.resident(), ledger.reserved(),
                     ledger.in_flight());
}

}  // namespace kvplace
