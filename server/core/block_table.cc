#include "server/core/block_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

// Lists of (sequence, group) beyond one per handle, so that small devices with
// many groups are not held up.
constexpr uint64_t kSpareLists = 65536;

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
      slot_(device.handles(), 0),
      links_(device.handles()) {}

void BlockTable::Clear() {
  std::fill(group_.begin(), group_.end(), kDead);
  std::fill(group_live_.begin(), group_live_.end(), 0);
  live_ = 0;
  sequences_.clear();
  heads_.clear();
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

uint32_t BlockTable::Slot(SequenceId sequence) const {
  const auto it = slots_.find(sequence);
  return it == slots_.end() ? kNoSlot : it->second;
}

uint32_t BlockTable::SlotFor(SequenceId sequence) {
  const auto [it, added] = slots_.try_emplace(sequence, 0);
  if (!added) return it->second;
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(sequences_.size());
    sequences_.emplace_back();
    heads_.resize(heads_.size() + groups_);
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  sequences_[slot] = Sequence{sequence, 0};
  it->second = slot;
  return slot;
}

absl::Status BlockTable::CheckAdd(const BlockRange& range) const {
  if (auto s = CheckRange(range.first, range.count); !s.ok()) return s;
  if (range.group.value() >= groups_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group is ", range.group.value(), ", expected below ", groups_));
  }
  if (range.first_page > UINT32_MAX - range.count) {
    return absl::InvalidArgumentError(
        absl::StrCat("first_page is ", range.first_page, ", too large"));
  }
  if (range.tier != Tier::kHbm && range.tier != Tier::kDram) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tier is ", static_cast<int>(range.tier), ", expected HBM or DRAM"));
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
  if (uint64_t{groups_} * (slots_.size() + 1) > group_.size() + kSpareLists &&
      !slots_.contains(range.sequence)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("sequence ", range.sequence.value(),
                     " is one more than the ", slots_.size(), " that ", groups_,
                     " groups with ", group_.size(), " handles may have"));
  }
  return absl::OkStatus();
}

absl::Status BlockTable::Add(const BlockRange& range) {
  if (auto s = CheckAdd(range); !s.ok()) return s;
  const uint32_t slot = SlotFor(range.sequence);
  const uint32_t g = range.group.value();
  Head& head = heads_[size_t{slot} * groups_ + g];
  for (uint32_t i = 0; i < range.count; ++i) {
    const uint32_t handle = range.first.value() + i;
    group_[handle] = static_cast<uint16_t>(g);
    page_[handle] = range.first_page + i;
    slot_[handle] = slot;
    Append(BlockId(handle), &head);
  }
  group_live_[g] += range.count;
  live_ += range.count;
  sequences_[slot].live += range.count;
  return absl::OkStatus();
}

void BlockTable::Append(BlockId block, Head* head) {
  links_[block.value()] = Link{head->newest, kNoBlock};
  if (head->newest == kNoBlock) {
    head->oldest = block;
  } else {
    links_[head->newest.value()].newer = block;
  }
  head->newest = block;
}

void BlockTable::Unlink(BlockId block) {
  const Link link = links_[block.value()];
  Head& head = HeadOf(block);
  (link.older == kNoBlock ? head.oldest : links_[link.older.value()].newer) =
      link.newer;
  (link.newer == kNoBlock ? head.newest : links_[link.newer.value()].older) =
      link.older;
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
  for (uint32_t i = 0; i < range.count; ++i) {
    const BlockId block(first + i);
    Unlink(block);
    --sequences_[slot_[block.value()]].live;
    --group_live_[group_[block.value()]];
    group_[block.value()] = kDead;
  }
  live_ -= range.count;
  return absl::OkStatus();
}

void BlockTable::SortByPage() {
  std::vector<BlockId> blocks;
  const auto by_page = [this](BlockId a, BlockId b) {
    return page(a) < page(b);
  };
  for (Head& head : heads_) {
    blocks.clear();
    for (BlockId b = head.oldest; b != kNoBlock; b = newer(b)) {
      blocks.push_back(b);
    }
    if (std::is_sorted(blocks.begin(), blocks.end(), by_page)) continue;
    std::stable_sort(blocks.begin(), blocks.end(), by_page);
    head = Head();
    for (const BlockId block : blocks) Append(block, &head);
  }
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
  free_slots_.push_back(it->second);
  slots_.erase(it);
}

uint32_t RunOfGroup(const BlockTable& table, BlockId first, uint32_t most) {
  const uint16_t* const groups = &table.group_[first.value()];
  // Nearly always all of them; without branches that is fast.
  uint16_t differ = 0;
  for (uint32_t i = 0; i < most; ++i) {
    differ = static_cast<uint16_t>(differ | (groups[i] ^ groups[0]));
  }
  if (differ == 0) return most;
  return static_cast<uint32_t>(
      std::find_if(groups, groups + most,
                   [=](uint16_t group) { return group != groups[0]; }) -
      groups);
}

namespace {

// Whatever the blocks are: all are handles of the table.
bool AllInRange(const BlockTable& table, absl::Span<const BlockId> blocks) {
  if (blocks.empty()) return true;
  // The sign is set by one out of range, and signs are collected faster than a
  // maximum is found. Handles are below 2^31.
  const uint32_t last = table.handles() - 1;
  uint32_t signs = 0;
  for (const BlockId b : blocks) signs |= b.value() | (last - b.value());
  return signs < uint32_t{1} << 31;
}

}  // namespace

bool AllAliveIn(const BlockTable& table, absl::Span<const BlockId> blocks,
                GroupId group) {
  if (!AllInRange(table, blocks)) return false;
  bool all = true;
  for (const BlockId block : blocks) all &= table.alive_in(block, group);
  return all;
}

}  // namespace kvplace
