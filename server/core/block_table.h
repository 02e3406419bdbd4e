// Which blocks are alive, and what each handle stands for.
//
// Arrays indexed by handle, nothing hashed per block: a handle's group, page
// and sequence; and per sequence the runs of handles it owns, so that "all
// blocks of this sequence" and its end cost what the sequence holds and no
// more.
//
// Thread-safety: one thread at a time. Memory: 10 bytes per handle, plus 12 per
// run of consecutive pages.
#ifndef KVPLACE_SERVER_CORE_BLOCK_TABLE_H_
#define KVPLACE_SERVER_CORE_BLOCK_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/core/ids.h"
#include "server/core/topology.h"

namespace kvplace {

// Page first_page + i of (sequence, group) has handle first + i, 0 <= i <
// count.
struct BlockRange {
  SequenceId sequence;
  GroupId group;
  uint32_t first_page = 0;
  BlockId first;
  uint32_t count = 0;
  Tier tier = Tier::kDram;
};

// Handles first .. first + count - 1.
struct HandleRange {
  BlockId first;
  uint32_t count = 0;
};

class BlockTable {
 public:
  // REQUIRES: Validate(device) is OK.
  explicit BlockTable(const DeviceConfig& device);

  // Forgets every block and sequence.
  void Clear();

  // Brings blocks to life. INVALID_ARGUMENT: a field out of range.
  // ALREADY_EXISTS: a handle is alive, or the group has no handle left. On
  // error nothing has changed.
  absl::Status Add(const BlockRange& range);

  // Ends blocks. INVALID_ARGUMENT: out of range. NOT_FOUND: one is not alive.
  // On error nothing has changed.
  absl::Status Remove(const HandleRange& range);

  // Runs of one (sequence, group), pages rising within each run; empty for an
  // unknown sequence. Valid until the next change.
  absl::Span<const BlockRange> Runs(SequenceId sequence, GroupId group) const;

  // Every live sequence, in no order.
  std::vector<SequenceId> Sequences() const;
  bool Contains(SequenceId sequence) const { return slots_.contains(sequence); }
  // Forgets a sequence without blocks; others stay.
  void ForgetIfEmpty(SequenceId sequence);

  uint32_t handles() const { return static_cast<uint32_t>(group_.size()); }
  GroupId group_count() const { return GroupId(groups_); }
  uint64_t live() const { return live_; }

  // REQUIRES (these three): block.value() < handles().
  bool alive(BlockId block) const { return group_[block.value()] != kDead; }
  bool alive_in(BlockId block, GroupId group) const {
    return group_[block.value()] == group.value();
  }
  // REQUIRES (these three): alive(block).
  GroupId group(BlockId block) const { return GroupId(group_[block.value()]); }
  uint32_t page(BlockId block) const { return page_[block.value()]; }
  SequenceId sequence(BlockId block) const {
    return sequences_[slot_[block.value()]].id;
  }

 private:
  static constexpr uint16_t kDead = UINT16_MAX;

  struct Sequence {
    SequenceId id;
    uint64_t live = 0;
    // One list per group.
    std::vector<std::vector<BlockRange>> runs;
  };

  absl::Status CheckRange(BlockId first, uint32_t count) const;
  uint32_t SlotFor(SequenceId sequence);
  void CutFromRuns(BlockId block);

  const uint32_t groups_;
  const std::vector<uint32_t> group_limits_;
  std::vector<uint32_t> group_live_;
  uint64_t live_ = 0;
  std::vector<uint16_t> group_;
  std::vector<uint32_t> page_;
  std::vector<uint32_t> slot_;
  std::vector<Sequence> sequences_;
  std::vector<uint32_t> free_slots_;
  absl::flat_hash_map<SequenceId, uint32_t> slots_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BLOCK_TABLE_H_
