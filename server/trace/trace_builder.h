// Turns what importers and generators know (pages that exist, pages read) into
// the records of a trace: header, Hello, Inventory, steps.
//
// Blocks get the handles (sequence * groups + group) * pages_max + page, so
// within a group rising handles are rising sequences and pages. Sequences are
// named by their index, until one ends and another begins in its place, with
// its handles and a name of its own. The trace says nothing about a machine:
// Hello.hbm and Hello.dram stay absent, and whoever replays it brings a
// profile. Thread-safety: one thread per object.
#ifndef KVPLACE_SERVER_TRACE_TRACE_BUILDER_H_
#define KVPLACE_SERVER_TRACE_TRACE_BUILDER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kvplace/v1/trace.pb.h"
#include "server/core/ids.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

struct TraceShape {
  // At once.
  uint32_t sequences = 1;
  uint32_t groups = 1;
  // Most pages that any sequence has at the end.
  uint32_t pages_max = 1;
  uint32_t page_tokens = 16;
  // In one group.
  uint64_t kv_bytes_per_token = 4096;
  // Steps that will be written; 0 if not known.
  uint64_t steps = 0;
  // For people: TraceHeader.writer and .source.
  std::string writer;
  std::string source;
};

// INVALID_ARGUMENT, naming the field: something is 0, there are more than 4096
// groups, handles do not fit into 32 bits, or bytes not into kMaxBytes.
absl::Status Validate(const TraceShape& shape);

class TraceBuilder {
 public:
  // REQUIRES Validate(shape).ok(). `writer` must outlive this object; the
  // caller closes it.
  TraceBuilder(const TraceShape& shape, KvtraceWriter* writer);

  // Header, Hello and Inventory. `pages[q]`: pages that sequence q has before
  // step 0, the same in every group, <= pages_max. REQUIRES as many entries as
  // sequences.
  absl::Status Begin(std::span<const uint32_t> pages);

  // The step that is being built. BeginSequence: in the place of a sequence
  // without pages one begins under a name that no other has. AddPages: the
  // sequence's next pages begin, in every group. AddTokens: KV of so many
  // tokens is written, once a step; if the sequence ends, all its blocks are
  // freed with this step. REQUIRES pages <= pages_max.
  void BeginSequence(uint32_t sequence, uint64_t name);
  void AddPages(uint32_t sequence, uint32_t pages);
  void AddTokens(uint32_t sequence, uint32_t tokens, bool ended = false);
  // What a group read and what it scored and did not read, each ascending.
  // `masses`: empty, or one byte per read and then per near miss. REQUIRES
  // rising groups within a step. The encoding is the smallest that fits.
  void AddReads(uint32_t group, std::span<const BlockId> reads,
                std::span<const BlockId> near_misses,
                std::span<const uint8_t> masses);
  // Writes the step.
  absl::Status EndStep();

  BlockId HandleOf(uint32_t sequence, uint32_t group, uint32_t page) const {
    return BlockId((sequence * shape_.groups + group) * shape_.pages_max +
                   page);
  }
  uint32_t pages(uint32_t sequence) const { return pages_[sequence]; }
  uint64_t reads_written() const { return reads_written_; }

 private:
  absl::Status WriteInventory();

  const TraceShape shape_;
  KvtraceWriter* const writer_;
  // By sequence; pages in each group.
  std::vector<uint32_t> pages_;
  std::vector<uint64_t> names_;
  // With the step being built.
  std::vector<uint32_t> ended_;
  uint64_t pages_total_ = 0;
  uint64_t reads_written_ = 0;
  v1::TraceRecord record_;
  // The step being built, within record_.
  v1::Step* step_ = nullptr;
  int64_t next_step_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_TRACE_BUILDER_H_
