#include "server/trace/workload_loader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/trace/trace_window.h"

namespace kvplace {
namespace {

// Ids must stay below kNoBlock.
constexpr uint64_t kMaxIds = UINT32_MAX - 1;

// Joins the windows of several files.
class WorkloadJoin {
 public:
  explicit WorkloadJoin(std::vector<TraceWindow> windows)
      : windows_(std::move(windows)) {}

  absl::StatusOr<Workload> Run(const WorkloadOptions& options);

 private:
  absl::Status CheckAlike() const;
  absl::Status NumberBlocks();
  void Reserve();
  void JoinPhase(uint32_t step, uint32_t group);
  void JoinReads(uint32_t phase);
  void JoinFreed(uint32_t phase, uint32_t group, uint32_t step);
  // Closes a list after putting `ids_` into it, ascending.
  void CloseSorted(PhaseLists<BlockId>* lists);
  void FindLiveAtStart();

  std::vector<TraceWindow> windows_;
  // By window, then by index of the block.
  std::vector<std::vector<BlockId>> ids_of_;
  // By window, then by group: what is alive after its last step.
  std::vector<std::vector<std::vector<BlockId>>> remaining_;
  bool masses_ = false;
  Workload workload_;
  uint64_t live_ = 0;
  // Of the list at hand.
  std::vector<BlockId> ids_;
  std::vector<NearMiss> read_masses_;
  std::vector<NearMiss> near_misses_;
  std::vector<KvWrite> kv_writes_;
};

absl::StatusOr<Workload> WorkloadJoin::Run(const WorkloadOptions& options) {
  if (absl::Status alike = CheckAlike(); !alike.ok()) return alike;
  workload_.groups = windows_[0].groups;
  workload_.page_tokens = windows_[0].page_tokens;
  workload_.kv_bytes_per_token = windows_[0].kv_bytes_per_token;
  masses_ = options.masses;
  for (TraceWindow& window : windows_) {
    workload_.sources.push_back(window.path);
    workload_.steps = std::max(workload_.steps, window.steps);
    std::move(window.warnings.begin(), window.warnings.end(),
              std::back_inserter(workload_.warnings));
    if (window.steps == 0) continue;
    masses_ = masses_ && window.reads.masses_complete;
  }
  if (absl::Status numbered = NumberBlocks(); !numbered.ok()) return numbered;
  Reserve();
  for (uint32_t step = 0; step < workload_.steps; ++step) {
    for (uint32_t g = 0; g < workload_.groups; ++g) JoinPhase(step, g);
  }
  FindLiveAtStart();
  return std::move(workload_);
}

absl::Status WorkloadJoin::CheckAlike() const {
  const TraceWindow& first = windows_[0];
  for (const TraceWindow& window : windows_) {
    if (window.groups != first.groups) {
      return absl::InvalidArgumentError(absl::StrCat(
          window.path, ": has ", window.groups, " layer groups, ", first.path,
          " has ", first.groups, "; they cannot run side by side"));
    }
    if (window.page_tokens != first.page_tokens ||
        window.kv_bytes_per_token != first.kv_bytes_per_token) {
      return absl::InvalidArgumentError(absl::StrCat(
          window.path, ": has blocks of ", window.page_tokens, " * ",
          window.kv_bytes_per_token.count(), " bytes, ", first.path, " of ",
          first.page_tokens, " * ", first.kv_bytes_per_token.count(),
          "; they cannot run side by side"));
    }
  }
  return absl::OkStatus();
}

// Ids follow from sequence, group and page, once all windows are known.
absl::Status WorkloadJoin::NumberBlocks() {
  uint64_t sequences = 0;
  for (const TraceWindow& window : windows_) {
    if (window.steps == 0) continue;
    sequences += window.sequences;
    workload_.blocks += window.blocks.size();
    for (const TraceBlock& block : window.blocks) {
      workload_.pages_max = std::max(workload_.pages_max, block.page + 1);
    }
  }
  if (workload_.blocks == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        windows_[0].path, ": no block exists in the steps asked for"));
  }
  const auto ids = static_cast<unsigned __int128>(sequences) *
                   workload_.groups * workload_.pages_max;
  if (ids > kMaxIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        windows_[0].path, ": ", sequences, " sequences * ", workload_.groups,
        " groups * ", workload_.pages_max, " pages are more than 2^32 - 2 ids",
        windows_.size() > 1 ? " (with the files beside it)" : ""));
  }
  workload_.sequences = static_cast<uint32_t>(sequences);
  uint32_t base = 0;
  for (const TraceWindow& window : windows_) {
    std::vector<BlockId>& ids_here = ids_of_.emplace_back();
    std::vector<std::vector<BlockId>>& remaining = remaining_.emplace_back();
    workload_.source_ends.push_back(base +
                                    (window.steps == 0 ? 0 : window.sequences));
    if (window.steps == 0) continue;
    ids_here.reserve(window.blocks.size());
    for (const TraceBlock& block : window.blocks) {
      ids_here.push_back(workload_.IdOf(base + block.sequence,
                                        GroupId(block.group), block.page));
    }
    workload_.initial.insert(workload_.initial.end(), ids_here.begin(),
                             ids_here.begin() + window.initial);
    base += window.sequences;
    if (window.steps == workload_.steps) continue;
    remaining.resize(workload_.groups);
    for (const uint32_t index : window.live_at_end) {
      remaining[window.blocks[index].group].push_back(ids_here[index]);
    }
  }
  live_ = workload_.initial.size();
  return absl::OkStatus();
}

