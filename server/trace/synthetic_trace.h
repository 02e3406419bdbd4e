// Generates traces of a sparse attention that behaves as published ones do.
//
// Each page has a score in each layer and step (synthetic_scores.h). The best
// pages are read; page 0 (the attention sink) and the two newest always.
//
// Sequences are there from the start and stay, or they are requests: they
// arrive with a prompt, decode and end as request_schedule.h says. One that has
// just been admitted writes its prompt and reads nothing in that step.
//
// The same options give the same records on every platform.
#ifndef KVPLACE_SERVER_TRACE_SYNTHETIC_TRACE_H_
#define KVPLACE_SERVER_TRACE_SYNTHETIC_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/trace/import_summary.h"
#include "server/trace/kvtrace_writer.h"
#include "server/trace/request_file.h"
#include "server/trace/request_schedule.h"
#include "server/trace/synthetic_scores.h"

namespace kvplace {

struct SyntheticOptions {
  uint32_t layers = 32;
  uint32_t sequences = 1;
  // Tokens of each sequence before step 0.
  uint64_t context_tokens = 8192;
  // Unless empty, these come and go instead of `sequences` that stay, and the
  // trace ends with the last of them if that is before `steps`.
  std::vector<Request> requests;
  AdmissionOptions admission;
  uint64_t steps = 256;
  // Share of a sequence's pages read per step and layer, in (0, 1]; rounded to
  // whole pages, at least 3.
  double select_share = 0.125;
  Locality locality = Locality::kMixed;
  uint64_t seed = 1;
  uint32_t page_tokens = 16;
  // In one layer.
  uint64_t kv_bytes_per_token = 4096;
  // Best unread pages per sequence, step and layer whose masses are kept.
  uint32_t near_misses = 32;
  // Every so many steps all `fixed` parts are drawn anew, as when the topic
  // changes; 0: never.
  uint64_t shift_every = 0;
  ScoreOptions scores;
  // TraceHeader.writer.
  std::string writer;
  ImportProgress progress;
};

// One group per layer. INVALID_ARGUMENT names the option out of range. Does not
// close `writer`.
absl::StatusOr<ImportSummary> WriteSyntheticTrace(
    const SyntheticOptions& options, KvtraceWriter* writer);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_SYNTHETIC_TRACE_H_
