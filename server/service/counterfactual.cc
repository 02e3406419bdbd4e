#include "server/service/counterfactual.h"

#include <algorithm>

namespace kvplace {
namespace {

void ListIds(absl::Span<const BlockRange> ranges, std::vector<BlockId>* ids) {
  ids->clear();
  for (const BlockRange& range : ranges) {
    for (uint32_t i = 0; i < range.count; ++i) {
      ids->emplace_back(range.first.value() + i);
    }
  }
  std::sort(ids->begin(), ids->end());
}

}  // namespace

bool Counterfactual::Supports(const DeviceConfig& device) {
  for (const GroupConfig& group : device.groups) {
    if (group.block_bytes != device.groups[0].block_bytes) return false;
  }
  return true;
}

Counterfactual::Counterfactual(const DeviceModel& live, const Policy* policy)
    : model_(live.config(), policy), device_(live.config()), policy_(policy) {
  const BlockTable& blocks = live.blocks();
  for (uint32_t h = 0; h < blocks.handles(); ++h) {
    const BlockId block(h);
    if (!blocks.alive(block)) continue;
    const Tier tier = live.residency().tier(block);
    device_.Place(block, tier);
    // What the live model took cannot fail here.
    model_
        .AddInventory({blocks.sequence(block), blocks.group(block),
                       blocks.page(block), block, 1, tier})
        .IgnoreError();
  }
  model_.FinishInventory(StepIndex(live.step().value() + 1));
}

void Counterfactual::SetPolicy(const Policy* policy) {
  policy_ = policy;
  model_.SetPolicy(policy);
}

absl::Status Counterfactual::Replan() {
  if (auto s = planner_.MakePlan(*policy_, model_, &plan_); !s.ok()) return s;
  device_.SetOrder(&plan_.order);
  model_.Refresh();
  return absl::OkStatus();
}

absl::Status Counterfactual::BeginStep(StepIndex step,
                                       absl::Span<const BlockRange> births,
                                       std::optional<StepAccount>* finished) {
  finished->reset();
  if (open_) {
    if (auto s = EndPhase(births); !s.ok()) return s;
    model_.EndStep(account_);
    *finished = account_;
  }
  if (auto s = Replan(); !s.ok()) return s;
  if (!started_) {
    started_ = true;
    ListIds(births, &next_birth_ids_);
    device_.PrepareBirths(GroupId(0), next_birth_ids_);
  }
  account_ = StepAccount();
  return model_.BeginStep(step);
}

void Counterfactual::Keep(const PhaseUpdate& phase,
                          absl::Span<const BlockRange> births) {
  input_.group = phase.group;
  input_.births.clear();
  for (const BlockRange& range : births) {
    for (uint32_t i = 0; i < range.count; ++i) {
      input_.births.push_back({range.sequence, range.group,
                               range.first_page + i,
                               BlockId(range.first.value() + i), 1});
    }
  }
  std::sort(input_.births.begin(), input_.births.end(),
            [](const BlockRange& a, const BlockRange& b) {
              return a.first < b.first;
            });
  ListIds(births, &input_.birth_ids);
  input_.reads.assign(phase.reads.begin(), phase.reads.end());
  input_.kv_writes.assign(phase.kv_writes.begin(), phase.kv_writes.end());
  input_.freed.assign(phase.freed.begin(), phase.freed.end());
}

PhaseInput Counterfactual::AsInput(absl::Span<const BlockRange> next_births) {
  PhaseInput input;
  input.group = input_.group;
  input.births = input_.birth_ids;
  input.reads = input_.reads;
  input.kv_writes = input_.kv_writes;
  input.freed = input_.freed;
  input.next_group = GroupId((input_.group.value() + 1) %
                             model_.config().group_count().value());
  ListIds(next_births, &next_birth_ids_);
  input.next_births = next_birth_ids_;
  return input;
}

absl::Status Counterfactual::Phase(const PhaseUpdate& phase,
                                   absl::Span<const BlockRange> births,
                                   absl::Span<const BlockRange> next_births) {
  Keep(phase, births);
  device_.BeginPhase(AsInput({}), &outcome_);
  open_ = true;
  if (phase.group.value() + 1 == model_.config().group_count().value()) {
    return absl::OkStatus();
  }
  return EndPhase(next_births);
}

void Counterfactual::ListBirths(const std::vector<BlockId>& ids, Tier tier) {
  // Both ascending.
  auto at = input_.births.begin();
  for (const BlockId id : ids) {
    while (at->first != id) ++at;
    births_.push_back(*at);
    births_.back().tier = tier;
  }
}

absl::Status Counterfactual::EndPhase(
    absl::Span<const BlockRange> next_births) {
  device_.EndPhase(AsInput(next_births), &outcome_);
  open_ = false;
  births_.clear();
  ListBirths(outcome_.new_hbm, Tier::kHbm);
  ListBirths(outcome_.new_dram, Tier::kDram);
  PhaseUpdate update;
  update.group = input_.group;
  update.births = births_;
  update.reads = input_.reads;
  update.kv_writes = input_.kv_writes;
  update.routed_reads = outcome_.routed_reads;
  update.evicted = outcome_.evicted;
  update.promoted = outcome_.promoted;
  update.prefetched = outcome_.prefetched;
  update.freed = input_.freed;
  return model_.ApplyPhase(update, &account_);
}

}  // namespace kvplace