void WorkloadJoin::Reserve() {
  size_t reads = 0;
  size_t near_misses = 0;
  for (const TraceWindow& window : windows_) {
    reads += window.reads.reads.items().size();
    near_misses += window.reads.near_misses.items().size();
  }
  const size_t phases = workload_.phases();
  workload_.reads.Reserve(phases, reads);
  workload_.births.Reserve(phases, 0);
  workload_.freed.Reserve(phases, 0);
  workload_.kv_writes.Reserve(phases, phases);
  workload_.near_misses.Reserve(phases, masses_ ? near_misses : 0);
  if (masses_) workload_.read_masses.reserve(reads);
}

void WorkloadJoin::JoinPhase(uint32_t step, uint32_t group) {
  const uint32_t phase = step * workload_.groups + group;
  ids_.clear();
  kv_writes_.clear();
  for (size_t w = 0; w < windows_.size(); ++w) {
    const TraceWindow& window = windows_[w];
    if (step >= window.steps) continue;
    for (const uint32_t index : window.births[phase]) {
      ids_.push_back(ids_of_[w][index]);
    }
    for (const TraceKvWrite& write : window.kv_writes[phase]) {
      kv_writes_.push_back({ids_of_[w][write.block], write.tokens});
    }
  }
  live_ += ids_.size();
  workload_.peak_live_blocks = std::max(workload_.peak_live_blocks, live_);
  CloseSorted(&workload_.births);
  std::sort(
      kv_writes_.begin(), kv_writes_.end(),
      [](const KvWrite& a, const KvWrite& b) { return a.block < b.block; });
  for (const KvWrite& write : kv_writes_) workload_.kv_writes.Push(write);
  workload_.kv_writes.Close();
  JoinReads(phase);
  JoinFreed(phase, group, step);
}

