#include "server/replay/closed_loop.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "server/replay/start_placement.h"

namespace kvplace {
namespace {

// State of one run.
class Loop {
 public:
  Loop(const Workload& workload, const DeviceConfig& device,
       const Policy& policy, RecordedFuture* future, const LoopOptions& options)
      : workload_(workload),
        policy_(policy),
        future_(policy.traits().clairvoyant ? future : nullptr),
        options_(options),
        model_(device, &policy,
               static_cast<uint32_t>(std::max(options.delay_steps, 1))),
        device_(device),
        cost_(device) {}

  absl::StatusOr<LoopResult> Run() {
    if (auto s = Start(); !s.ok()) return s;
    // What a clairvoyant policy knows does not come with the steps.
    const bool by_phase = options_.delay_steps == 0 || future_ != nullptr;
    for (uint32_t step = 0; step < workload_.steps; ++step) {
      const Seconds before = result_.seconds;
      decide_ = 0;
      if (auto s = by_phase ? StepByPhase(step) : StepByPlan(step); !s.ok()) {
        return s;
      }
      result_.step_seconds.emplace_back(result_.seconds.value() -
                                        before.value());
      if (options_.now) result_.decide_seconds.push_back(decide_);
    }
    return std::move(result_);
  }

 private:
  using Outcomes = std::vector<PhaseOutcome>;

  absl::Status Start() {
    const uint64_t capacity = static_cast<uint64_t>(
        model_.config().hbm_capacity / workload_.block_bytes());
    if (future_ != nullptr) future_->Rewind();
    ClairvoyantPlacement start;
    if (future_ != nullptr) {
      start = ClairvoyantStart(workload_, *future_, capacity);
    } else if (!options_.empty_start) {
      start.hbm = OnlineStart(workload_, capacity);
    }
    const std::vector<BlockId>& hbm = start.hbm;
    for (const BlockId block : workload_.initial) {
      device_.Place(block, Tier::kDram);
    }
    for (const BlockId block : hbm) device_.Place(block, Tier::kHbm);
    for (const BlockRange& range : InventoryOf(workload_, hbm)) {
      if (auto s = model_.AddInventory(range); !s.ok()) return s;
    }
    model_.FinishInventory(StepIndex(0));
    if (options_.on_start) options_.on_start(hbm);
    if (auto s = planner_.MakePlan(policy_, model_, &plan_); !s.ok()) return s;
    plan_.order.new_in_dram = start.new_in_dram;
    SetOrder(0, /*phase_known=*/false);
    if (workload_.phases() > 0) {
      device_.PrepareBirths(GroupId(0), workload_.births[0]);
    }
    return absl::OkStatus();
  }

  template <typename Decide>
  absl::Status Timed(Decide decide) {
    const double start = options_.now ? options_.now() : 0;
    absl::Status status = decide();
    if (options_.now) decide_ += options_.now() - start;
    return status;
  }

  void SetOrder(size_t phase, bool phase_known) {
    device_.SetOrder(&plan_.order);
    if (options_.on_order) {
      options_.on_order({phase, phase_known, model_, plan_.order});
    }
  }

  void Record(size_t phase, const PhaseOutcome& outcome) {
    result_.traffic += outcome.traffic;
    result_.seconds += outcome.seconds;
    result_.breakdown += cost_.Breakdown(outcome.traffic);
    if (options_.on_phase) options_.on_phase(phase, outcome);
  }

  absl::Status StepByPlan(uint32_t step) {
    // Hear of everything up to step - delay, then plan for this step.
    bool news = step == 0 || options_.sample_every == 1;
    while (!unheard_.empty() &&
           unheard_.size() >= static_cast<size_t>(options_.delay_steps)) {
      const bool whole = (heard_steps_ + 1) % options_.sample_every == 0;
      if (auto s = Hear(heard_steps_, whole, unheard_.front()); !s.ok()) {
        return s;
      }
      news |= whole;
      ++heard_steps_;
      spare_.push_back(std::move(unheard_.front()));
      unheard_.pop_front();
    }
    if (news) {
      if (auto s = Timed(
              [this] { return planner_.MakePlan(policy_, model_, &plan_); });
          !s.ok()) {
        return s;
      }
      SetOrder(size_t{step} * workload_.groups, /*phase_known=*/false);
      model_.Refresh();
    }
    Outcomes outcomes;
    if (!spare_.empty()) {
      outcomes = std::move(spare_.back());
      spare_.pop_back();
    }
    outcomes.resize(workload_.groups);
    for (uint32_t g = 0; g < workload_.groups; ++g) {
      const size_t phase = size_t{step} * workload_.groups + g;
      const PhaseInput input = InputOf(workload_, phase);
      device_.BeginPhase(input, &outcomes[g]);
      device_.EndPhase(input, &outcomes[g]);
      Record(phase, outcomes[g]);
    }
    unheard_.push_back(std::move(outcomes));
    return absl::OkStatus();
  }

