// What a device had to serve: the reads, births and ends of every phase of a
// recorded (or synthetic) window, independent of any placement.
//
// Blocks are numbered as in docs/cli.md: id = (sequence * groups + group) *
// pages_max + page. Phase p = step * groups + group. All per-phase lists are
// stored one after the other with an offset array (CSR): phase p owns
// [offsets[p], offsets[p + 1]).
//
// Thread-safety: plain data, const after it is built.
#ifndef KVPLACE_SERVER_REPLAY_WORKLOAD_H_
#define KVPLACE_SERVER_REPLAY_WORKLOAD_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/units.h"

namespace kvplace {

// Lists of T by phase.
template <typename T>
class PhaseLists {
 public:
  // Phases are appended in order: Push items, then Close the phase.
  void Push(const T& item) { items_.push_back(item); }
  void Close() { offsets_.push_back(items_.size()); }
  void Reserve(size_t phases, size_t items) {
    offsets_.reserve(phases + 1);
    items_.reserve(items);
  }

  std::span<const T> operator[](size_t phase) const {
    return std::span<const T>(items_).subspan(
        offsets_[phase], offsets_[phase + 1] - offsets_[phase]);
  }
  size_t phases() const { return offsets_.size() - 1; }
  // Of the phase's first item in items().
  size_t offset(size_t phase) const { return offsets_[phase]; }
  std::span<const T> items() const { return items_; }

 private:
  std::vector<uint64_t> offsets_ = {0};
  std::vector<T> items_;
};

// A block that was scored but not read, and its mass byte.
struct NearMiss {
  BlockId block;
  uint8_t mass = 0;
};

struct Workload {
  // Traces it was made of, as given.
  std::vector<std::string> sources;
  // By source: one past its last sequence. Empty in workloads without files.
  std::vector<uint32_t> source_ends;
  uint32_t sequences = 0;
  uint32_t groups = 0;
  uint32_t pages_max = 0;
  uint32_t page_tokens = 0;
  Bytes kv_bytes_per_token;
  uint32_t steps = 0;
  // Blocks that ever exist in the window.
  uint64_t blocks = 0;
  // Most blocks alive in any phase (after births, before ends).
  uint64_t peak_live_blocks = 0;
  // Whether each sequence is alive in step 0 of the window.
  std::vector<bool> live_at_start;

  // Blocks that exist before step 0, ascending.
  std::vector<BlockId> initial;
  // By phase, each ascending.
  PhaseLists<BlockId> births;
  PhaseLists<BlockId> reads;
  PhaseLists<BlockId> freed;
  PhaseLists<KvWrite> kv_writes;
  // Attention, only if asked for and recorded: one byte per entry of `reads`
  // (then as long), and near misses by phase.
  std::vector<uint8_t> read_masses;
  PhaseLists<NearMiss> near_misses;

  // What a person should know about the sources: a file that was cut off, say.
  std::vector<std::string> warnings;

  Bytes block_bytes() const { return kv_bytes_per_token * page_tokens; }
  size_t phases() const { return size_t{steps} * groups; }
  uint64_t id_space() const { return uint64_t{sequences} * groups * pages_max; }
  uint32_t SequenceOf(BlockId id) const {
    return id.value() / (groups * pages_max);
  }
  GroupId GroupOf(BlockId id) const {
    return GroupId(id.value() / pages_max % groups);
  }
  uint32_t PageOf(BlockId id) const { return id.value() % pages_max; }
  BlockId IdOf(uint32_t sequence, GroupId group, uint32_t page) const {
    return BlockId((sequence * groups + group.value()) * pages_max + page);
  }
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_WORKLOAD_H_
