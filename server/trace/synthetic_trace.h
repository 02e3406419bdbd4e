// Generates traces of a sparse attention that behaves as published ones do.
//
// In each layer a page's score is
//     sqrt(s)*fixed + sqrt(d)*drift + sqrt(w)*noise,
// standard normal numbers: `fixed` drawn once per page, `drift` following
// x' = rho*x + sqrt(1 - rho^2)*e from step to step, `noise` new in each step.
// The best pages are read; page 0 (the attention sink) and the two newest
// always. With s .56, d .40, w .05, rho .90 and 1/16 of the pages read, LRU
// misses 30/14/7% at caches of 1/2/4 times the selection, as published for
// GLM-5.1 (30.0/13.4/6.7).
//
// The same options give the same records on every platform: std::mt19937_64 is
// pinned by the standard, a normal number is the sum of eight 16-bit uniform
// ones (std::normal_distribution is not pinned, and Box-Muller would need log
// and cos, which differ between C libraries in the last bit), and scores are
// made of
// + - * and sqrt only, not contracted.
#ifndef KVPLACE_SERVER_TRACE_SYNTHETIC_TRACE_H_
#define KVPLACE_SERVER_TRACE_SYNTHETIC_TRACE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/trace/import_summary.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

// How much of a step's reads the next step repeats, at 1/16 of the pages read.
enum class Locality {
  // About .85 in every layer.
  kSticky,
  // As in one published model: hardly in the first layers (2 of 46), about .7
  // up
  // to layer 17 of 46, about .5 in the rest.
  kMixed,
  // About .45 in every layer.
  kVolatile,
};

// Parts of a score; s + d + w is about 1.
struct ScoreModel {
  double fixed;
  double drift;
  double noise;
  double rho;
};

// REQUIRES layer < layers.
ScoreModel ScoreModelOf(Locality locality, uint32_t layer, uint32_t layers);

struct SyntheticOptions {
  uint32_t layers = 32;
  uint32_t sequences = 1;
  // Tokens of each sequence before step 0.
  uint64_t context_tokens = 8192;
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
  // Pages whose `fixed` parts hang together, >= 1.
  uint32_t cluster_pages = 1;
  // Per layer, so many fixed distances from the end whose pages are always
  // wanted ("slash" patterns).
  uint32_t slashes = 0;
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