  // `whole`: with its reads. Of the steps before it since the last such one
  // only births, moves and ends are heard, as parts of it.
  absl::Status Hear(uint32_t step, bool whole, const Outcomes& outcomes) {
    if (step % options_.sample_every == 0) {
      const uint32_t last = step + options_.sample_every - 1;
      if (auto s = model_.BeginStep(StepIndex(last)); !s.ok()) return s;
    }
    StepAccount account;
    for (uint32_t g = 0; g < workload_.groups; ++g) {
      const size_t phase = size_t{step} * workload_.groups + g;
      const PhaseUpdate update =
          UpdateOf(workload_, phase, outcomes[g], &scratch_);
      if (auto s = model_.ApplyPhase(whole ? update : WithoutReads(update),
                                     &account);
          !s.ok()) {
        return s;
      }
    }
    if (whole) EndStep(account);
    return absl::OkStatus();
  }

  // Orders are prepared in it, so that it is part of deciding.
  void EndStep(const StepAccount& account) {
    const double start = options_.now ? options_.now() : 0;
    model_.EndStep(account);
    if (options_.now) decide_ += options_.now() - start;
  }

  static PhaseUpdate WithoutReads(const PhaseUpdate& update) {
    PhaseUpdate rest;
    rest.group = update.group;
    rest.births = update.births;
    rest.evicted = update.evicted;
    rest.promoted = update.promoted;
    rest.prefetched = update.prefetched;
    rest.freed = update.freed;
    return rest;
  }

  absl::Status StepByPhase(uint32_t step) {
    if (auto s = model_.BeginStep(StepIndex(step)); !s.ok()) return s;
    StepAccount account;
    for (uint32_t g = 0; g < workload_.groups; ++g) {
      const size_t phase = size_t{step} * workload_.groups + g;
      const PhaseInput input = InputOf(workload_, phase);
      if (future_ != nullptr) future_->Enter(phase);
      device_.BeginPhase(input, &outcome_);
      PhaseUpdate seen = UpdateOf(workload_, phase, outcome_, &scratch_);
      seen.reranked = NewInWindow(phase);
      PhaseTraffic before_moves;
      if (auto s = model_.BeginPhase(seen, &before_moves); !s.ok()) return s;
      if (auto s = model_.EndPhase(seen, &before_moves); !s.ok()) return s;
      account.blocks_read += input.reads.size();
      PhaseRequest(input);
      request_.hbm_slack = cost_.HbmSlack(before_moves);
      if (auto s = Timed([this] {
            return planner_.MakePhaseOrder(policy_, model_, request_,
                                           &plan_.order);
          });
          !s.ok()) {
        return s;
      }
      SetOrder(phase, /*phase_known=*/true);
      device_.EndPhase(input, &outcome_);
      if (auto s = TellMoves(); !s.ok()) return s;
      account.traffic += outcome_.traffic;
      account.seconds += outcome_.seconds;
      Record(phase, outcome_);
    }
    EndStep(account);
    return absl::OkStatus();
  }

  // The reads that `phase` brings into the policy's window.
  absl::Span<const BlockId> NewInWindow(size_t phase) const {
    const uint32_t steps = policy_.traits().rank_window_steps;
    const uint64_t last = phase + uint64_t{steps} * workload_.groups;
    if (steps == 0 || last >= workload_.phases()) return {};
    return workload_.reads[last];
  }

  void PhaseRequest(const PhaseInput& input) {
    request_ = PlanRequest();
    request_.group = input.group;
    misses_.clear();
    for (const BlockId block : outcome_.read_dram) {
      if (model_.residency().tier(block) == Tier::kDram) {
        misses_.push_back(block);
      }
    }
    request_.misses = misses_;
    request_.next_births = input.next_births;
    request_.next_birth_bytes = workload_.block_bytes() *
                                static_cast<int64_t>(input.next_births.size());
    request_.free = device_.FreeAfterEnds(input);
  }

  absl::Status TellMoves() {
    PhaseUpdate moves;
    moves.evicted = outcome_.evicted;
    moves.promoted = outcome_.promoted;
    moves.prefetched = outcome_.prefetched;
    PhaseTraffic ignored;
    return model_.EndPhase(moves, &ignored);
  }

  const Workload& workload_;
  const Policy& policy_;
  RecordedFuture* const future_;
  const LoopOptions& options_;
  DeviceModel model_;
  EmulatedDevice device_;
  const CostModel cost_;
  Planner planner_;
  Plan plan_;
  LoopResult result_;
  double decide_ = 0;

