#include "server/core/block_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

std::vector<uint32_t> GroupLimits(const DeviceConfig& device) {
  std::vector<uint32_t> limits;
  limits.reserve(device.groups.size());
  for (const GroupConfig& group : device.groups) {
    limits.push_back(group.handles);
  }
  return limits;
}

}  // namespace

BlockTable::BlockTable(const DeviceConfig& device)
    : groups_(device.group_count().value()),
      group_limits_(GroupLimits(device)),
      group_live_(groups_, 0),
      group_(device.handles(), kDead),
      page_(device.handles(), 0),
      slot_(device.handles(), 0) {}

void BlockTable::Clear() {
  std::fill(group_.begin(), group_.end(), kDead);
  std::fill(group_live_.begin(), group_live_.end(), 0);
  live_ = 0;
  sequences_.clear();
  free_slots_.clear();
  slots_.clear();
}

absl::Status BlockTable::CheckRange(BlockId first, uint32_t count) const {
  if (count == 0)
    return absl::InvalidArgumentError("count is 0, expected >= 1");
  if (uint64_t{first.value()} + count > group_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "handles ", first.value(), "..", uint64_t{first.value()} + count - 1,
        " are out of range, expected below ", group_.size()));
  }
  return absl::OkStatus();
}

uint32_t BlockTable::SlotFor(SequenceId sequence) {
  const auto [it, added] = slots_.try_emplace(sequence, 0);
  if (!added) return it->second;
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(sequences_.size());
    sequences_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  sequences_[slot].id = sequence;
  sequences_[slot].live = 0;
  sequences_[slot].runs.assign(groups_, {});
  it->second = slot;
  return slot;
}

absl::Status BlockTable::Add(const BlockRange& range) {
  if (auto s = CheckRange(range.first, range.count); !s.ok()) return s;
  if (range.group.value() >= groups_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group is ", range.group.value(), ", expected below ", groups_));
  }
  if (range.first_page > UINT32_MAX - range.count) {
    return absl::InvalidArgumentError(
        absl::StrCat("first_page is ", range.first_page, ", too large"));
  }
  const uint32_t first = range.first.value();
  for (uint32_t i = 0; i < range.count; ++i) {
    if (group_[first + i] != kDead) {
      return absl::AlreadyExistsError(
          absl::StrCat("handle ", first + i, " is already live"));
    }
  }
  const uint32_t g = range.group.value();
  if (range.count > group_limits_[g] - group_live_[g]) {
    return absl::AlreadyExistsError(absl::StrCat(
        "group ", g, " would have ", uint64_t{group_live_[g]} + range.count,
        " live blocks, its Hello declared ", group_limits_[g], " handles"));
  }
  const uint32_t slot = SlotFor(range.sequence);
  for (uint32_t i = 0; i < range.count; ++i) {
    group_[first + i] = static_cast<uint16_t>(g);
    page_[first + i] = range.first_page + i;
    slot_[first + i] = slot;
  }
  group_live_[g] += range.count;
  live_ += range.count;
  Sequence& sequence = sequences_[slot];
  sequence.live += range.count;
  std::vector<BlockRange>& runs = sequence.runs[g];
  if (!runs.empty()) {
    BlockRange& last = runs.back();
    if (last.first.value() + last.count == first &&
        last.first_page + last.count == range.first_page) {
      last.count += range.count;
      return absl::OkStatus();
    }
  }
  runs.push_back(range);
  return absl::OkStatus();
}

void BlockTable::CutFromRuns(BlockId block) {
  std::vector<BlockRange>& runs =
      sequences_[slot_[block.value()]].runs[group_[block.value()]];
  for (size_t i = 0; i < runs.size(); ++i) {
    BlockRange& run = runs[i];
    const uint32_t at = block.value() - run.first.value();
    if (block < run.first || at >= run.count) continue;
    BlockRange rest = run;
    rest.first = BlockId(block.value() + 1);
    rest.first_page = run.first_page + at + 1;
    rest.count = run.count - at - 1;
    run.count = at;
    if (rest.count > 0) {
      if (run.count == 0) {
        run = rest;
      } else {
        runs.insert(runs.begin() + static_cast<ptrdiff_t>(i) + 1, rest);
      }
    } else if (run.count == 0) {
      runs.erase(runs.begin() + static_cast<ptrdiff_t>(i));
    }
    return;
  }
}

absl::Status BlockTable::Remove(const HandleRange& range) {
  if (auto s = CheckRange(range.first, range.count); !s.ok()) return s;
  const uint32_t first = range.first.value();
  for (uint32_t i = 0; i < range.count; ++i) {
    if (group_[first + i] == kDead) {
      return absl::NotFoundError(
          absl::StrCat("handle ", first + i, " is not live"));
    }
  }
  // From the end, so that a run shrinks at its tail.
  for (uint32_t i = range.count; i-- > 0;) {
    const BlockId block(first + i);
    CutFromRuns(block);
    --sequences_[slot_[block.value()]].live;
    --group_live_[group_[block.value()]];
    group_[block.value()] = kDead;
  }
  live_ -= range.count;
  return absl::OkStatus();
}

absl::Span<const BlockRange> BlockTable::Runs(SequenceId sequence,
                                              GroupId group) const {
  const auto it = slots_.find(sequence);
  if (it == slots_.end() || group.value() >= groups_) return {};
  return sequences_[it->second].runs[group.value()];
}

std::vector<SequenceId> BlockTable::Sequences() const {
  std::vector<SequenceId> result;
  result.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) result.push_back(id);
  return result;
}

void BlockTable::ForgetIfEmpty(SequenceId sequence) {
  const auto it = slots_.find(sequence);
  if (it == slots_.end() || sequences_[it->second].live > 0) return;
  sequences_[it->second].runs.clear();
  free_slots_.push_back(it->second);
  slots_.erase(it);
}

}  // namespace kvplace
