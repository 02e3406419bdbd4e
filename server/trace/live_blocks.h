// Which blocks of a recorded session are alive, by handle and by page.
//
// Workers use a handle again once its block ended, so a handle alone names no
// block. Every block that begins gets the next index 0, 1, 2, ...; indices are
// never used again. What is recorded is untrusted: errors are INVALID_ARGUMENT
// and name the field of the message and its value; the caller adds file and
// record. Thread-safety: one thread per object.
#ifndef KVPLACE_SERVER_TRACE_LIVE_BLOCKS_H_
#define KVPLACE_SERVER_TRACE_LIVE_BLOCKS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace {

inline constexpr uint32_t kNoIndex = UINT32_MAX;

// A block, wherever it is. `sequence` counts from 0 in order of appearance.
struct TraceBlock {
  uint32_t sequence;
  uint32_t group;
  uint32_t page;
};

// New tokens of one step that go into one block.
struct TraceKvWrite {
  uint32_t block;
  uint32_t tokens;
};

// Handle to index, for handles that are few or many but below a known limit.
class HandleTable {
 public:
  // kNoIndex if the handle is not alive.
  uint32_t Find(uint32_t handle) const {
    const size_t chunk = handle / kChunk;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) return kNoIndex;
    return (*chunks_[chunk])[handle % kChunk];
  }
  void Set(uint32_t handle, uint32_t index);

 private:
  static constexpr uint32_t kChunk = 4096;
  std::vector<std::unique_ptr<std::array<uint32_t, kChunk>>> chunks_;
};

class LiveBlocks {
 public:
  struct Limits {
    uint32_t groups = 0;
    uint32_t page_tokens = 0;
    // Handles are below this.
    uint32_t handles = 0;
    // Blocks at a time, and sequences * groups; more is RESOURCE_EXHAUSTED.
    uint32_t blocks = uint32_t{1} << 25;
  };

  explicit LiveBlocks(const Limits& limits);

  // The range's blocks begin; they get the indices from blocks().size() on. In
  // an inventory `in_step` is false. Nothing has changed after an error. A
  // sequence none of whose blocks is alive any more begins anew as another one.
  absl::Status Allocate(const v1::BlockRange& range, bool in_step);
  // Tokens of a step, after its allocations: appends to writes[g] what goes
  // into which block of group g. They continue where the sequence stood if the
  // trace has seen it from its page 0 on; otherwise they end in its newest
  // page, starting on a page's border if a page began. What exceeds the newest
  // page's end is not written. REQUIRES writes of size groups.
  absl::Status AddTokens(const v1::SequenceProgress& progress,
                         std::vector<std::vector<TraceKvWrite>>* writes);
  // Appends the indices of the blocks that end.
  absl::Status Free(const v1::HandleRange& range, std::vector<uint32_t>* freed);
  absl::Status EndSequence(uint64_t sequence, std::vector<uint32_t>* freed);
  // Appends the live blocks of a sequence and group, pages rising.
  absl::Status ListGroup(uint64_t sequence, uint32_t group,
                         std::vector<uint32_t>* blocks) const;
  // Call between two steps: what began since is no news any more.
  void EndStep() { ++step_; }

  // Forgets blocks and sequences that are not alive and numbers the others anew
  // in order of sequence (by first appearance), group and page.
  void Compact();

  // kNoIndex if the handle is not alive.
  uint32_t Find(uint32_t handle) const { return handles_.Find(handle); }
  // All blocks, by index; those of ended ones included.
  const std::vector<TraceBlock>& blocks() const { return blocks_; }
  const std::vector<uint8_t>& alive() const { return alive_; }
  uint32_t sequences() const { return sequences_; }

 private:
  struct Page {
    uint32_t page;
    uint32_t index;
  };
  struct Sequence {
    // kNoIndex once Compact found it without blocks.
    uint32_t number = kNoIndex;
    uint32_t live = 0;
    // By group, pages rising, ended ones included.
    std::vector<std::vector<Page>> pages;
    // Tokens written since page 0; -1: the trace has not seen its beginning.
    int64_t tokens = -1;
    // Pages that began in step `born_step`.
    uint64_t born_step = UINT64_MAX;
    // Last step that AddTokens was called for.
    uint64_t progress_step = UINT64_MAX;
    uint32_t born_first = 0;
    uint32_t born_last = 0;
  };

  absl::Status CheckRange(const v1::BlockRange& range) const;
  absl::StatusOr<Sequence*> SequenceFor(const v1::BlockRange& range);
  void NoteBirth(Sequence* sequence, const v1::BlockRange& range, bool in_step);
  void InsertPage(std::vector<Page>* pages, Page page);
  void End(uint32_t index);
  void SpreadTokens(const std::vector<Page>& pages, int64_t begin,
                    int64_t count, std::vector<TraceKvWrite>* writes) const;

  const Limits limits_;
  HandleTable handles_;
  // By index.
  std::vector<TraceBlock> blocks_;
  std::vector<uint32_t> handle_of_;
  std::vector<uint8_t> alive_;
  // In order of first appearance; the map has the place of those that have not
  // ended.
  std::vector<Sequence> states_;
  absl::flat_hash_map<uint64_t, uint32_t> by_name_;
  // By index of the block: its sequence in states_.
  std::vector<uint32_t> state_of_;
  uint32_t sequences_ = 0;
  uint64_t live_ = 0;
  uint64_t step_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_LIVE_BLOCKS_H_
