#include "server/trace/trace_window.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/topology.h"
#include "server/trace/kvtrace_reader.h"

namespace kvplace {
namespace {

constexpr int kMaxGroups = 4096;
constexpr uint64_t kMaxPhases = uint64_t{1} << 26;

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

// "words: what status says", with its code.
template <typename... Words>
absl::Status Within(const absl::Status& status, const Words&... words) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(words..., status.message()));
}

// What a step does to the blocks of one group.
struct GroupEvents {
  std::vector<uint32_t> births;
  std::vector<uint32_t> freed;
};

class WindowReader {
 public:
  WindowReader(const WorkloadOptions& options, KvtraceReader* reader)
      : options_(options), reader_(reader) {
    window_.path = reader->path();
  }

  absl::StatusOr<TraceWindow> Run();

 private:
  // True once no further record is wanted.
  absl::StatusOr<bool> OnRecord(const v1::TraceRecord& record);
  absl::Status OnHello(const v1::Hello& hello);
  absl::Status OnInventory(const v1::Inventory& inventory);
  absl::Status OnStep(const v1::Step& step);
  absl::Status ApplyBirths(const v1::Step& step);
  absl::Status ApplyTokens(const v1::Step& step);
  absl::Status ApplyEnds(const v1::Step& step);
  absl::Status EmitPhases(const v1::Step& step);
  void BeginWindow();
  void Finish();
  bool in_window() const {
    return static_cast<int64_t>(window_.file_steps) >= options_.first_step;
  }
  void Warn(std::string words) {
    window_.warnings.push_back(absl::StrCat(window_.path, ": ", words));
  }

  const WorkloadOptions& options_;
  KvtraceReader* const reader_;
  TraceWindow window_;
  // Set by Hello.
  std::optional<LiveBlocks> blocks_;
  std::optional<PhaseReadsDecoder> reads_;
  bool inventory_complete_ = false;
  int64_t last_step_ = -1;
  uint64_t sampled_steps_ = 0;
  std::string stopped_;
  // Of the step at hand, by group.
  std::vector<GroupEvents> events_;
  std::vector<std::vector<TraceKvWrite>> kv_writes_;
  std::vector<uint32_t> freed_;
};

absl::StatusOr<TraceWindow> WindowReader::Run() {
  v1::TraceRecord record;
  bool done = false;
  bool cut_short = false;
  while (!done) {
    if (options_.end_step.has_value() && in_window() &&
        static_cast<int64_t>(window_.file_steps) >= *options_.end_step) {
      cut_short = true;
      break;
    }
    absl::StatusOr<bool> more = reader_->Next(&record);
    if (!more.ok()) return more.status();
    if (!*more) break;
    absl::StatusOr<bool> stop = OnRecord(record);
    if (!stop.ok()) return Within(stop.status(), reader_->Where(), ": ");
    done = *stop;
  }
  if (!blocks_.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(window_.path, ": has no Hello"));
  }
  if (!cut_short && !stopped_.empty()) Warn(stopped_);
  if (!cut_short && reader_->truncated()) {
    Warn(absl::StrCat(reader_->truncation(), "; the ", window_.file_steps,
                      " steps before are taken"));
  }
  Finish();
  return std::move(window_);
}

absl::StatusOr<bool> WindowReader::OnRecord(const v1::TraceRecord& record) {
  switch (record.body_case()) {
    case v1::TraceRecord::kHello: {
      if (blocks_.has_value()) {
        stopped_ = absl::StrCat("record ", reader_->records(),
                                ": another session begins; it is not read");
        return true;
      }
      absl::Status done = OnHello(record.hello());
      if (!done.ok()) return Within(done, "hello.");
      return false;
    }
    case v1::TraceRecord::kInventory:
    case v1::TraceRecord::kStep:
      break;
    case v1::TraceRecord::kGap:
      stopped_ = absl::StrCat(
          "record ", reader_->records(), ": ", record.gap().records(),
          " records are missing (", record.gap().reason(),
          "); what follows cannot be joined and is not read");
      return true;
    default:
      // Reports of moves, and what later versions may add.
      return false;
  }
  if (!blocks_.has_value()) return Bad("expected Hello before this record");
  if (record.has_inventory()) {
    if (inventory_complete_) {
      stopped_ = absl::StrCat("record ", reader_->records(),
                              ": the session was resynchronized by a new "
                              "inventory; what follows is not read");
      return true;
    }
    absl::Status done = OnInventory(record.inventory());
    if (!done.ok()) return Within(done, "inventory.");
    return false;
  }
  if (!inventory_complete_) {
    return Bad("expected an inventory chunk with `last` before the first step");
  }
  absl::Status done = OnStep(record.step());
  if (!done.ok()) return Within(done, "step ", record.step().step(), ": ");
  return false;
}

