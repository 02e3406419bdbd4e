#include "server/trace/live_blocks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

}  // namespace

void HandleTable::Set(uint32_t handle, uint32_t index) {
  const size_t chunk = handle / kChunk;
  if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
  if (chunks_[chunk] == nullptr) {
    chunks_[chunk] = std::make_unique<std::array<uint32_t, kChunk>>();
    chunks_[chunk]->fill(kNoIndex);
  }
  (*chunks_[chunk])[handle % kChunk] = index;
}

LiveBlocks::LiveBlocks(const Limits& limits) : limits_(limits) {}

absl::Status LiveBlocks::Allocate(const v1::BlockRange& range, bool in_step) {
  if (absl::Status sound = CheckRange(range); !sound.ok()) return sound;
  absl::StatusOr<Sequence*> found = SequenceFor(range);
  if (!found.ok()) return found.status();
  Sequence& sequence = **found;
  std::vector<Page>& pages = sequence.pages[range.group()];
  const uint32_t state = static_cast<uint32_t>(&sequence - states_.data());
  for (uint32_t i = 0; i < range.count(); ++i) {
    const uint32_t index = static_cast<uint32_t>(blocks_.size());
    const uint32_t handle = range.first_handle() + i;
    const uint32_t page = range.first_page() + i;
    blocks_.push_back({sequence.number, range.group(), page});
    handle_of_.push_back(handle);
    alive_.push_back(1);
    state_of_.push_back(state);
    handles_.Set(handle, index);
    InsertPage(&pages, {page, index});
  }
  sequence.live += range.count();
  live_ += range.count();
  NoteBirth(&sequence, range, in_step);
  return absl::OkStatus();
}

absl::Status LiveBlocks::CheckRange(const v1::BlockRange& range) const {
  if (range.group() >= limits_.groups) {
    return Bad("group: ", range.group(), " is not below the ", limits_.groups,
               " groups of Hello");
  }
  if (range.count() == 0) return Bad("count: 0; expected at least 1");
  if (uint64_t{range.first_handle()} + range.count() > limits_.handles) {
    return Bad("first_handle: ", range.first_handle(), " + count ",
               range.count(), " exceeds the ", limits_.handles,
               " handles of Hello");
  }
  if (uint64_t{range.first_page()} + range.count() >= UINT32_MAX) {
    return Bad("first_page: ", range.first_page(), " + count ", range.count(),
               " exceeds 2^32 - 2");
  }
  if (live_ + range.count() > limits_.blocks ||
      blocks_.size() + range.count() >= kNoIndex) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "count: ", range.count(), " with ", live_,
        " blocks alive; this program follows at most ", limits_.blocks));
  }
  for (uint32_t i = 0; i < range.count(); ++i) {
    const uint32_t handle = range.first_handle() + i;
    const uint32_t index = Find(handle);
    if (index == kNoIndex) continue;
    const TraceBlock& block = blocks_[index];
    return Bad("first_handle: handle ", handle, " is alive already, as page ",
               block.page, " of group ", block.group);
  }
  return absl::OkStatus();
}

// Also checks the range's pages against those that the sequence has.
absl::StatusOr<LiveBlocks::Sequence*> LiveBlocks::SequenceFor(
    const v1::BlockRange& range) {
  const auto known = by_name_.find(range.sequence());
  if (known != by_name_.end() && states_[known->second].live > 0) {
    Sequence& sequence = states_[known->second];
    const std::vector<Page>& pages = sequence.pages[range.group()];
    const auto at = std::lower_bound(
        pages.begin(), pages.end(), range.first_page(),
        [](const Page& p, uint32_t page) { return p.page < page; });
    if (at != pages.end() && at->page < range.first_page() + range.count()) {
      return Bad("first_page: page ", at->page, " of sequence ",
                 range.sequence(), " in group ", range.group(),
                 alive_[at->index]
                     ? " is alive already"
                     : " begins a second time; a page lives once");
    }
    return &sequence;
  }
  if ((uint64_t{sequences_} + 1) * limits_.groups > limits_.blocks) {
    return absl::ResourceExhaustedError(
        absl::StrCat("sequence: ", range.sequence(), " is one of more than ",
                     sequences_, "; this program follows no more"));
  }
  by_name_[range.sequence()] = static_cast<uint32_t>(states_.size());
  Sequence& sequence = states_.emplace_back();
  sequence.number = sequences_++;
  sequence.pages.resize(limits_.groups);
  return &sequence;
}

void LiveBlocks::NoteBirth(Sequence* sequence, const v1::BlockRange& range,
                           bool in_step) {
  if (!in_step) return;
  const uint32_t last = range.first_page() + range.count() - 1;
  const bool arrives =
      sequence->live == range.count() && range.first_page() == 0;
  if (arrives) sequence->tokens = 0;
  if (sequence->born_step != step_) {
    sequence->born_step = step_;
    sequence->born_first = range.first_page();
    sequence->born_last = last;
    return;
  }
  sequence->born_first = std::min(sequence->born_first, range.first_page());
  sequence->born_last = std::max(sequence->born_last, last);
}

void LiveBlocks::InsertPage(std::vector<Page>* pages, Page page) {
  if (pages->empty() || pages->back().page < page.page) {
    pages->push_back(page);
    return;
  }
  const auto at = std::lower_bound(
      pages->begin(), pages->end(), page,
      [](const Page& a, const Page& b) { return a.page < b.page; });
  pages->insert(at, page);
}

