// The window of steps of one trace file, decoded and checked, blocks by index.
// Used by LoadWorkload, which joins several of them.
#ifndef KVPLACE_SERVER_TRACE_TRACE_WINDOW_H_
#define KVPLACE_SERVER_TRACE_TRACE_WINDOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/core/units.h"
#include "server/replay/workload.h"
#include "server/trace/live_blocks.h"
#include "server/trace/phase_reads.h"
#include "server/trace/workload_loader.h"

namespace kvplace {

struct TraceWindow {
  std::string path;
  uint32_t groups = 0;
  uint32_t page_tokens = 0;
  Bytes kv_bytes_per_token;
  // Steps within the window, and in the file as far as it was read.
  uint32_t steps = 0;
  uint64_t file_steps = 0;
  // Sequences that have blocks in the window.
  uint32_t sequences = 0;
  // By index. The first `initial` exist before the window.
  std::vector<TraceBlock> blocks;
  uint32_t initial = 0;
  // By phase of the window, in the order of the records, not sorted.
  PhaseReads reads;
  PhaseLists<uint32_t> births;
  PhaseLists<uint32_t> freed;
  PhaseLists<TraceKvWrite> kv_writes;
  // Indices that are alive after the last step.
  std::vector<uint32_t> live_at_end;
  std::vector<std::string> warnings;
};

// As LoadWorkload for one file; fewer steps than asked for are no error here.
absl::StatusOr<TraceWindow> ReadTraceWindow(const std::string& path,
                                            const WorkloadOptions& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_TRACE_WINDOW_H_
