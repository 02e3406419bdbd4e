#include "client/cpp/block_mirror.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace::client {
namespace {

absl::Status GroupOutOfRange(const char* field, GroupId group, size_t groups) {
  return absl::InvalidArgumentError(absl::StrCat(
      field, ".group is ", group.value(), ", expected below ", groups));
}

// Puts one item per group into its place; refuses a repeated or unknown group.
template <typename T>
absl::Status Place(const char* field, const std::vector<T>& items,
                   std::vector<const T*>* by_group) {
  std::fill(by_group->begin(), by_group->end(), nullptr);
  for (const T& item : items) {
    if (item.group.value() >= by_group->size()) {
      return GroupOutOfRange(field, item.group, by_group->size());
    }
    const T*& slot = (*by_group)[item.group.value()];
    if (slot != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, ": group ", item.group.value(), " is there twice"));
    }
    slot = &item;
  }
  return absl::OkStatus();
}

}  // namespace

BlockMirror::BlockMirror(DeviceConfig device, bool track_reads)
    : track_reads_(track_reads),
      model_(std::move(device), &policy_),
      births_(model_.config().groups.size()),
      frees_(births_.size()),
      reads_(births_.size()),
      moves_(births_.size()) {}

absl::Status BlockMirror::Replace(absl::Span<const BlockRange> live,
                                  StepIndex next_step) {
  model_.Clear();
  broken_ = true;
  for (const BlockRange& range : live) {
    if (range.tier == Tier::kNone) {
      return absl::InvalidArgumentError(
          absl::StrCat("handle ", range.first.value(),
                       " has no tier, expected HBM or "
                       "DRAM"));
    }
    if (auto s = model_.AddInventory(range); !s.ok()) return s;
  }
  model_.FinishInventory(next_step);
  broken_ = false;
  return absl::OkStatus();
}

absl::Status BlockMirror::SplitByGroup(const StepData& step,
                                       const MoveReport* moves) {
  for (auto& births : births_) births.clear();
  for (const BlockRange& range : step.allocated) {
    if (range.group.value() >= births_.size()) {
      return GroupOutOfRange("allocated", range.group, births_.size());
    }
    if (range.tier == Tier::kNone) {
      return absl::InvalidArgumentError(absl::StrCat(
          "allocated: handle ", range.first.value(), " has no tier"));
    }
    births_[range.group.value()].push_back(range);
  }
  if (auto s = Place("reads", step.reads, &reads_); !s.ok()) return s;
  if (moves == nullptr) {
    std::fill(moves_.begin(), moves_.end(), nullptr);
  } else if (auto s = Place("moves", moves->phases, &moves_); !s.ok()) {
    return s;
  }
  return CollectFrees(step);
}

absl::Status BlockMirror::CollectFrees(const StepData& step) {
  for (auto& frees : frees_) frees.clear();
  const BlockTable& blocks = model_.blocks();
  for (const HandleRange& range : step.freed) {
    for (uint32_t i = 0; i < range.count; ++i) {
      const BlockId block(range.first.value() + i);
      if (block.value() < blocks.handles() && blocks.alive(block)) {
        frees_[blocks.group(block).value()].push_back(block);
        continue;
      }
      // Rare: it begins in this very step.
      const auto birth =
          std::find_if(step.allocated.begin(), step.allocated.end(),
                       [block](const BlockRange& r) {
                         return r.first <= block &&
                                block.value() - r.first.value() < r.count;
                       });
      if (birth == step.allocated.end()) {
        return absl::NotFoundError(
            absl::StrCat("freed: handle ", block.value(), " is not live"));
      }
      frees_[birth->group.value()].push_back(block);
    }
  }
  return absl::OkStatus();
}

void BlockMirror::AppendLive(SequenceId sequence, GroupId group,
                             std::vector<BlockId>* blocks) const {
  const BlockTable& table = model_.blocks();
  const uint32_t slot = table.Slot(sequence);
  if (slot == BlockTable::kNoSlot) return;
  for (BlockId b = table.oldest(slot, group); b != kNoBlock;
       b = table.newer(b)) {
    blocks->push_back(b);
  }
}

