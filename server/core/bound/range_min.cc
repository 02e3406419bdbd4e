#include "server/core/bound/range_min.h"

#include <limits>

namespace kvplace {

void RangeMin::Build(const std::vector<double>& values) {
  values_ = values.data();
  size_ = values.size();
  const auto n = static_cast<uint32_t>(size_);
  if (n == 0) return;
  const auto levels = static_cast<size_t>(std::bit_width(n));
  table_.resize(levels * n);
  for (uint32_t i = 0; i < n; ++i) table_[i] = i;
  for (size_t k = 1; k < levels; ++k) {
    const uint32_t half = uint32_t{1} << (k - 1);
    const uint32_t* const below = table_.data() + (k - 1) * n;
    uint32_t* const row = table_.data() + k * n;
    for (uint32_t i = 0; i + 2 * half <= n; ++i) {
      row[i] = Least(below[i], below[i + half]);
    }
  }
}

OrderedPairMin::Node OrderedPairMin::Nothing() {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  return {{kInfinite, 0, 0}, kInfinite, kInfinite, 0, 0};
}

OrderedPairMin::Node OrderedPairMin::Join(const Node& left, const Node& right) {
  Node node = left;
  if (right.pair.sum < node.pair.sum) node.pair = right.pair;
  const double across = left.first + right.second;
  if (across < node.pair.sum) {
    node.pair = {across, left.first_at, right.second_at};
  }
  if (right.first < node.first) {
    node.first = right.first;
    node.first_at = right.first_at;
  }
  if (right.second < node.second) {
    node.second = right.second;
    node.second_at = right.second_at;
  }
  return node;
}

void OrderedPairMin::Build(const std::vector<double>& first,
                           const std::vector<double>& second) {
  leaves_ = std::bit_ceil(first.size());
  nodes_.assign(2 * leaves_, Nothing());
  for (uint32_t i = 0; i < first.size(); ++i) {
    Node& leaf = nodes_[leaves_ + i];
    leaf.first = first[i];
    leaf.second = second[i];
    leaf.first_at = leaf.second_at = i;
  }
  for (size_t i = leaves_ - 1; i > 0; --i) {
    nodes_[i] = Join(nodes_[2 * i], nodes_[2 * i + 1]);
  }
}

OrderedPairMin::Pair OrderedPairMin::Least(uint32_t begin, uint32_t end) const {
  Node left = Nothing();
  Node right = Nothing();
  size_t low = leaves_ + begin;
  size_t high = leaves_ + end;
  for (; low < high; low /= 2, high /= 2) {
    if (low % 2 == 1) left = Join(left, nodes_[low++]);
    if (high % 2 == 1) right = Join(nodes_[--high], right);
  }
  return Join(left, right).pair;
}

}  // namespace kvplace