  // Delay >= 1: steps done that the planner has not heard of, oldest first.
  std::deque<Outcomes> unheard_;
  std::vector<Outcomes> spare_;
  uint32_t heard_steps_ = 0;
  // Delay 0.
  PhaseOutcome outcome_;
  PlanRequest request_;
  std::vector<BlockId> misses_;
  UpdateScratch scratch_;
};

Seconds PhaseRoofline(const Workload& workload, const DeviceConfig& device,
                      const CostModel& cost, size_t phase) {
  int64_t tokens = 0;
  for (const KvWrite& write : workload.kv_writes[phase]) tokens += write.tokens;
  return cost.Roofline(workload.block_bytes() *
                           static_cast<int64_t>(workload.reads[phase].size()),
                       device.hbm_capacity,
                       workload.kv_bytes_per_token * tokens);
}

}  // namespace

DeviceConfig DeviceFor(const Workload& workload, const MachineProfile& profile,
                       ResidencyMode mode, uint64_t capacity_blocks,
                       Bytes fixed_bytes_per_phase, bool read_routing) {
  DeviceConfig device;
  device.profile = profile;
  device.mode = mode;
  device.hbm_capacity =
      workload.block_bytes() * static_cast<int64_t>(capacity_blocks);
  device.fixed_bytes_per_phase = fixed_bytes_per_phase;
  device.read_routing = read_routing;
  device.groups.assign(
      workload.groups,
      GroupConfig{workload.block_bytes(),
                  std::max(1u, workload.sequences * workload.pages_max),
                  workload.page_tokens, workload.kv_bytes_per_token});
  return device;
}

PhaseInput InputOf(const Workload& workload, size_t phase) {
  PhaseInput input;
  input.group = GroupId(static_cast<uint32_t>(phase % workload.groups));
  input.births = workload.births[phase];
  input.reads = workload.reads[phase];
  input.kv_writes = workload.kv_writes[phase];
  input.freed = workload.freed[phase];
  input.next_group = GroupId((input.group.value() + 1) % workload.groups);
  if (phase + 1 < workload.phases()) {
    input.next_births = workload.births[phase + 1];
  }
  return input;
}

std::vector<BlockRange> InventoryOf(const Workload& workload,
                                    const std::vector<BlockId>& hbm) {
  std::vector<BlockRange> ranges;
  size_t next_hbm = 0;
  for (const BlockId block : workload.initial) {
    const bool in_hbm = next_hbm < hbm.size() && hbm[next_hbm] == block;
    if (in_hbm) ++next_hbm;
    const Tier tier = in_hbm ? Tier::kHbm : Tier::kDram;
    const SequenceId sequence(workload.SequenceOf(block));
    if (!ranges.empty()) {
      BlockRange& last = ranges.back();
      if (last.tier == tier && last.sequence == sequence &&
          last.group == workload.GroupOf(block) &&
          last.first.value() + last.count == block.value()) {
        ++last.count;
        continue;
      }
    }
    ranges.push_back({sequence, workload.GroupOf(block), workload.PageOf(block),
                      block, 1, tier});
  }
  return ranges;
}

PhaseUpdate UpdateOf(const Workload& workload, size_t phase,
                     const PhaseOutcome& outcome, UpdateScratch* scratch) {
  PhaseUpdate update;
  update.group = GroupId(static_cast<uint32_t>(phase % workload.groups));
  scratch->births.clear();
  const auto born = [&](const std::vector<BlockId>& blocks, Tier tier) {
    for (const BlockId block : blocks) {
      scratch->births.push_back({SequenceId(workload.SequenceOf(block)),
                                 update.group, workload.PageOf(block), block, 1,
                                 tier});
    }
  };
  born(outcome.new_hbm, Tier::kHbm);
  born(outcome.new_dram, Tier::kDram);
  update.births = scratch->births;
  update.reads = workload.reads[phase];
  if (!workload.read_masses.empty()) {
    update.read_masses = absl::MakeConstSpan(workload.read_masses)
                             .subspan(workload.reads.offset(phase),
                                      workload.reads[phase].size());
    scratch->near_misses.clear();
    scratch->near_miss_masses.clear();
    for (const NearMiss& near : workload.near_misses[phase]) {
      scratch->near_misses.push_back(near.block);
      scratch->near_miss_masses.push_back(near.mass);
    }
    update.near_misses = scratch->near_misses;
    update.near_miss_masses = scratch->near_miss_masses;
  }
  update.kv_writes = workload.kv_writes[phase];
  update.routed_reads = outcome.routed_reads;
  update.evicted = outcome.evicted;
  update.promoted = outcome.promoted;
  update.prefetched = outcome.prefetched;
  update.freed = workload.freed[phase];
  return update;
}

Seconds RooflineSeconds(const Workload& workload, const DeviceConfig& device) {
  const CostModel cost(device);
  Seconds sum;
  for (size_t phase = 0; phase < workload.phases(); ++phase) {
    sum += PhaseRoofline(workload, device, cost, phase);
  }
  return sum;
}

std::vector<Seconds> RooflineStepSeconds(const Workload& workload,
                                         const DeviceConfig& device) {
  const CostModel cost(device);
  std::vector<Seconds> steps(workload.steps);
  for (size_t phase = 0; phase < workload.phases(); ++phase) {
    steps[phase / workload.groups] +=
        PhaseRoofline(workload, device, cost, phase);
  }
  return steps;
}

absl::StatusOr<LoopResult> RunClosedLoop(const Workload& workload,
                                         const DeviceConfig& device,
                                         const Policy& policy,
                                         RecordedFuture* future,
                                         const LoopOptions& options) {
  return Loop(workload, device, policy, future, options).Run();
}

}  // namespace kvplace
