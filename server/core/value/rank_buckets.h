// A priority queue of items by whole ranks that rise with time, all operations
// O(1): a ring of lists, one for each rank. Ranks more than kBuckets below the
// highest are all the same.
//
// Thread-safety: one thread at a time. Memory: 8 bytes per item, and 8 KiB.
#ifndef KVPLACE_SERVER_CORE_VALUE_RANK_BUCKETS_H_
#define KVPLACE_SERVER_CORE_VALUE_RANK_BUCKETS_H_

#include <cstdint>
#include <vector>

namespace kvplace {

class RankBuckets {
 public:
  static constexpr int64_t kBuckets = 1024;

  // Items are 0 .. items - 1.
  explicit RankBuckets(uint32_t items);

  void Clear();

  bool contains(uint32_t item) const { return links_[item].next != kOut; }
  uint32_t size() const { return size_; }
  // Adds the item or moves it behind all others of the rank. REQUIRES: less
  // than kBuckets below the highest.
  void Put(uint32_t item, int64_t rank);
  // If it is there.
  void Remove(uint32_t item);
  // Of the lowest rank the one that is there longest, and that rank (or a
  // higher one, of items that were too far below). REQUIRES: size() > 0.
  uint32_t Lowest();
  int64_t lowest_rank() const { return lowest_; }

 private:
  static constexpr uint32_t kOut = UINT32_MAX;
  struct Link {
    uint32_t previous;
    uint32_t next;
  };

  // Place of a list's head in links_: behind the items.
  uint32_t HeadOf(int64_t rank) const {
    return items_ + static_cast<uint32_t>(rank & (kBuckets - 1));
  }
  void Unlink(uint32_t item);
  // The lowest list becomes the beginning of the next.
  void RaiseLowest();

  const uint32_t items_;
  // Circular, each with its head.
  std::vector<Link> links_;
  uint32_t size_ = 0;
  // No item is below it.
  int64_t lowest_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_RANK_BUCKETS_H_
