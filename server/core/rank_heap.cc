#include "server/core/rank_heap.h"

#include <algorithm>

namespace kvplace {

RankHeap::RankHeap(uint32_t handles, uint32_t partitions)
    : heaps_(partitions), position_(handles, kOut) {}

void RankHeap::Clear() {
  for (Heap& heap : heaps_) heap.clear();
  std::fill(position_.begin(), position_.end(), kOut);
}

void RankHeap::Place(Heap& heap, size_t at, Entry entry) {
  heap[at] = entry;
  position_[entry.block.value()] = static_cast<uint32_t>(at);
}

void RankHeap::SiftUp(Heap& heap, size_t at, Entry entry) {
  while (at > 0) {
    const size_t parent = (at - 1) / kArity;
    if (!(entry < heap[parent])) break;
    Place(heap, at, heap[parent]);
    at = parent;
  }
  Place(heap, at, entry);
}

void RankHeap::SiftDown(Heap& heap, size_t at, Entry entry) {
  for (;;) {
    const size_t first = at * kArity + 1;
    if (first >= heap.size()) break;
    const size_t last = std::min(first + kArity, heap.size());
    size_t least = first;
    for (size_t c = first + 1; c < last; ++c) {
      if (heap[c] < heap[least]) least = c;
    }
    if (!(heap[least] < entry)) break;
    Place(heap, at, heap[least]);
    at = least;
  }
  Place(heap, at, entry);
}

void RankHeap::Set(BlockId block, uint32_t partition, double rank) {
  Heap& heap = heaps_[partition];
  const Entry entry{rank, block};
  if (!contains(block)) {
    // Growing by an eighth, not by doubling: memory per block is bounded.
    if (heap.size() == heap.capacity()) {
      heap.reserve(heap.size() + heap.size() / 8 + 64);
    }
    heap.push_back(entry);
    SiftUp(heap, heap.size() - 1, entry);
    return;
  }
  const size_t at = position_[block.value()];
  if (heap[at].rank == rank) return;
  if (entry < heap[at]) {
    SiftUp(heap, at, entry);
  } else {
    SiftDown(heap, at, entry);
  }
}

void RankHeap::Remove(BlockId block, uint32_t partition) {
  if (!contains(block)) return;
  Heap& heap = heaps_[partition];
  const size_t at = position_[block.value()];
  position_[block.value()] = kOut;
  const Entry last = heap.back();
  heap.pop_back();
  if (at == heap.size()) return;
  if (at > 0 && last < heap[(at - 1) / kArity]) {
    SiftUp(heap, at, last);
  } else {
    SiftDown(heap, at, last);
  }
}

void RankHeap::FrontierPush(const Heap& heap, size_t at,
                            std::vector<uint32_t>* frontier) {
  frontier->push_back(static_cast<uint32_t>(at));
  std::push_heap(frontier->begin(), frontier->end(),
                 [&heap](uint32_t a, uint32_t b) { return heap[b] < heap[a]; });
}

size_t RankHeap::FrontierPop(const Heap& heap,
                             std::vector<uint32_t>* frontier) {
  std::pop_heap(frontier->begin(), frontier->end(),
                [&heap](uint32_t a, uint32_t b) { return heap[b] < heap[a]; });
  const size_t at = frontier->back();
  frontier->pop_back();
  const size_t first = at * kArity + 1;
  for (size_t c = first; c < first + kArity && c < heap.size(); ++c) {
    FrontierPush(heap, c, frontier);
  }
  return at;
}

RankHeap::Walk::Walk(const RankHeap& ranks, uint32_t partition)
    : heap_(ranks.heaps_[partition]) {
  if (!heap_.empty()) FrontierPush(heap_, 0, &frontier_);
}

BlockId RankHeap::Walk::Next() {
  if (frontier_.empty()) return kNoBlock;
  return heap_[FrontierPop(heap_, &frontier_)].block;
}

}  // namespace kvplace
