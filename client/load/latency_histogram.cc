#include "client/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kvplace::load {

size_t LatencyHistogram::BucketOf(uint64_t nanos) {
  nanos = std::min(nanos, (uint64_t{1} << kMaxBits) - 1);
  const int shift =
      std::max(0, static_cast<int>(std::bit_width(nanos)) - (kSubBits + 1));
  // Of the values that a shift leaves, the lower half occurs only without one.
  return (static_cast<size_t>(shift) << kSubBits) +
         static_cast<size_t>(nanos >> shift);
}

uint64_t LatencyHistogram::UpperEnd(size_t bucket) {
  constexpr size_t kHalf = size_t{1} << kSubBits;
  if (bucket < 2 * kHalf) return bucket;
  const size_t shift = bucket / kHalf - 1;
  const uint64_t leading = bucket - shift * kHalf;
  return ((leading + 1) << shift) - 1;
}

void LatencyHistogram::Add(int64_t nanos) {
  nanos = std::max<int64_t>(nanos, 0);
  const auto value = static_cast<uint64_t>(nanos);
  counts_[BucketOf(value)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
  int64_t max = max_.load(std::memory_order_relaxed);
  while (nanos > max &&
         !max_.compare_exchange_weak(max, nanos, std::memory_order_relaxed)) {
  }
}

uint64_t LatencyHistogram::count() const {
  uint64_t total = 0;
  for (const auto& count : counts_) {
    total += count.load(std::memory_order_relaxed);
  }
  return total;
}

int64_t LatencyHistogram::Percentile(double share) const {
  const uint64_t total = count();
  if (total == 0) return 0;
  const double wanted = std::ceil(share * static_cast<double>(total));
  const auto rank = std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i].load(std::memory_order_relaxed);
    if (seen >= rank) {
      return std::min(static_cast<int64_t>(UpperEnd(i)), Max());
    }
  }
  return Max();
}

double LatencyHistogram::Mean() const {
  const uint64_t total = count();
  if (total == 0) return 0;
  return static_cast<double>(sum_.load(std::memory_order_relaxed)) /
         static_cast<double>(total);
}

}  // namespace kvplace::load
