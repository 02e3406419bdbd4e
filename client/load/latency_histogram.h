// How often which latency occurred: counts in buckets whose width is at most
// 1/128 of the values in them, so that a percentile is right to 0.8%.
//
// The layout is that of HdrHistogram with two significant digits: one bucket
// per nanosecond up to 256 ns, then 128 buckets per factor of 2 up to 2^40 ns
// (18 minutes); what is longer counts as that. Debian has HdrHistogram for Go
// and Java, not for C++ (docs/adr/0013-load-generator.md).
//
// Thread-safety: any thread; what is read while others add is a moment's
// picture of each bucket. Memory: 35 KiB.
#ifndef KVPLACE_CLIENT_LOAD_LATENCY_HISTOGRAM_H_
#define KVPLACE_CLIENT_LOAD_LATENCY_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kvplace::load {

class LatencyHistogram {
 public:
  // Negative counts as 0.
  void Add(int64_t nanos);

  uint64_t count() const;
  // The smallest value such that at least `share` (0..1) of the values are not
  // larger, to the upper end of its bucket but not beyond the largest value; 0
  // if there are none.
  int64_t Percentile(double share) const;
  // Exact; 0 if there are none.
  int64_t Max() const { return max_.load(std::memory_order_relaxed); }
  double Mean() const;

 private:
  static constexpr int kSubBits = 7;
  static constexpr int kMaxBits = 40;
  static constexpr size_t kBuckets = size_t{kMaxBits - kSubBits + 1}
                                     << kSubBits;

  static size_t BucketOf(uint64_t nanos);
  // Largest value that falls into the bucket.
  static uint64_t UpperEnd(size_t bucket);

  std::array<std::atomic<uint64_t>, kBuckets> counts_{};
  std::atomic<uint64_t> sum_{0};
  std::atomic<int64_t> max_{0};
};

}  // namespace kvplace::load

#endif  // KVPLACE_CLIENT_LOAD_LATENCY_HISTOGRAM_H_