absl::Status LiveBlocks::AddTokens(
    const v1::SequenceProgress& progress,
    std::vector<std::vector<TraceKvWrite>>* writes) {
  const auto known = by_name_.find(progress.sequence());
  if (known == by_name_.end()) {
    return Bad("sequence: ", progress.sequence(), " has no block");
  }
  Sequence& sequence = states_[known->second];
  if (sequence.progress_step == step_) {
    return Bad("sequence: ", progress.sequence(), " twice in one step");
  }
  sequence.progress_step = step_;
  const int64_t count = progress.new_tokens();
  if (count == 0) return absl::OkStatus();
  const int64_t page_tokens = limits_.page_tokens;
  // [begin, end) in tokens; begin < 0: into the newest page.
  int64_t begin = -1;
  if (sequence.tokens >= 0) {
    begin = sequence.tokens;
    sequence.tokens += count;
  } else if (sequence.born_step == step_) {
    const int64_t end =
        std::min((sequence.born_last + int64_t{1}) * page_tokens,
                 sequence.born_first * page_tokens + count);
    begin = std::max(int64_t{0}, end - count);
  }
  for (uint32_t group = 0; group < limits_.groups; ++group) {
    SpreadTokens(sequence.pages[group], begin, count, &(*writes)[group]);
  }
  return absl::OkStatus();
}

void LiveBlocks::SpreadTokens(const std::vector<Page>& pages, int64_t begin,
                              int64_t count,
                              std::vector<TraceKvWrite>* writes) const {
  const int64_t page_tokens = limits_.page_tokens;
  auto newest = pages.end();
  while (newest != pages.begin() && !alive_[std::prev(newest)->index]) --newest;
  if (newest == pages.begin()) return;
  --newest;
  // Where the newest page begins and ends, in tokens.
  const int64_t last_begin = newest->page * page_tokens;
  const int64_t last_end = last_begin + page_tokens;
  if (begin < 0 || begin >= last_end) begin = last_begin;
  const int64_t end = std::min(begin + count, last_end);
  auto at = newest;
  while (at != pages.begin() && std::prev(at)->page >= begin / page_tokens) {
    --at;
  }
  for (; at <= newest; ++at) {
    const int64_t from = std::max(begin, at->page * page_tokens);
    const int64_t to = std::min(end, (at->page + int64_t{1}) * page_tokens);
    if (from < to && alive_[at->index]) {
      writes->push_back({at->index, static_cast<uint32_t>(to - from)});
    }
  }
}

void LiveBlocks::End(uint32_t index) {
  alive_[index] = 0;
  handles_.Set(handle_of_[index], kNoIndex);
  --states_[state_of_[index]].live;
  --live_;
}

absl::Status LiveBlocks::Free(const v1::HandleRange& range,
                              std::vector<uint32_t>* freed) {
  if (range.count() == 0) return Bad("count: 0; expected at least 1");
  if (uint64_t{range.first()} + range.count() > limits_.handles) {
    return Bad("first: ", range.first(), " + count ", range.count(),
               " exceeds the ", limits_.handles, " handles of Hello");
  }
  for (uint32_t i = 0; i < range.count(); ++i) {
    const uint32_t index = Find(range.first() + i);
    if (index == kNoIndex) {
      return Bad("first: handle ", range.first() + i, " is not alive");
    }
    End(index);
    freed->push_back(index);
  }
  return absl::OkStatus();
}

absl::Status LiveBlocks::EndSequence(uint64_t sequence,
                                     std::vector<uint32_t>* freed) {
  const auto known = by_name_.find(sequence);
  if (known == by_name_.end()) {
    return Bad("sequence: ", sequence, " has no block");
  }
  Sequence& state = states_[known->second];
  for (const std::vector<Page>& pages : state.pages) {
    for (const Page& page : pages) {
      if (!alive_[page.index]) continue;
      End(page.index);
      freed->push_back(page.index);
    }
  }
  // Memory of sequences that came and went does not pile up.
  state.pages = {};
  by_name_.erase(known);
  return absl::OkStatus();
}

absl::Status LiveBlocks::ListGroup(uint64_t sequence, uint32_t group,
                                   std::vector<uint32_t>* blocks) const {
  const auto known = by_name_.find(sequence);
  if (known == by_name_.end()) {
    return Bad("sequence ", sequence, " has no block");
  }
  for (const Page& page : states_[known->second].pages[group]) {
    if (alive_[page.index]) blocks->push_back(page.index);
  }
  return absl::OkStatus();
}

void LiveBlocks::Compact() {
  std::vector<Sequence> old_states = std::exchange(states_, {});
  const std::vector<TraceBlock> old_blocks = std::exchange(blocks_, {});
  const std::vector<uint32_t> old_handles = std::exchange(handle_of_, {});
  const std::vector<uint8_t> old_alive = std::exchange(alive_, {});
  state_of_.clear();
  std::vector<uint32_t> moved(old_states.size(), kNoIndex);
  for (const auto& [name, state] : by_name_) moved[state] = 0;
  sequences_ = 0;
  for (size_t s = 0; s < old_states.size(); ++s) {
    if (moved[s] == kNoIndex) continue;
    moved[s] = static_cast<uint32_t>(states_.size());
    Sequence& state = states_.emplace_back(std::move(old_states[s]));
    state.number = state.live > 0 ? sequences_++ : kNoIndex;
    for (std::vector<Page>& pages : state.pages) {
      std::erase_if(pages, [&](const Page& p) { return !old_alive[p.index]; });
      for (Page& page : pages) {
        const uint32_t index = static_cast<uint32_t>(blocks_.size());
        TraceBlock block = old_blocks[page.index];
        block.sequence = state.number;
        blocks_.push_back(block);
        handle_of_.push_back(old_handles[page.index]);
        alive_.push_back(1);
        state_of_.push_back(moved[s]);
        handles_.Set(handle_of_.back(), index);
        page.index = index;
      }
    }
  }
  for (auto& [name, state] : by_name_) state = moved[state];
}

}  // namespace kvplace
