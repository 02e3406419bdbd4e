#include "server/core/value/rank_buckets.h"

#include <algorithm>

namespace kvplace {

RankBuckets::RankBuckets(uint32_t items)
    : items_(items), links_(size_t{items} + kBuckets) {
  Clear();
}

void RankBuckets::Clear() {
  std::fill(links_.begin(), links_.end(), Link{kOut, kOut});
  for (int64_t rank = 0; rank < kBuckets; ++rank) {
    const uint32_t head = HeadOf(rank);
    links_[head] = {head, head};
  }
  size_ = 0;
  lowest_ = 0;
}

void RankBuckets::Unlink(uint32_t item) {
  const Link link = links_[item];
  links_[link.previous].next = link.next;
  links_[link.next].previous = link.previous;
}

void RankBuckets::RaiseLowest() {
  const uint32_t from = HeadOf(lowest_);
  const uint32_t to = HeadOf(++lowest_);
  const Link list = links_[from];
  if (list.next == from) return;
  const uint32_t second = links_[to].next;
  links_[to].next = list.next;
  links_[list.next].previous = to;
  links_[list.previous].next = second;
  links_[second].previous = list.previous;
  links_[from] = {from, from};
}

void RankBuckets::Put(uint32_t item, int64_t rank) {
  Remove(item);
  if (size_ == 0 || rank < lowest_) lowest_ = rank;
  while (rank >= lowest_ + kBuckets) RaiseLowest();
  const uint32_t head = HeadOf(rank);
  const uint32_t last = links_[head].previous;
  links_[item] = {last, head};
  links_[last].next = item;
  links_[head].previous = item;
  ++size_;
}

void RankBuckets::Remove(uint32_t item) {
  if (!contains(item)) return;
  Unlink(item);
  links_[item] = {kOut, kOut};
  --size_;
}

uint32_t RankBuckets::Lowest() {
  while (links_[HeadOf(lowest_)].next == HeadOf(lowest_)) ++lowest_;
  return links_[HeadOf(lowest_)].next;
}

}  // namespace kvplace