absl::Status WindowReader::OnHello(const v1::Hello& hello) {
  if (hello.groups_size() < 1 || hello.groups_size() > kMaxGroups) {
    return Bad("groups: ", hello.groups_size(), " of them; expected 1..",
               kMaxGroups);
  }
  const v1::LayerGroup& first = hello.groups(0);
  uint64_t handles = 0;
  for (int g = 0; g < hello.groups_size(); ++g) {
    const v1::LayerGroup& group = hello.groups(g);
    if (group.page_tokens() == 0 || group.kv_bytes_per_token() == 0) {
      return Bad("groups[", g, "]: page_tokens ", group.page_tokens(),
                 " and kv_bytes_per_token ", group.kv_bytes_per_token(),
                 "; expected both > 0");
    }
    if (group.page_tokens() != first.page_tokens() ||
        group.kv_bytes_per_token() != first.kv_bytes_per_token()) {
      return Bad("groups[", g, "]: blocks of ", group.page_tokens(), " * ",
                 group.kv_bytes_per_token(), " bytes, in groups[0] of ",
                 first.page_tokens(), " * ", first.kv_bytes_per_token(),
                 "; a replay takes groups of one size");
    }
    handles += group.handles();
  }
  const uint64_t max_bytes = static_cast<uint64_t>(kMaxBytes.count());
  if (first.kv_bytes_per_token() > max_bytes / first.page_tokens()) {
    return Bad("groups[0].kv_bytes_per_token: ", first.kv_bytes_per_token(),
               " makes blocks of more than 2^60 bytes");
  }
  if (handles == 0 || handles >= kNoIndex) {
    return Bad("groups: ", handles, " handles in all; expected 1..2^32-2");
  }
  const uint64_t counted = first.page_tokens() * first.kv_bytes_per_token();
  if (first.block_bytes() != 0 && first.block_bytes() != counted) {
    Warn(absl::StrCat(
        "blocks of ", first.block_bytes(),
        " bytes count as page_tokens * kv_bytes_per_token = ", counted));
  }
  window_.groups = static_cast<uint32_t>(hello.groups_size());
  window_.page_tokens = first.page_tokens();
  window_.kv_bytes_per_token =
      Bytes(static_cast<int64_t>(first.kv_bytes_per_token()));
  LiveBlocks::Limits limits;
  limits.groups = window_.groups;
  limits.page_tokens = window_.page_tokens;
  limits.handles = static_cast<uint32_t>(handles);
  blocks_.emplace(limits);
  reads_.emplace(&*blocks_, limits.groups, limits.handles, options_.masses);
  events_.resize(window_.groups);
  kv_writes_.resize(window_.groups);
  return absl::OkStatus();
}

absl::Status WindowReader::OnInventory(const v1::Inventory& inventory) {
  for (int i = 0; i < inventory.blocks_size(); ++i) {
    absl::Status done = blocks_->Allocate(inventory.blocks(i), false);
    if (!done.ok()) return Within(done, "blocks[", i, "].");
  }
  inventory_complete_ = inventory.last();
  if (inventory_complete_ && in_window()) BeginWindow();
  return absl::OkStatus();
}

void WindowReader::BeginWindow() {
  blocks_->Compact();
  window_.initial = static_cast<uint32_t>(blocks_->blocks().size());
}

