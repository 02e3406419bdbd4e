#include "server/core/value/key_index.h"

#include <bit>
#include <cstring>

namespace kvplace {
namespace {

// As in lanes.h.
constexpr size_t kLanes = 8;
using Shorts = int16_t __attribute__((vector_size(2 * kLanes)));
constexpr size_t kStretch = 32;

// Bit i: least <= keys[i] < limit, of 2 * kLanes keys.
uint32_t BetweenOfTwo(const int16_t* keys, int16_t least, int16_t limit) {
  std::array<Shorts, 2> held;
  std::memcpy(held.data(), keys, sizeof(held));
  // All ones or none in each lane.
  const Shorts low = (held[0] >= least) & (held[0] < limit);
  const Shorts high = (held[1] >= least) & (held[1] < limit);
#ifdef __SSE2__
  return static_cast<uint32_t>(
      __builtin_ia32_pmovmskb128(__builtin_ia32_packsswb128(low, high)));
#else
  std::array<uint64_t, 4> words;
  std::memcpy(words.data(), &low, sizeof(low));
  std::memcpy(words.data() + 2, &high, sizeof(high));
  uint32_t mask = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    // One bit of each lane, and their sum in the highest.
    const uint64_t bits =
        ((words[i] & 0x0008'0004'0002'0001) * 0x0001'0001'0001'0001) >> 48;
    mask |= static_cast<uint32_t>(bits) << (4 * i);
  }
  return mask;
#endif
}

// The same of kStretch keys.
uint32_t Between(const int16_t* keys, int16_t least, int16_t limit) {
  return BetweenOfTwo(keys, least, limit) |
         BetweenOfTwo(keys + 2 * kLanes, least, limit) << (2 * kLanes);
}

}  // namespace

KeyIndex::KeyIndex(uint32_t handles)
    : held_((size_t{handles} + kStretch - 1) / kStretch * kStretch, kNone) {}

void KeyIndex::Clear() { std::fill(held_.begin(), held_.end(), kNone); }

void KeyIndex::AppendLowest(size_t in_hbm, size_t in_dram,
                            std::vector<RankedBlock>* lowest_in_hbm,
                            std::vector<RankedBlock>* highest_in_dram) const {
  const size_t stride =
      std::clamp(held_.size() / kSampled, size_t{1}, kMostStride);
  Histogram histogram = {};
  for (size_t i = 0; i < held_.size(); i += stride) {
    histogram[BucketOf(held_[i])] += static_cast<uint32_t>(stride);
  }
  // kNone shares its bucket with the last key in DRAM.
  Append(CutOf(histogram, kLeastKey - 1, 0, in_hbm), lowest_in_hbm);
  Append(CutOf(histogram, 0, kNone + 1 - kKeysPerBucket, in_dram),
         highest_in_dram);
}

KeyIndex::Cut KeyIndex::CutOf(const Histogram& histogram, int32_t least,
                              int32_t end, size_t count) {
  size_t left = count;
  size_t bucket = BucketOf(least);
  while (bucket < BucketOf(end) && histogram[bucket] <= left) {
    left -= histogram[bucket++];
  }
  const int32_t floor = static_cast<int32_t>(bucket) * kKeysPerBucket - 32768;
  if (floor >= end) return {least, end, end, 0};
  return {least, floor, left == 0 ? floor : floor + kKeysPerBucket, left};
}

void KeyIndex::Append(Cut cut, std::vector<RankedBlock>* out) const {
  const auto from = static_cast<int16_t>(cut.least);
  const auto limit = static_cast<int16_t>(cut.limit);
  size_t spare = cut.spare;
  for (size_t first = 0; first < held_.size(); first += kStretch) {
    for (uint32_t mask = Between(&held_[first], from, limit); mask != 0;
         mask &= mask - 1) {
      const size_t i = first + static_cast<size_t>(std::countr_zero(mask));
      if (held_[i] >= cut.floor) {
        if (spare == 0) continue;
        --spare;
      }
      out->push_back({held_[i], BlockId(static_cast<uint32_t>(i))});
    }
  }
}

}  // namespace kvplace
