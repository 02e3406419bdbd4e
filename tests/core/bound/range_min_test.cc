// Range queries against scans.
#include "server/core/bound/range_min.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace kvplace {
namespace {

// Small whole numbers, so that many are equal.
std::vector<double> RandomValues(size_t n, std::mt19937_64& random) {
  std::vector<double> values(n);
  for (double& value : values) value = static_cast<double>(random() % 16);
  return values;
}

TEST(RangeMin, IsTheFirstOfTheLeast) {
  std::mt19937_64 random(1);
  RangeMin least;
  // One table for all: rebuilding forgets what was.
  for (const size_t n : {1, 2, 3, 7, 8, 9, 64, 100, 33, 1, 257}) {
    const std::vector<double> values = RandomValues(n, random);
    least.Build(values);
    for (uint32_t first = 0; first < n; ++first) {
      uint32_t at = first;
      for (uint32_t end = first + 1; end <= n; ++end) {
        if (values[end - 1] < values[at]) at = end - 1;
        ASSERT_EQ(least.ArgMin(first, end), at) << first << ".." << end;
        ASSERT_EQ(least.Min(first, end), values[at]);
      }
    }
  }
}

TEST(RangeMin, OfNothing) {
  RangeMin least;
  least.Build({});
}

}  // namespace
}  // namespace kvplace
