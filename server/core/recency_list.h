// The blocks in HBM from least to most recently read.
//
// A log of touches: a block stands where its last entry is, and its earlier
// entries are passed over until Tidy drops them. A touch is two stores, one of
// them at the end of the log: a linked list writes to the block's neighbours as
// well, which for a large device are three misses of the cache.
//
// Blocks may be held: those are more recent than all that have a place, and it
// is up to whoever holds them in which order. (Who reads the same blocks again
// and again need not touch them each time; see UseOrder.)
//
// Thread-safety: one thread at a time. Memory: 4 bytes per handle and up to 12
// for each of the most blocks that it had; no allocation once it had as many.
#ifndef KVPLACE_SERVER_CORE_RECENCY_LIST_H_
#define KVPLACE_SERVER_CORE_RECENCY_LIST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/core/ids.h"

namespace kvplace {

class RecencyList {
 public:
  // REQUIRES: handles < 2^31.
  explicit RecencyList(uint32_t handles) : places_(handles, kOut) {}

  void Clear() {
    std::fill(places_.begin(), places_.end(), kOut);
    first_ = end_ = size_ = placed_ = 0;
  }

  bool contains(BlockId block) const {
    return places_[block.value()] < kHeldOut;
  }
  bool held(BlockId block) const {
    return places_[block.value()] != kOut && places_[block.value()] >= kHeldIn;
  }
  uint32_t size() const { return size_; }
  // Whether none of its blocks is held.
  bool all_placed() const { return placed_ == size_; }
  // Adds `block` if it is not in the list; makes it the most recent but for
  // those that are held, unless it is one of them.
  void Touch(BlockId block) {
    MakeRoom();
    uint32_t& place = places_[block.value()];
    if (place >= kHeldOut) ++size_;
    if (place == kHeldOut) place = kHeldIn;
    if (place == kHeldIn) return;
    if (place == kOut) ++placed_;
    place = end_;
    log_[end_++] = block;
  }
  // Does nothing if it is not in the list. It is still held, if it was.
  void Remove(BlockId block) {
    if (!contains(block)) return;
    --size_;
    uint32_t& place = places_[block.value()];
    if (place == kHeldIn) {
      place = kHeldOut;
      return;
    }
    place = kOut;
    --placed_;
    while (first_ < end_ && !Stands(first_)) ++first_;
  }

  // The block is held, be it in the list or not.
  void Hold(BlockId block) {
    uint32_t& place = places_[block.value()];
    placed_ -= place < kHeldIn;
    place = place < kHeldOut ? kHeldIn : kHeldOut;
  }
  // It is no longer: one that is in the list becomes the most recent of those
  // that have a place. Does nothing if it is not held.
  void Release(BlockId block) {
    MakeRoom();
    uint32_t& place = places_[block.value()];
    if (place < kHeldIn) return;
    const bool in = place == kHeldIn;
    log_[end_] = block;
    place = in ? end_ : kOut;
    end_ += in;
    placed_ += in;
  }

  // Blocks that have a place, from least to most recent:
  // for (b = oldest(); b != kNoBlock; b = newer(b)).
  BlockId oldest() const { return NextFrom(first_); }
  BlockId newer(BlockId block) const {
    return NextFrom(places_[block.value()] + 1);
  }
  // Appends the first of them, at most `count`.
  void AppendOldest(size_t count, std::vector<BlockId>* out) const {
    const size_t start = out->size();
    out->resize(start + std::min<size_t>(count, placed_));
    BlockId* to = out->data() + start;
    BlockId* const last = out->data() + out->size();
    for (uint32_t i = first_; to != last; ++i) {
      *to = log_[i];
      to += Stands(i);
    }
  }

  // Housekeeping, when nobody waits: drops entries that are passed over if they
  // are more than half of the log, or of its front, where AppendOldest looks.
  void Tidy() {
    if (end_ > 2 * placed_ + kRoom || FrontIsSparse()) Compact();
  }

 private:
  // In place of a place: not in the list; held as well, in the list or not.
  static constexpr uint32_t kOut = UINT32_MAX;
  static constexpr uint32_t kHeldOut = UINT32_MAX - 1;
  static constexpr uint32_t kHeldIn = UINT32_MAX - 2;
  // Entries that there is room for after MakeRoom.
  static constexpr size_t kRoom = 256;
  // The front of the log, and every which entry of it is looked at.
  static constexpr uint32_t kFront = 4096;
  static constexpr uint32_t kFrontStride = 32;

  bool Stands(uint32_t i) const { return places_[log_[i].value()] == i; }
  // By a sample. Short logs are quick to go through.
  bool FrontIsSparse() const {
    if (end_ - first_ < kFront) return false;
    uint32_t standing = 0;
    for (uint32_t i = 0; i < kFront; i += kFrontStride) {
      standing += Stands(first_ + i);
    }
    return standing < kFront / kFrontStride / 2;
  }
  BlockId NextFrom(uint32_t i) const {
    while (i < end_ && !Stands(i)) ++i;
    return i < end_ ? log_[i] : kNoBlock;
  }
  void MakeRoom() {
    if (end_ + kRoom <= log_.size()) return;
    Compact();
    // As much again, or it would be due again soon.
    if (2 * end_ + kRoom > log_.size()) {
      log_.resize(3 * size_t{end_} + 2 * kRoom);
      log_.shrink_to_fit();
    }
  }
  void Compact() {
    uint32_t to = 0;
    for (uint32_t i = first_; i < end_; ++i) {
      const BlockId block = log_[i];
      uint32_t& place = places_[block.value()];
      log_[to] = block;
      const bool stands = place == i;
      place = stands ? to : place;
      to += stands;
    }
    first_ = 0;
    end_ = to;
  }

  // By handle, the index of the block's last entry, or what kOut begins.
  std::vector<uint32_t> places_;
  // Entries first_ .. end_ - 1; the rest is room.
  std::vector<BlockId> log_;
  uint32_t first_ = 0;
  uint32_t end_ = 0;
  // Blocks in the list, and those of them that are not held.
  uint32_t size_ = 0;
  uint32_t placed_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_RECENCY_LIST_H_
