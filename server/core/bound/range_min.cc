#include "server/core/bound/range_min.h"

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

}  // namespace kvplace
