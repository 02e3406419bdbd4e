// Where the least of a range of values is: a sparse table of positions.
//
// Thread-safety: const between Builds. Memory: 4 * n * log2(n) bytes.
#ifndef KVPLACE_SERVER_CORE_BOUND_RANGE_MIN_H_
#define KVPLACE_SERVER_CORE_BOUND_RANGE_MIN_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvplace {

class RangeMin {
 public:
  // O(n log n); reuses memory. `values` must outlive the queries, unchanged.
  void Build(const std::vector<double>& values);

  // Position of the least value in [first, end), the first of equals.
  // REQUIRES: first < end <= n.
  uint32_t ArgMin(uint32_t first, uint32_t end) const {
    const int level = std::bit_width(end - first) - 1;
    const uint32_t* const row = table_.data() + size_t(level) * size_;
    return Least(row[first], row[end - (uint32_t{1} << level)]);
  }
  double Min(uint32_t first, uint32_t end) const {
    return values_[ArgMin(first, end)];
  }

 private:
  uint32_t Least(uint32_t a, uint32_t b) const {
    return values_[b] < values_[a] ? b : a;
  }

  const double* values_ = nullptr;
  size_t size_ = 0;
  // Level k, position i: argmin of [i, i + 2^k).
  std::vector<uint32_t> table_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_RANGE_MIN_H_
