// The blocks in HBM by rank, lowest first, in one or more partitions.
//
// An indexed 4-ary heap per partition: O(log n) per change, the k lowest in
// O(k log k) without taking them out. Ties go to the lower handle, so the order
// is total and the same on every machine. Thread-safety: one thread at a time.
// Memory: 4 bytes per handle and 16 to 18 for each of the most blocks it held.
#ifndef KVPLACE_SERVER_CORE_RANK_HEAP_H_
#define KVPLACE_SERVER_CORE_RANK_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/core/ids.h"

namespace kvplace {

class RankHeap {
  struct Entry;

 public:
  RankHeap(uint32_t handles, uint32_t partitions);

  void Clear();

  bool contains(BlockId block) const {
    return position_[block.value()] != kOut;
  }
  // Adds the block or moves it to its new rank. REQUIRES: it always stays in
  // the same partition while it is in the heap; rank is not NaN.
  void Set(BlockId block, uint32_t partition, double rank);
  // Does nothing if it is not in the heap.
  void Remove(BlockId block, uint32_t partition);
  // REQUIRES: contains(block).
  double rank(BlockId block, uint32_t partition) const {
    return heaps_[partition][position_[block.value()]].rank;
  }
  // REQUIRES: the partition is not empty.
  BlockId lowest(uint32_t partition) const {
    return heaps_[partition].front().block;
  }
  size_t size(uint32_t partition) const { return heaps_[partition].size(); }

  // Blocks from the lowest rank up, one at a time and as far as asked. The heap
  // must outlive the walk and not change.
  class Walk {
   public:
    Walk(const RankHeap& ranks, uint32_t partition);
    // kNoBlock at the end.
    BlockId Next();

   private:
    const std::vector<Entry>& heap_;
    std::vector<uint32_t> frontier_;
  };

  // Visits blocks from the lowest rank up until `visit` returns false.
  template <typename Visit>
  void VisitLowest(uint32_t partition, Visit visit) const;

 private:
  static constexpr uint32_t kOut = UINT32_MAX;
  static constexpr size_t kArity = 4;
  // Scratch of a longer visit is given back.
  static constexpr size_t kFrontierKept = 16384;

  struct Entry {
    double rank;
    BlockId block;

    friend bool operator<(const Entry& a, const Entry& b) {
      return a.rank != b.rank ? a.rank < b.rank : a.block < b.block;
    }
  };
  using Heap = std::vector<Entry>;

  void Place(Heap& heap, size_t at, Entry entry);
  void SiftUp(Heap& heap, size_t at, Entry entry);
  void SiftDown(Heap& heap, size_t at, Entry entry);
  // The least of the frontier, which its children replace.
  static size_t FrontierPop(const Heap& heap, std::vector<uint32_t>* frontier);
  static void FrontierPush(const Heap& heap, size_t at,
                           std::vector<uint32_t>* frontier);

  std::vector<Heap> heaps_;
  std::vector<uint32_t> position_;
  // Scratch of VisitLowest: positions whose parents were visited.
  mutable std::vector<uint32_t> frontier_;
};

template <typename Visit>
void RankHeap::VisitLowest(uint32_t partition, Visit visit) const {
  const Heap& heap = heaps_[partition];
  frontier_.clear();
  if (!heap.empty()) FrontierPush(heap, 0, &frontier_);
  while (!frontier_.empty()) {
    if (!visit(heap[FrontierPop(heap, &frontier_)].block)) break;
  }
  if (frontier_.capacity() > kFrontierKept) {
    std::vector<uint32_t>().swap(frontier_);
  }
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_RANK_HEAP_H_
