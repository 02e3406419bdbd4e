// The blocks in HBM from least to most recently read.
//
// A doubly linked list threaded through arrays indexed by handle: O(1) per
// change, no allocation after construction. Thread-safety: one thread at a
// time. Memory: 8 bytes per handle.
#ifndef KVPLACE_SERVER_CORE_RECENCY_LIST_H_
#define KVPLACE_SERVER_CORE_RECENCY_LIST_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/core/ids.h"

namespace kvplace {

class RecencyList {
 public:
  explicit RecencyList(uint32_t handles)
      : end_(handles), links_(size_t{handles} + 1) {
    Clear();
  }

  void Clear() {
    for (Link& link : links_) link = Link{kOut, kOut};
    links_[end_] = Link{end_, end_};
  }

  bool contains(BlockId block) const {
    return links_[block.value()].next != kOut;
  }
  // Makes `block` the most recent; adds it if it is not in the list.
  void Touch(BlockId block) {
    if (contains(block)) Unlink(block.value());
    LinkBefore(block.value(), end_);
  }
  // Makes `block` the least recent. REQUIRES: not in the list.
  void AddOldest(BlockId block) {
    LinkBefore(block.value(), links_[end_].next);
  }
  // Does nothing if it is not in the list.
  void Remove(BlockId block) {
    if (!contains(block)) return;
    Unlink(block.value());
    links_[block.value()] = Link{kOut, kOut};
  }

  // From least to most recent: for (b = oldest(); b != kNoBlock; b = newer(b)).
  BlockId oldest() const { return At(links_[end_].next); }
  BlockId newer(BlockId block) const { return At(links_[block.value()].next); }

 private:
  static constexpr uint32_t kOut = UINT32_MAX;
  struct Link {
    uint32_t prev, next;
  };

  BlockId At(uint32_t index) const {
    return index == end_ ? kNoBlock : BlockId(index);
  }
  void Unlink(uint32_t i) {
    links_[links_[i].prev].next = links_[i].next;
    links_[links_[i].next].prev = links_[i].prev;
  }
  void LinkBefore(uint32_t i, uint32_t next) {
    const uint32_t prev = links_[next].prev;
    links_[i] = Link{prev, next};
    links_[prev].next = i;
    links_[next].prev = i;
  }

  const uint32_t end_;
  std::vector<Link> links_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_RECENCY_LIST_H_
