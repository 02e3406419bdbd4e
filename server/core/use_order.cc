#include "server/core/use_order.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

int64_t InHbm(const Residency& residency, BlockId block) {
  return residency.tier(block) == Tier::kHbm ? 1 : 0;
}

}  // namespace

void UseOrder::Clear() {
  sets_.Clear();
  places_.Clear();
  groups_.assign(groups_.size(), Group());
}

void UseOrder::Dissolve(const Device& device) {
  for (uint32_t g = 0; g < groups_.size(); ++g) Empty(device, GroupId(g));
}

bool UseOrder::Enter(const Device& device, GroupId group,
                     absl::Span<const BlockId> blocks) {
  if (!AllAliveIn(device.blocks, blocks, group)) return false;
  int64_t in_hbm = 0;
  for (const BlockId block : blocks) {
    device.stats.Enter(block, group);
    in_hbm += InHbm(device.residency, block);
  }
  groups_[group.value()].in_hbm += in_hbm;
  for (const BlockId block : blocks) places_.Hold(block);
  return true;
}

void UseOrder::Leave(const Device& device, GroupId group,
                     absl::Span<const BlockId> blocks) {
  int64_t in_hbm = 0;
  for (const BlockId block : blocks) {
    device.stats.Leave(block, group);
    in_hbm += InHbm(device.residency, block);
  }
  groups_[group.value()].in_hbm -= in_hbm;
  for (const BlockId block : blocks) places_.Release(block);
}

void UseOrder::Empty(const Device& device, GroupId group) {
  TidySet(device.stats, group);
  ReadSets::Changes changes;
  sets_.Hear(group, {}, &changes);
  Leave(device, group, changes.left);
}

void UseOrder::TidySet(const AccessStats& stats, GroupId group) {
  if (!std::exchange(groups_[group.value()].untidy, false)) return;
  sets_.Filter(group, [&stats, group](BlockId block) {
    return stats.in_set_of(block, group);
  });
}

absl::Status UseOrder::Hear(const Device& device, GroupId group, StepIndex step,
                            absl::Span<const BlockId> reads, int64_t* in_hbm) {
  TidySet(device.stats, group);
  const bool more = device.stats.set_step_is(group, step);
  ReadSets::Changes changes;
  if (!(more ? sets_.HearMore(group, reads, &changes)
             : sets_.Hear(group, reads, &changes))) {
    return absl::InvalidArgumentError(
        absl::StrCat("reads of group ", group.value(), " do not ascend"));
  }
  Settle(device.stats, group, step);
  Leave(device, group, changes.left);
  device.stats.SetStep(group, step);
  if (!Enter(device, group, changes.entered)) {
    sets_.Clear();
    return absl::NotFoundError(absl::StrCat(
        "not all reads of group ", group.value(), " are of live blocks"));
  }
  *in_hbm =
      more ? CountHbm(device.residency, reads) : groups_[group.value()].in_hbm;
  return absl::OkStatus();
}

void UseOrder::EndPhase(const Device& device, GroupId group, StepIndex step) {
  if (device.stats.set_step_is(group, step)) return;
  Settle(device.stats, group, step);
  Empty(device, group);
}

void UseOrder::Settle(const AccessStats& stats, GroupId group, StepIndex step) {
  std::vector<Arrival>& arrivals = groups_[group.value()].arrivals;
  if (arrivals.empty()) return;
  const auto first_new =
      std::find_if(arrivals.begin(), arrivals.end(),
                   [step](const Arrival& a) { return a.step >= step; });
  std::for_each(arrivals.begin(), first_new, [&](const Arrival& a) {
    if (!stats.in_set(a.block)) places_.Release(a.block);
  });
  arrivals.erase(arrivals.begin(), first_new);
}

void UseOrder::Arrive(const Device& device, BlockId block, GroupId group,
                      StepIndex step) {
  if (device.stats.in_set(block)) {
    ++groups_[device.blocks.group(block).value()].in_hbm;
  }
  // What came in earlier steps is older than what comes now.
  Settle(device.stats, group, step);
  const bool held = places_.held(block);
  places_.Touch(block);
  if (held) return;
  places_.Hold(block);
  Group& in = groups_[group.value()];
  if (in.arrivals.empty()) in.arrival_time = sets_.Now();
  in.arrivals.push_back({block, step});
}

void UseOrder::Remove(const Device& device, BlockId block) {
  if (device.stats.in_set(block)) {
    --groups_[device.blocks.group(block).value()].in_hbm;
  }
  places_.Remove(block);
}

void UseOrder::End(const Device& device, BlockId block) {
  if (device.stats.in_set(block)) {
    Group& group = groups_[device.blocks.group(block).value()];
    group.in_hbm -= InHbm(device.residency, block);
    group.untidy = true;
  }
  places_.Remove(block);
  places_.Release(block);
}

void UseOrder::AppendOldest(size_t count, const AccessStats& stats,
                            std::vector<BlockId>* out) const {
  const size_t most = out->size() + count;
  places_.AppendOldest(count, out);
  if (out->size() == most || places_.all_placed()) return;
  // Time, whether it is of the group's set, and the group.
  std::vector<std::tuple<uint64_t, bool, uint32_t>> rest;
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    if (!groups_[g].arrivals.empty()) {
      rest.emplace_back(groups_[g].arrival_time, false, g);
    }
    if (!sets_.set(GroupId(g)).empty()) {
      rest.emplace_back(sets_.time(GroupId(g)), true, g);
    }
  }
  std::sort(rest.begin(), rest.end());
  absl::flat_hash_set<BlockId> seen;
  for (const auto& [time, is_set, g] : rest) {
    if (is_set) {
      for (const BlockId block : sets_.set(GroupId(g))) {
        if (out->size() == most) return;
        if (places_.contains(block) && stats.in_set_of(block, GroupId(g))) {
          out->push_back(block);
        }
      }
      continue;
    }
    for (const Arrival& a : groups_[g].arrivals) {
      if (out->size() == most) return;
      if (places_.contains(a.block) && places_.held(a.block) &&
          !stats.in_set(a.block) && seen.insert(a.block).second) {
        out->push_back(a.block);
      }
    }
  }
}

}  // namespace kvplace
