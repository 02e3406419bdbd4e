// Which blocks are alive, and what each handle stands for.
//
// Arrays indexed by handle, nothing hashed per block: a handle's group, page
// and sequence, and its neighbours in a doubly linked list of the blocks of its
// (sequence, group), so that "all blocks of this sequence" and its end cost
// what the sequence holds and no more, and a block that ends costs O(1)
// wherever it is. (Runs of consecutive handles were rejected: a paged allocator
// hands out handles in any order, so runs are as many as blocks, and cutting
// one out is a search.)
//
// Thread-safety: one thread at a time. Memory: 18 bytes per handle, plus 8 per
// (live sequence, group), of which there are at most as many as handles (and
// 65536 more).
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
  // ALREADY_EXISTS: a handle is alive, or the group has no handle left.
  // RESOURCE_EXHAUSTED: too many sequences. On error nothing has changed.
  absl::Status Add(const BlockRange& range);

  // Ends blocks. INVALID_ARGUMENT: out of range. NOT_FOUND: one is not alive.
  // On error nothing has changed.
  absl::Status Remove(const HandleRange& range);

  // Where a sequence's lists are, until it is forgotten; kNoSlot if unknown.
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  uint32_t Slot(SequenceId sequence) const;
  // The live blocks of one (sequence, group) in the order in which they were
  // added: for (b = oldest(slot, g); b != kNoBlock; b = newer(b)), or back from
  // newest() by older(). REQUIRES: slot is of a known sequence, group in range.
  BlockId oldest(uint32_t slot, GroupId group) const {
    return heads_[size_t{slot} * groups_ + group.value()].oldest;
  }
  BlockId newest(uint32_t slot, GroupId group) const {
    return heads_[size_t{slot} * groups_ + group.value()].newest;
  }
  // REQUIRES (both): alive(block).
  BlockId newer(BlockId block) const { return links_[block.value()].newer; }
  BlockId older(BlockId block) const { return links_[block.value()].older; }
  // Lists begin with the lowest page from now on. O(live blocks).
  void SortByPage();

  // Every live sequence, in no order.
  std::vector<SequenceId> Sequences() const;
  size_t sequences() const { return slots_.size(); }
  // Forgets a sequence without blocks; others stay.
  void ForgetIfEmpty(SequenceId sequence);

  uint32_t handles() const { return static_cast<uint32_t>(group_.size()); }
  uint64_t live() const { return live_; }

  // REQUIRES (these three): block.value() < handles().
  bool alive(BlockId block) const { return group_[block.value()] != kDead; }
  bool alive_in(BlockId block, GroupId group) const {
    return group_[block.value()] == group.value();
  }
  // REQUIRES (these four): alive(block).
  GroupId group(BlockId block) const { return GroupId(group_[block.value()]); }
  uint32_t page(BlockId block) const { return page_[block.value()]; }
  // As of Slot().
  uint32_t slot(BlockId block) const { return slot_[block.value()]; }
  SequenceId sequence(BlockId block) const {
    return sequences_[slot_[block.value()]].id;
  }

 private:
  friend uint32_t RunOfGroup(const BlockTable& table, BlockId first,
                             uint32_t most);

  static constexpr uint16_t kDead = UINT16_MAX;

  struct Sequence {
    SequenceId id;
    uint64_t live = 0;
  };
  struct Head {
    BlockId oldest = kNoBlock;
    BlockId newest = kNoBlock;
  };
  struct Link {
    BlockId older = kNoBlock;
    BlockId newer = kNoBlock;
  };

  absl::Status CheckAdd(const BlockRange& range) const;
  absl::Status CheckRange(BlockId first, uint32_t count) const;
  uint32_t SlotFor(SequenceId sequence);
  Head& HeadOf(BlockId block) {
    return heads_[size_t{slot_[block.value()]} * groups_ +
                  group_[block.value()]];
  }
  void Append(BlockId block, Head* head);
  void Unlink(BlockId block);

  const uint32_t groups_;
  const std::vector<uint32_t> group_limits_;
  std::vector<uint32_t> group_live_;
  uint64_t live_ = 0;
  std::vector<uint16_t> group_;
  std::vector<uint32_t> page_;
  std::vector<uint32_t> slot_;
  std::vector<Link> links_;
  // By slot, and by slot and group.
  std::vector<Sequence> sequences_;
  std::vector<Head> heads_;
  std::vector<uint32_t> free_slots_;
  absl::flat_hash_map<SequenceId, uint32_t> slots_;
};

// How many of the `most` handles from `first` on, without a break, are alive in
// its group. REQUIRES: alive(first); all in range.
uint32_t RunOfGroup(const BlockTable& table, BlockId first, uint32_t most);

// Calls run(first, count, group) of each run of blocks of one group in the
// list; those that are not alive are in none.
template <typename Run>
void ForEachRun(const BlockTable& table, absl::Span<const BlockId> list,
                Run run) {
  for (size_t first = 0, end; first < list.size(); first = end) {
    end = first + 1;
    if (!table.alive(list[first])) continue;
    const GroupId group = table.group(list[first]);
    while (end < list.size() && table.alive_in(list[end], group)) ++end;
    run(first, end - first, group);
  }
}

// Whatever the blocks are: all are handles of the table, and alive_in(block,
// group).
bool AllAliveIn(const BlockTable& table, absl::Span<const BlockId> blocks,
                GroupId group);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BLOCK_TABLE_H_