absl::Status WindowReader::OnStep(const v1::Step& step) {
  if (step.step() <= last_step_) {
    return Bad("step: expected more than ", last_step_);
  }
  last_step_ = step.step();
  for (GroupEvents& events : events_) {
    events.births.clear();
    events.freed.clear();
  }
  for (std::vector<TraceKvWrite>& writes : kv_writes_) writes.clear();
  if (absl::Status done = ApplyBirths(step); !done.ok()) return done;
  if (absl::Status done = ApplyTokens(step); !done.ok()) return done;
  if (in_window()) {
    if (step.decode_steps() > 1) ++sampled_steps_;
    if (absl::Status done = reads_->Decode(step); !done.ok()) return done;
  }
  if (absl::Status done = ApplyEnds(step); !done.ok()) return done;
  if (in_window()) {
    if (absl::Status done = EmitPhases(step); !done.ok()) return done;
    ++window_.steps;
  }
  blocks_->EndStep();
  const bool was_in_window = in_window();
  ++window_.file_steps;
  if (in_window() && !was_in_window) BeginWindow();
  return absl::OkStatus();
}

absl::Status WindowReader::ApplyBirths(const v1::Step& step) {
  for (int i = 0; i < step.allocated_size(); ++i) {
    const v1::BlockRange& range = step.allocated(i);
    uint32_t index = static_cast<uint32_t>(blocks_->blocks().size());
    absl::Status done = blocks_->Allocate(range, true);
    if (!done.ok()) return Within(done, "allocated[", i, "].");
    std::vector<uint32_t>& births = events_[range.group()].births;
    for (; index < blocks_->blocks().size(); ++index) births.push_back(index);
  }
  return absl::OkStatus();
}

absl::Status WindowReader::ApplyTokens(const v1::Step& step) {
  for (int i = 0; i < step.sequences_size(); ++i) {
    absl::Status done = blocks_->AddTokens(step.sequences(i), &kv_writes_);
    if (!done.ok()) return Within(done, "sequences[", i, "].");
  }
  return absl::OkStatus();
}

absl::Status WindowReader::ApplyEnds(const v1::Step& step) {
  freed_.clear();
  for (int i = 0; i < step.freed_size(); ++i) {
    absl::Status done = blocks_->Free(step.freed(i), &freed_);
    if (!done.ok()) return Within(done, "freed[", i, "].");
  }
  for (int i = 0; i < step.sequences_size(); ++i) {
    if (!step.sequences(i).ended()) continue;
    absl::Status done =
        blocks_->EndSequence(step.sequences(i).sequence(), &freed_);
    if (!done.ok()) return Within(done, "sequences[", i, "].");
  }
  for (const uint32_t index : freed_) {
    events_[blocks_->blocks()[index].group].freed.push_back(index);
  }
  return absl::OkStatus();
}

// Everything of the step but its reads.
absl::Status WindowReader::EmitPhases(const v1::Step& step) {
  if (window_.births.phases() + window_.groups > kMaxPhases) {
    return absl::ResourceExhaustedError(
        absl::StrCat("step: ", step.step(),
                     " would make more than 2^26 phases; choose fewer steps"));
  }
  for (uint32_t g = 0; g < window_.groups; ++g) {
    for (const uint32_t index : events_[g].births) window_.births.Push(index);
    window_.births.Close();
    for (const uint32_t index : events_[g].freed) window_.freed.Push(index);
    window_.freed.Close();
    for (const TraceKvWrite& write : kv_writes_[g]) {
      window_.kv_writes.Push(write);
    }
    window_.kv_writes.Close();
  }
  return absl::OkStatus();
}

void WindowReader::Finish() {
  if (sampled_steps_ > 0) {
    Warn(absl::StrCat(sampled_steps_, " of ", window_.steps,
                      " steps stand for several decode steps each; they count "
                      "as one step"));
  }
  window_.reads = reads_->Take();
  if (!window_.reads.masses_complete && !window_.reads.masses.empty()) {
    Warn("some reads have no masses, so none are used");
  }
  window_.sequences = blocks_->sequences();
  window_.blocks = blocks_->blocks();
  for (uint32_t i = 0; i < window_.blocks.size(); ++i) {
    if (blocks_->alive()[i]) window_.live_at_end.push_back(i);
  }
}

}  // namespace

absl::StatusOr<TraceWindow> ReadTraceWindow(const std::string& path,
                                            const WorkloadOptions& options) {
  absl::StatusOr<std::unique_ptr<KvtraceReader>> reader =
      KvtraceReader::Open(path);
  if (!reader.ok()) return reader.status();
  return WindowReader(options, reader->get()).Run();
}

}  // namespace kvplace