absl::Status BlockMirror::ApplyPhase(uint32_t group, StepAccount* account) {
  PhaseUpdate begin;
  begin.group = GroupId(group);
  begin.births = births_[group];
  PhaseTraffic ignored;
  if (auto s = model_.BeginPhase(begin, &ignored); !s.ok()) return s;
  if (track_reads_ && reads_[group] != nullptr) {
    // After the births, so that "all" covers them.
    PhaseUpdate read;
    read.group = begin.group;
    read.reads = reads_[group]->blocks;
    if (!reads_[group]->all_of.empty()) {
      all_.clear();
      for (const SequenceId sequence : reads_[group]->all_of) {
        AppendLive(sequence, begin.group, &all_);
      }
      // In the order in which the server hears of them.
      std::sort(all_.begin(), all_.end());
      read.reads = all_;
    }
    account->blocks_read += read.reads.size();
    if (auto s = model_.BeginPhase(read, &ignored); !s.ok()) return s;
  }
  PhaseUpdate end;
  end.group = begin.group;
  end.freed = frees_[group];
  if (const PhaseMoves* moves = moves_[group]; moves != nullptr) {
    end.evicted = moves->evicted;
    end.promoted = moves->promoted;
    end.prefetched = moves->prefetched;
  }
  return model_.EndPhase(end, &ignored);
}

void BlockMirror::AddEnded(const StepData& step, GroupId group) {
  std::vector<BlockId>& frees = frees_[group.value()];
  for (const SequenceStep& sequence : step.sequences) {
    if (!sequence.ended) continue;
    // What lives before the phase, and what begins in it.
    AppendLive(sequence.sequence, group, &frees);
    for (const BlockRange& birth : births_[group.value()]) {
      if (birth.sequence != sequence.sequence) continue;
      for (uint32_t i = 0; i < birth.count; ++i) {
        frees.emplace_back(birth.first.value() + i);
      }
    }
  }
  // An ended sequence's blocks may also be listed.
  std::sort(frees.begin(), frees.end());
  frees.erase(std::unique(frees.begin(), frees.end()), frees.end());
}

absl::Status BlockMirror::ApplyPhases(const StepData& step,
                                      const MoveReport* moves) {
  if (auto s = SplitByGroup(step, moves); !s.ok()) return s;
  if (auto s = model_.BeginStep(step.step); !s.ok()) return s;
  StepAccount account;
  for (uint32_t g = 0; g < births_.size(); ++g) {
    AddEnded(step, GroupId(g));
    if (auto s = ApplyPhase(g, &account); !s.ok()) return s;
  }
  model_.EndStep(account);
  return absl::OkStatus();
}

absl::Status BlockMirror::Apply(const StepData& step, const MoveReport* moves,
                                std::vector<BlockId>* freed) {
  if (broken_) {
    return absl::FailedPreconditionError(
        "the picture of the device is broken, expected ReplaceInventory");
  }
  if (auto s = ApplyPhases(step, moves); !s.ok()) {
    broken_ = true;
    return absl::Status(
        s.code(), absl::StrCat("step ", step.step.value(), ": ", s.message()));
  }
  if (freed != nullptr) {
    freed->clear();
    for (const auto& frees : frees_) {
      freed->insert(freed->end(), frees.begin(), frees.end());
    }
  }
  return absl::OkStatus();
}

std::vector<BlockRange> BlockMirror::Inventory() const {
  const BlockTable& table = model_.blocks();
  std::vector<SequenceId> sequences = table.Sequences();
  std::sort(sequences.begin(), sequences.end());
  std::vector<BlockRange> ranges;
  std::vector<BlockId> blocks;
  for (const SequenceId sequence : sequences) {
    for (uint32_t g = 0; g < model_.config().group_count().value(); ++g) {
      blocks.clear();
      AppendLive(sequence, GroupId(g), &blocks);
      bool first = true;
      for (const BlockId block : blocks) {
        const Tier tier = model_.residency().tier(block);
        const uint32_t page = table.page(block);
        if (!std::exchange(first, false)) {
          BlockRange& last = ranges.back();
          if (last.tier == tier && last.first_page + last.count == page &&
              last.first.value() + last.count == block.value()) {
            ++last.count;
            continue;
          }
        }
        ranges.push_back({sequence, GroupId(g), page, block, 1, tier});
      }
    }
  }
  return ranges;
}

absl::Status BlockMirror::LocalOrder(Plan* plan) {
  // Nothing here is promised to anyone else.
  model_.mutable_residency().ReleaseReserved();
  return planner_.MakePlan(policy_, model_, plan);
}

}  // namespace kvplace::client
