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

// The best ordered pair: positions i < j of a range with least first[i] +
// second[j]. A segment tree.
//
// Thread-safety: const between Builds.
class OrderedPairMin {
 public:
  struct Pair {
    double sum;
    uint32_t first, second;
  };

  void Build(const std::vector<double>& first,
             const std::vector<double>& second);
  // Over i < j in [begin, end); the sum is infinite where there is none.
  Pair Least(uint32_t begin, uint32_t end) const;

 private:
  struct Node {
    Pair pair;
    // Least of each alone, and where.
    double first, second;
    uint32_t first_at, second_at;
  };
  static Node Join(const Node& left, const Node& right);
  static Node Nothing();

  size_t leaves_ = 0;
  std::vector<Node> nodes_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_RANGE_MIN_H_