void WorkloadJoin::JoinReads(uint32_t phase) {
  const uint32_t step = phase / workload_.groups;
  ids_.clear();
  read_masses_.clear();
  near_misses_.clear();
  for (size_t w = 0; w < windows_.size(); ++w) {
    if (step >= windows_[w].steps) continue;
    const PhaseReads& phases = windows_[w].reads;
    const std::vector<BlockId>& ids_here = ids_of_[w];
    const std::span<const uint32_t> reads = phases.reads[phase];
    if (!masses_) {
      for (const uint32_t index : reads) ids_.push_back(ids_here[index]);
      continue;
    }
    const uint8_t* masses =
        phases.masses.data() + (reads.data() - phases.reads.items().data());
    for (size_t i = 0; i < reads.size(); ++i) {
      read_masses_.push_back({ids_here[reads[i]], masses[i]});
    }
    for (const TraceNearMiss& near : phases.near_misses[phase]) {
      near_misses_.push_back({ids_here[near.block], near.mass});
    }
  }
  if (!masses_) {
    CloseSorted(&workload_.reads);
    workload_.near_misses.Close();
    return;
  }
  constexpr auto kById = [](const NearMiss& a, const NearMiss& b) {
    return a.block < b.block;
  };
  for (std::vector<NearMiss>* list : {&read_masses_, &near_misses_}) {
    if (!std::is_sorted(list->begin(), list->end(), kById)) {
      std::sort(list->begin(), list->end(), kById);
    }
  }
  for (const NearMiss& read : read_masses_) {
    workload_.reads.Push(read.block);
    workload_.read_masses.push_back(read.mass);
  }
  workload_.reads.Close();
  for (const NearMiss& near : near_misses_) workload_.near_misses.Push(near);
  workload_.near_misses.Close();
}

void WorkloadJoin::JoinFreed(uint32_t phase, uint32_t group, uint32_t step) {
  ids_.clear();
  for (size_t w = 0; w < windows_.size(); ++w) {
    const TraceWindow& window = windows_[w];
    if (step >= window.steps) continue;
    for (const uint32_t index : window.freed[phase]) {
      ids_.push_back(ids_of_[w][index]);
    }
    // The file ends here and the run goes on.
    if (step + 1 == window.steps && !remaining_[w].empty()) {
      ids_.insert(ids_.end(), remaining_[w][group].begin(),
                  remaining_[w][group].end());
    }
  }
  live_ -= ids_.size();
  CloseSorted(&workload_.freed);
}

void WorkloadJoin::CloseSorted(PhaseLists<BlockId>* lists) {
  if (!std::is_sorted(ids_.begin(), ids_.end())) {
    std::sort(ids_.begin(), ids_.end());
  }
  for (const BlockId id : ids_) lists->Push(id);
  lists->Close();
}

void WorkloadJoin::FindLiveAtStart() {
  workload_.live_at_start.assign(workload_.sequences, false);
  for (const BlockId id : workload_.initial) {
    workload_.live_at_start[workload_.SequenceOf(id)] = true;
  }
  for (uint32_t g = 0; g < workload_.groups; ++g) {
    for (const BlockId id : workload_.births[g]) {
      workload_.live_at_start[workload_.SequenceOf(id)] = true;
    }
  }
}

}  // namespace

absl::StatusOr<Workload> LoadWorkload(std::span<const std::string> files,
                                      const WorkloadOptions& options) {
  if (files.empty()) {
    return absl::InvalidArgumentError("expected at least one trace file");
  }
  if (options.first_step < 0 || (options.end_step.has_value() &&
                                 *options.end_step <= options.first_step)) {
    return absl::InvalidArgumentError(
        absl::StrCat("steps ", options.first_step, ":",
                     options.end_step.value_or(options.first_step),
                     " are none; expected 0 <= first < end"));
  }
  std::vector<TraceWindow> windows;
  uint64_t longest = 0;
  bool cut_off = false;
  for (const std::string& file : files) {
    absl::StatusOr<TraceWindow> window = ReadTraceWindow(file, options);
    if (!window.ok()) return window.status();
    longest = std::max(longest, window->file_steps);
    cut_off = cut_off || !window->warnings.empty();
    windows.push_back(*std::move(window));
  }
  const auto first = static_cast<uint64_t>(options.first_step);
  const auto end = static_cast<uint64_t>(options.end_step.value_or(0));
  if (longest <= first || (longest < end && !cut_off)) {
    return absl::OutOfRangeError(absl::StrCat(
        files[0], ": has no steps ", first, ":",
        options.end_step.has_value() ? absl::StrCat(end) : std::string(),
        "; expected a range within 0:", longest,
        files.size() > 1 ? " (the longest file)" : ""));
  }
  return WorkloadJoin(std::move(windows)).Run(options);
}

}  // namespace kvplace
