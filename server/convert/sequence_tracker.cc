#include "server/convert/sequence_tracker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

// Pages and tokens of a page are below 2^32 each: their product is not.
using Token = __int128;

constexpr int64_t kMaxPosition = int64_t{1} << 62;
// States beyond twice the live sequences, before old ones are looked for.
constexpr size_t kSpareStates = 64;

std::vector<int64_t> PageTokens(const DeviceConfig& device) {
  std::vector<int64_t> tokens;
  tokens.reserve(device.groups.size());
  for (const GroupConfig& group : device.groups) {
    tokens.push_back(group.page_tokens);
  }
  return tokens;
}

}  // namespace

SequenceTracker::SequenceTracker(const DeviceConfig& device)
    : page_tokens_(PageTokens(device)) {}

void SequenceTracker::Clear() {
  states_.clear();
  progress_.clear();
}

absl::Status SequenceTracker::BeginStep(const v1::Step& step,
                                        absl::Span<const BlockRange> births,
                                        const BlockTable& blocks) {
  ++step_;
  progress_.clear();
  for (const BlockRange& birth : births) {
    if (blocks.Slot(birth.sequence) != BlockTable::kNoSlot) continue;
    State& state = states_[birth.sequence];
    if (state.born_in == step_) continue;
    state = State();
    state.born_in = step_;
    state.position = birth.first_page == 0 ? 0 : -1;
  }
  for (int i = 0; i < step.sequences_size(); ++i) {
    const v1::SequenceProgress& progress = step.sequences(i);
    const SequenceId id(progress.sequence());
    const auto known = states_.find(id);
    if (blocks.Slot(id) == BlockTable::kNoSlot &&
        (known == states_.end() || known->second.born_in != step_)) {
      if (progress.new_tokens() == 0) continue;
      return absl::NotFoundError(
          absl::StrCat("sequences[", i, "].sequence is ", id.value(),
                       ", which has no live block to write tokens into"));
    }
    State& state = known != states_.end() ? known->second : states_[id];
    if (state.progressed_in == step_) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequences[", i, "].sequence is ", id.value(),
                       " a second time, expected each sequence once"));
    }
    state.progressed_in = step_;
    state.entry = static_cast<uint32_t>(progress_.size());
    state.heard += progress.new_tokens();
    progress_.push_back({id, progress.new_tokens(), progress.ended()});
    if (state.position >= 0) {
      progress_.back().begin = state.position;
      state.position =
          std::min(state.position + progress.new_tokens(), kMaxPosition);
    }
  }
  return absl::OkStatus();
}

void SequenceTracker::NoteBirths(GroupId group,
                                 absl::Span<const BlockRange> births) {
  for (const BlockRange& birth : births) {
    const auto it = states_.find(birth.sequence);
    if (it == states_.end() || it->second.progressed_in != step_) continue;
    Progress& progress = progress_[it->second.entry];
    const uint32_t last = birth.first_page + birth.count - 1;
    if (progress.born_group != group.value()) {
      progress.born_group = group.value();
      progress.first_page = birth.first_page;
      progress.last_page = last;
      continue;
    }
    progress.first_page = std::min(progress.first_page, birth.first_page);
    progress.last_page = std::max(progress.last_page, last);
  }
}

void SequenceTracker::AppendWrites(GroupId group,
                                   absl::Span<const BlockRange> births,
                                   const BlockTable& blocks,
                                   std::vector<KvWrite>* writes) {
  if (!births.empty()) NoteBirths(group, births);
  for (const Progress& progress : progress_) {
    if (progress.new_tokens > 0) Spread(group, progress, blocks, writes);
  }
}

void SequenceTracker::Spread(GroupId group, const Progress& progress,
                             const BlockTable& blocks,
                             std::vector<KvWrite>* writes) const {
  const uint32_t slot = blocks.Slot(progress.sequence);
  if (slot == BlockTable::kNoSlot) return;
  const BlockId newest = blocks.newest(slot, group);
  if (newest == kNoBlock) return;
  const Token each = page_tokens_[group.value()];
  const Token count = progress.new_tokens;
  const Token last_begin = each * blocks.page(newest);
  const Token last_end = last_begin + each;
  Token begin = progress.begin;
  if (begin < 0 && progress.born_group == group.value()) {
    const Token end = std::min(each * progress.last_page + each,
                               each * progress.first_page + count);
    begin = std::max<Token>(0, end - count);
  }
  if (begin < 0 || begin >= last_end) begin = last_begin;
  const Token end = std::min(begin + count, last_end);
  for (BlockId block = newest; block != kNoBlock; block = blocks.older(block)) {
    const Token page = blocks.page(block);
    if (page < begin / each) break;
    const Token from = std::max(begin, page * each);
    const Token to = std::min(end, page * each + each);
    if (from < to) writes->push_back({block, static_cast<uint32_t>(to - from)});
  }
}

void SequenceTracker::AppendEnded(GroupId group, const BlockTable& blocks,
                                  std::vector<BlockId>* ended) const {
  for (const Progress& progress : progress_) {
    if (!progress.ended) continue;
    const uint32_t slot = blocks.Slot(progress.sequence);
    if (slot == BlockTable::kNoSlot) continue;
    for (BlockId b = blocks.oldest(slot, group); b != kNoBlock;
         b = blocks.newer(b)) {
      ended->push_back(b);
    }
  }
}

bool SequenceTracker::any_ended() const {
  return std::any_of(progress_.begin(), progress_.end(),
                     [](const Progress& progress) { return progress.ended; });
}

void SequenceTracker::EndStep(const BlockTable& blocks) {
  for (const Progress& progress : progress_) {
    if (progress.ended) states_.erase(progress.sequence);
  }
  progress_.clear();
  if (states_.size() <= 2 * blocks.sequences() + kSpareStates) return;
  absl::erase_if(states_, [&blocks](const auto& entry) {
    return blocks.Slot(entry.first) == BlockTable::kNoSlot;
  });
}

uint64_t SequenceTracker::TokensHeard(SequenceId sequence) const {
  const auto it = states_.find(sequence);
  return it == states_.end() ? 0 : it->second.heard;
}

}  // namespace kvplace
