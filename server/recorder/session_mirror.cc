#include "server/recorder/session_mirror.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/block_codec.h"

namespace kvplace {
namespace {

// As much as the service ever allows a session.
constexpr uint64_t kMaxHandles = uint64_t{1} << 28;
constexpr int kMaxGroups = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<SessionMirror>> SessionMirror::Create(
    const v1::Hello& hello) {
  uint64_t handles = 0;
  for (const v1::LayerGroup& group : hello.groups()) handles += group.handles();
  if (hello.groups_size() < 1 || hello.groups_size() > kMaxGroups ||
      handles < 1 || handles > kMaxHandles) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello.groups: ", hello.groups_size(), " with ", handles,
                     " handles cannot be followed"));
  }
  return std::unique_ptr<SessionMirror>(
      new SessionMirror(static_cast<uint32_t>(hello.groups_size()),
                        static_cast<uint32_t>(handles), hello.next_step()));
}

SessionMirror::SessionMirror(uint32_t groups, uint32_t handles,
                             int64_t next_step)
    : groups_(groups), next_step_(next_step), blocks_(handles) {}

void SessionMirror::Clear() {
  std::fill(blocks_.begin(), blocks_.end(), Block{});
  sequences_.clear();
  report_.reset();
  live_ = 0;
}

void SessionMirror::Lose() {
  if (state_ == State::kEmpty) return;
  state_ = State::kEmpty;
  Clear();
}

absl::Status SessionMirror::Broken(absl::Status why) {
  Lose();
  return why;
}

absl::Status SessionMirror::OnInventory(const v1::Inventory& chunk) {
  if (state_ != State::kReceiving) {
    Clear();
    state_ = State::kReceiving;
  }
  for (const v1::BlockRange& range : chunk.blocks()) {
    if (absl::Status s = Allocate(range); !s.ok()) return Broken(std::move(s));
  }
  if (chunk.last()) state_ = State::kInSync;
  return absl::OkStatus();
}

absl::Status SessionMirror::OnMoveReport(const v1::MoveReport& report) {
  if (state_ == State::kInSync) report_ = report;
  return absl::OkStatus();
}

absl::Status SessionMirror::OnStep(const v1::Step& step) {
  if (state_ != State::kInSync) return absl::OkStatus();
  if (absl::Status s = ApplyStep(step); !s.ok()) return Broken(std::move(s));
  next_step_ = step.step() + 1;
  return absl::OkStatus();
}

absl::Status SessionMirror::ApplyStep(const v1::Step& step) {
  for (const v1::BlockRange& range : step.allocated()) {
    if (absl::Status s = Allocate(range); !s.ok()) return s;
  }
  if (absl::Status s = ApplyReport(); !s.ok()) return s;
  for (const v1::HandleRange& range : step.freed()) {
    if (absl::Status s = Free(range); !s.ok()) return s;
  }
  for (const v1::SequenceProgress& progress : step.sequences()) {
    if (progress.ended()) EndSequence(progress.sequence());
  }
  return absl::OkStatus();
}

absl::Status SessionMirror::Allocate(const v1::BlockRange& range) {
  const uint64_t first = range.first_handle();
  if (range.count() < 1 || first + range.count() > blocks_.size() ||
      range.group() >= groups_ ||
      (range.tier() != v1::TIER_HBM && range.tier() != v1::TIER_DRAM)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a range of blocks from handle ", first,
                     " on is out of "
                     "range"));
  }
  Sequence& sequence = sequences_[range.sequence()];
  for (uint32_t i = 0; i < range.count(); ++i) {
    Block& block = blocks_[first + i];
    if (block.tier != v1::TIER_UNSPECIFIED) {
      return absl::AlreadyExistsError(
          absl::StrCat("handle ", first + i, " is alive"));
    }
    block = Block{.sequence = range.sequence(),
                  .page = range.first_page() + i,
                  .group = static_cast<uint16_t>(range.group()),
                  .tier = static_cast<uint8_t>(range.tier())};
    sequence.handles.push_back(static_cast<uint32_t>(first + i));
  }
  sequence.live += range.count();
  live_ += range.count();
  return absl::OkStatus();
}

