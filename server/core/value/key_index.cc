#include "server/core/value/key_index.h"

#include <bit>
#include <cstring>

namespace kvplace {
namespace {

// As in lanes.h.
constexpr size_t kLanes = 8;
using Shorts = int16_t __attribute__((vector_size(2 * kLanes)));
constexpr size_t kStretch = 32;

// A bit for each lane of a comparison, which is all ones or none.
uint32_t BitsOf(Shorts lanes) {
  std::array<uint64_t, 2> words;
  static_assert(sizeof(words) == sizeof(lanes));
  std::memcpy(&words, &lanes, sizeof(words));
  const auto bits = [](uint64_t word) {
    // One bit of each lane, and their sum in the highest.
    return static_cast<uint32_t>(
        ((word & 0x0008'0004'0002'0001) * 0x0001'0001'0001'0001) >> 48);
  };
  return bits(words[0]) | bits(words[1]) << 4;
}

// Bit i: least <= keys[i] < limit, of kStretch keys.
uint32_t Between(const int16_t* keys, int16_t least, int16_t limit) {
  uint32_t mask = 0;
  for (size_t first = 0; first < kStretch; first += kLanes) {
    Shorts held;
    std::memcpy(&held, keys + first, sizeof(held));
    mask |= BitsOf((held >= least) & (held < limit)) << first;
  }
  return mask;
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
