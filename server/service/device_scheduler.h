// The data side of a session: the model of its device, fed from messages, and
// the plans that come out.
//
// Knows nothing of streams, sequence numbers or time-outs (live_session.h
// does). A call that fails leaves the model in no defined state: the session
// ends, or Forget() and a new inventory follow.
//
// Thread-safety: one thread at a time, under the node's lock.
#ifndef KVPLACE_SERVER_SERVICE_DEVICE_SCHEDULER_H_
#define KVPLACE_SERVER_SERVICE_DEVICE_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/step_assembler.h"
#include "server/core/device_model.h"
#include "server/core/metrics_sink.h"
#include "server/core/plan.h"
#include "server/service/clock.h"
#include "server/service/counterfactual.h"
#include "server/service/hindsight_tracker.h"
#include "server/service/plan_ledger.h"
#include "server/service/plan_maker.h"
#include "server/service/policy_in_force.h"
#include "server/service/step_window.h"

namespace kvplace {

class DeviceScheduler {
 public:
  // `clock` outlives the scheduler. `hindsight_window_steps` as in
  // ServiceOptions.
  DeviceScheduler(const DeviceConfig& device,
                  std::shared_ptr<const PolicyInForce> policy,
                  uint32_t plan_lifetime_steps, const Clock* clock,
                  uint32_t hindsight_window_steps = 0);

  // Where to report; null: nowhere. Must be set before anything is applied and
  // outlive its use.
  void SetMetrics(DeviceMetrics* metrics);

  // Nothing is known of the device any more.
  void Forget();
  // A chunk. INVALID_ARGUMENT: a field; others: as of DeviceModel.
  absl::Status AddInventory(const v1::Inventory& inventory);
  void FinishInventory(StepIndex next_step);

  // Keeps the report of the step that follows.
  absl::Status HoldReport(const v1::MoveReport& report);
  // INVALID_ARGUMENT: a field that cannot be. NOT_FOUND, ALREADY_EXISTS,
  // FAILED_PRECONDITION, RESOURCE_EXHAUSTED: the model and the device differ.
  // `detail`: what is wanted. In observe mode, and where a ranking hears that
  // blocks end, a step is taken in whole all the same. One that is not is
  // counted in the metrics, and stood for by the next one that is.
  // `reads`: those of `step`, where it has none itself.
  absl::Status ApplyStep(const v1::Step& step,
                         StepDetail detail = StepDetail::kAll,
                         EncodedReads reads = {});

  // The next plan, as of PlanMaker.
  absl::Status MakePlan(v1::Plan* out);
  // The plan made last is being written.
  void OnPlanDeparted();
  // Background work, once the plan is out (see DeviceModel::Refresh).
  void Refresh() { model_.Refresh(); }
  // It will not be.
  void DropPlan() { model_.mutable_residency().ReleaseReserved(); }
  absl::Duration decide_time() const { return decide_time_; }
  // What MakePlan made last; null: nothing since the inventory, or it is of no
  // more use.
  const Plan* last_plan() const { return plans_.last(); }

  // From the next plan on. O(live blocks).
  void SetPolicy(std::shared_ptr<const PolicyInForce> policy);
  const PolicyInForce& policy() const { return *policy_; }

  // Why observe mode has stopped comparing, until the next inventory; OK while
  // it does not or need not.
  const absl::Status& counterfactual_error() const {
    return counterfactual_error_;
  }

  // The last steps, and the bound of them; never null.
  HindsightTracker* hindsight() const { return hindsight_.get(); }

  const DeviceModel& model() const { return model_; }
  const StepWindow& window() const { return window_; }
  // Decode steps that the last Step message stood for.
  uint32_t decode_steps() const { return decode_steps_; }
  uint64_t TokensHeard(SequenceId sequence) const {
    return assembler_.TokensHeard(sequence);
  }

 private:
  Mode mode() const { return policy_->settings.mode; }
  // Whether plans are to be made at all.
  bool plans_wanted() const { return mode() != Mode::kObserve; }
  absl::Status ApplyPhase(GroupId group, StepDetail detail,
                          StepAccount* account);
  // A step whose reads were heard, or were not, into window and metrics.
  void CountHeard(StepAccount account);
  void CountUnheard(const StepAccount& account);
  // Into groups_, from the step's account before and after the phase.
  void CountGroup(const PhaseUpdate& update, const PhaseTraffic& before,
                  const PhaseTraffic& after);
  void CountMoves(StepDetail detail);
  void Count(MoveReason reason, MoveOutcome outcome, uint64_t blocks);
  // Of what the step missed, and neither brought in nor tried to.
  void CountLeftInDram();
  void TellPolicy();
  // Returns how many of them are promotions.
  uint64_t CountFailures(const MoveReportInfo& report, MoveReason evict_reason,
                         StepDetail detail);
  void OnLedger();
  // Observe mode's twin: there when it is wanted, possible and in step.
  void StartCounterfactual();
  void BeginCounterfactualStep();
  // Drops it unless `status` is OK; the worker's own run goes on.
  void CheckCounterfactual(absl::Status status);

  const Clock* const clock_;
  DeviceMetrics* metrics_ = nullptr;
  std::shared_ptr<const PolicyInForce> policy_;
  DeviceModel model_;
  StepAssembler assembler_;
  PlanMaker plans_;
  PlanLedger ledger_;
  StepWindow window_;
  // Of the step at hand.
  std::vector<GroupAccount> groups_;
  uint64_t promotions_tried_ = 0;
  const std::unique_ptr<HindsightTracker> hindsight_;
  std::unique_ptr<Counterfactual> counterfactual_;
  absl::Status counterfactual_error_;
  absl::Duration decide_time_;
  uint32_t decode_steps_ = 1;
  // Since the last step that was heard: decode steps that were not, and what
  // was moved in them.
  uint64_t unheard_decode_steps_ = 0;
  PhaseTraffic unheard_moves_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_DEVICE_SCHEDULER_H_