void SessionMirror::End(uint32_t handle) {
  const auto owner = sequences_.find(blocks_[handle].sequence);
  blocks_[handle] = Block{};
  --live_;
  Sequence& sequence = owner->second;
  if (--sequence.live == 0) {
    sequences_.erase(owner);
    return;
  }
  // A sequence that gives blocks back as it goes must not grow for ever.
  if (sequence.handles.size() > 2 * size_t{sequence.live} + 64) {
    const uint64_t id = owner->first;
    std::erase_if(sequence.handles, [this, id](uint32_t h) {
      return blocks_[h].tier == v1::TIER_UNSPECIFIED ||
             blocks_[h].sequence != id;
    });
    std::sort(sequence.handles.begin(), sequence.handles.end());
    sequence.handles.erase(
        std::unique(sequence.handles.begin(), sequence.handles.end()),
        sequence.handles.end());
  }
}

absl::Status SessionMirror::Free(const v1::HandleRange& range) {
  const uint64_t end = uint64_t{range.first()} + range.count();
  if (end > blocks_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("freed handle ", end - 1, " is out of range"));
  }
  for (uint64_t h = range.first(); h < end; ++h) {
    if (blocks_[h].tier == v1::TIER_UNSPECIFIED) {
      return absl::NotFoundError(
          absl::StrCat("freed handle ", h, " is not alive"));
    }
    End(static_cast<uint32_t>(h));
  }
  return absl::OkStatus();
}

void SessionMirror::EndSequence(uint64_t sequence) {
  const auto it = sequences_.find(sequence);
  if (it == sequences_.end()) return;
  const std::vector<uint32_t> handles = std::move(it->second.handles);
  sequences_.erase(it);
  for (const uint32_t handle : handles) {
    Block& block = blocks_[handle];
    if (block.tier == v1::TIER_UNSPECIFIED || block.sequence != sequence) {
      continue;
    }
    block = Block{};
    --live_;
  }
}

absl::Status SessionMirror::ApplyReport() {
  if (!report_.has_value()) return absl::OkStatus();
  const v1::MoveReport report = *std::exchange(report_, std::nullopt);
  // The order within a phase is that of PhaseUpdate (device_model.h).
  for (const v1::PhaseMoves& phase : report.phases()) {
    if (absl::Status s = Move(phase.evicted(), v1::TIER_DRAM); !s.ok()) {
      return s;
    }
    if (absl::Status s = Move(phase.promoted(), v1::TIER_HBM); !s.ok()) {
      return s;
    }
    if (absl::Status s = Move(phase.prefetched(), v1::TIER_HBM); !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

absl::Status SessionMirror::Move(const std::string& list, v1::Tier to) {
  moved_.clear();
  if (absl::Status s =
          DecodeOrdered(list, static_cast<uint32_t>(blocks_.size()), &moved_);
      !s.ok()) {
    return s;
  }
  for (const BlockId id : moved_) {
    Block& block = blocks_[id.value()];
    if (block.tier == v1::TIER_UNSPECIFIED) {
      return absl::NotFoundError(
          absl::StrCat("moved handle ", id.value(), " is not alive"));
    }
    block.tier = static_cast<uint8_t>(to);
  }
  return absl::OkStatus();
}

void SessionMirror::WriteInventory(
    const std::function<void(const v1::Inventory&)>& emit) const {
  std::vector<uint32_t> live;
  live.reserve(live_);
  for (uint32_t h = 0; h < blocks_.size(); ++h) {
    if (blocks_[h].tier != v1::TIER_UNSPECIFIED) live.push_back(h);
  }
  std::sort(live.begin(), live.end(), [this](uint32_t a, uint32_t b) {
    const auto place = [this](uint32_t h) {
      const Block& block = blocks_[h];
      return std::tuple(block.sequence, block.group, block.page, h);
    };
    return place(a) < place(b);
  });
  v1::Inventory chunk;
  v1::BlockRange* range = nullptr;
  for (const uint32_t h : live) {
    const Block& block = blocks_[h];
    const bool continues = range != nullptr &&
                           range->sequence() == block.sequence &&
                           range->group() == block.group &&
                           range->first_page() + range->count() == block.page &&
                           range->first_handle() + range->count() == h &&
                           range->tier() == static_cast<v1::Tier>(block.tier);
    if (continues) {
      range->set_count(range->count() + 1);
      continue;
    }
    if (chunk.blocks_size() == kChunkRanges) {
      emit(chunk);
      chunk.Clear();
    }
    range = chunk.add_blocks();
    range->set_sequence(block.sequence);
    range->set_group(block.group);
    range->set_first_page(block.page);
    range->set_first_handle(h);
    range->set_count(1);
    range->set_tier(static_cast<v1::Tier>(block.tier));
  }
  chunk.set_last(true);
  emit(chunk);
}

}  // namespace kvplace
