#include "server/trace/trace_info.h"

#include <memory>
#include <span>

#include "server/trace/file_io.h"
#include "server/trace/kvtrace_reader.h"
#include "server/trace/workload_loader.h"

namespace kvplace {
namespace {

// Both ascending.
uint64_t CountCommon(std::span<const BlockId> a, std::span<const BlockId> b) {
  uint64_t common = 0;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    common += a[i] == b[j];
    const bool step_a = a[i] <= b[j];
    const bool step_b = b[j] <= a[i];
    i += step_a;
    j += step_b;
  }
  return common;
}

struct Overlap {
  uint64_t common = 0;
  uint64_t reads = 0;

  double share() const {
    return reads == 0
               ? 0
               : static_cast<double>(common) / static_cast<double>(reads);
  }
};

Overlap MeasureOverlap(const Workload& workload, uint32_t group) {
  Overlap overlap;
  for (size_t phase = size_t{workload.groups} + group;
       phase < workload.phases(); phase += workload.groups) {
    overlap.common += CountCommon(workload.reads[phase - workload.groups],
                                  workload.reads[phase]);
    overlap.reads += workload.reads[phase].size();
  }
  return overlap;
}

}  // namespace

std::vector<GroupInfo> MeasureGroups(const Workload& workload) {
  std::vector<GroupInfo> groups(workload.groups);
  for (uint32_t g = 0; g < workload.groups; ++g) {
    const Overlap overlap = MeasureOverlap(workload, g);
    groups[g].overlap = overlap.share();
    groups[g].reads =
        overlap.reads + (workload.steps > 0 ? workload.reads[g].size() : 0);
  }
  return groups;
}

absl::StatusOr<TraceInfo> ReadTraceInfo(const std::string& path) {
  absl::StatusOr<std::unique_ptr<KvtraceReader>> reader =
      KvtraceReader::Open(path);
  if (!reader.ok()) return reader.status();
  absl::StatusOr<std::unique_ptr<InputFile>> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  WorkloadOptions options;
  options.masses = true;
  absl::StatusOr<Workload> loaded = LoadWorkload({&path, 1}, options);
  if (!loaded.ok()) return loaded.status();
  const Workload& workload = *loaded;

  TraceInfo info;
  info.path = path;
  info.writer = (*reader)->header().writer();
  info.source = (*reader)->header().source();
  info.steps = workload.steps;
  info.groups = workload.groups;
  info.sequences = workload.sequences;
  info.page_tokens = workload.page_tokens;
  info.kv_bytes_per_token = workload.kv_bytes_per_token;
  info.blocks = workload.blocks;
  info.peak_live_blocks = workload.peak_live_blocks;
  info.reads = workload.reads.items().size();
  info.near_misses = workload.near_misses.items().size();
  info.masses = !workload.read_masses.empty();
  info.by_group = MeasureGroups(workload);
  Overlap all;
  for (uint32_t g = 0; g < workload.groups; ++g) {
    const Overlap one = MeasureOverlap(workload, g);
    all.common += one.common;
    all.reads += one.reads;
  }
  info.overlap = all.share();
  info.file_bytes = (*file)->size();
  info.warnings = workload.warnings;
  return info;
}

}  // namespace kvplace
