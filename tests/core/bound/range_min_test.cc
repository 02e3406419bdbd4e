// Range queries against scans.
#include "server/core/bound/range_min.h"

#include <gtest/gtest.h>

#include <cmath>
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

TEST(OrderedPairMin, IsTheLeastOrderedPair) {
  std::mt19937_64 random(2);
  OrderedPairMin pairs;
  for (const size_t n : {1, 2, 3, 8, 13, 16, 40}) {
    std::vector<double> first = RandomValues(n, random);
    std::vector<double> second = RandomValues(n, random);
    pairs.Build(first, second);
    for (uint32_t begin = 0; begin < n; ++begin) {
      for (uint32_t end = begin + 1; end <= n; ++end) {
        double least = INFINITY;
        for (uint32_t i = begin; i < end; ++i) {
          for (uint32_t j = i + 1; j < end; ++j) {
            least = std::min(least, first[i] + second[j]);
          }
        }
        const OrderedPairMin::Pair pair = pairs.Least(begin, end);
        ASSERT_EQ(pair.sum, least) << begin << ".." << end << " of " << n;
        if (end - begin < 2) continue;
        ASSERT_LE(begin, pair.first);
        ASSERT_LT(pair.first, pair.second);
        ASSERT_LT(pair.second, end);
        ASSERT_EQ(first[pair.first] + second[pair.second], least);
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
