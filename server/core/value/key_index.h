// Blocks by what they are worth, to find the least worth in HBM and the most
// worth in DRAM: one array of 16-bit keys, scanned 32 at a time, and how far up
// to look from a sample of it. A key is set by a store and a search costs a
// tenth of a nanosecond per handle: far less than an order that is kept sorted
// by every change.
//
// Thread-safety: one thread at a time. Memory: 2 bytes per handle.
#ifndef KVPLACE_SERVER_CORE_VALUE_KEY_INDEX_H_
#define KVPLACE_SERVER_CORE_VALUE_KEY_INDEX_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "server/core/ids.h"
#include "server/core/topology.h"

namespace kvplace {

struct RankedBlock {
  int32_t key;
  BlockId block;
};

class KeyIndex {
 public:
  // Keys beyond it are cut.
  static constexpr int32_t kLeastKey = -32767;
  static constexpr int32_t kMostKey = -1;

  explicit KeyIndex(uint32_t handles);

  void Clear();

  // kNone: the block has no key.
  void Set(BlockId block, Tier tier, int32_t key) {
    held_[block.value()] = Held(tier, key);
  }
  // Handles first .. first + count - 1.
  void SetRun(BlockId first, size_t count, const Tier* tiers,
              const int32_t* keys) {
    int16_t* const held = &held_[first.value()];
    for (size_t i = 0; i < count; ++i) held[i] = Held(tiers[i], keys[i]);
  }

  // Appends about `in_hbm` blocks of the lowest keys in HBM, and about
  // `in_dram` of the highest in DRAM, these with keys negated, or all, in the
  // order of their handles: as many as a sample of one key in kStride promises.
  // Of keys closer than kKeysPerBucket some may be missing while a higher one
  // is listed.
  void AppendLowest(size_t in_hbm, size_t in_dram,
                    std::vector<RankedBlock>* lowest_in_hbm,
                    std::vector<RankedBlock>* highest_in_dram) const;

  static constexpr int32_t kKeysPerBucket = 32;
  // The sample is one key in `stride`, at least half of kSampled of them.
  static constexpr size_t kSampled = 8192;
  static constexpr size_t kMostStride = 64;

 private:
  // Blocks in HBM have their keys, those in DRAM theirs negated, others kNone.
  static constexpr int16_t kNone = std::numeric_limits<int16_t>::max();
  static int16_t Held(Tier tier, int32_t key) {
    // kNone is not the key of any. Without branches, for SetRun.
    const int32_t cut = std::min(std::max(key, kLeastKey + 1), kMostKey);
    const int32_t signed_key = tier == Tier::kHbm ? cut : -cut;
    return static_cast<int16_t>(tier == Tier::kNone ? kNone : signed_key);
  }
  // What is listed: all held from `least` to `floor`, exclusive, and `spare`
  // from there to `limit`.
  struct Cut {
    int32_t least, floor, limit;
    size_t spare;
  };
  // By held key.
  static constexpr size_t kBuckets = 65536 / kKeysPerBucket;
  using Histogram = std::array<uint32_t, kBuckets>;
  static size_t BucketOf(int32_t held) {
    return static_cast<size_t>(held + 32768) / kKeysPerBucket;
  }
  // The lowest `count` from `least` on, below `end`.
  static Cut CutOf(const Histogram& histogram, int32_t least, int32_t end,
                   size_t count);
  void Append(Cut cut, std::vector<RankedBlock>* out) const;

  // Whole lanes of a scan.
  std::vector<int16_t> held_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_KEY_INDEX_H_
