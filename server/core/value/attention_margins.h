// How far the attention masses of a phase's blocks lay above the best mass that
// was not selected in their sequence (docs/policy.md: masses do not compare
// between layers, margins do).
//
// Thread-safety: one thread at a time. Memory: 2 bytes per sequence, and per
// block that a phase reads or scores.
#ifndef KVPLACE_SERVER_CORE_VALUE_ATTENTION_MARGINS_H_
#define KVPLACE_SERVER_CORE_VALUE_ATTENTION_MARGINS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "server/core/block_table.h"
#include "server/core/ids.h"

namespace kvplace {

// What a phase read, and what it scored and did not read. Each list of masses
// (1/16 octaves) is empty or has one per block.
struct PhaseAttention {
  absl::Span<const BlockId> reads;
  absl::Span<const uint8_t> read_masses;
  absl::Span<const BlockId> near_misses;
  absl::Span<const uint8_t> near_miss_masses;
};

class AttentionMargins {
 public:
  // Of a phase; all blocks are alive.
  void Compute(const BlockTable& blocks, const PhaseAttention& phase);

  // In units of BlockHistory's, until the next phase. Of the reads, none where
  // they have no masses; those of the near misses are at most 0.
  absl::Span<const int16_t> reads() const { return reads_; }
  absl::Span<const int16_t> near_misses() const { return near_misses_; }

 private:
  static constexpr int16_t kNoMass = std::numeric_limits<int16_t>::max();

  // By sequence slot; kNoMass between two phases.
  std::vector<int16_t> best_;
  std::vector<int16_t> reads_;
  std::vector<int16_t> near_misses_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_ATTENTION_MARGINS_H_
