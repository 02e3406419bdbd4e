#include "client/load/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace kvplace::load {
namespace {

TEST(LatencyHistogramTest, EmptyIsZero) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Percentile(0.99), 0);
  EXPECT_EQ(histogram.Max(), 0);
  EXPECT_EQ(histogram.Mean(), 0);
}

TEST(LatencyHistogramTest, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int64_t v = 1; v <= 200; ++v) histogram.Add(v);
  EXPECT_EQ(histogram.Percentile(0.5), 100);
  EXPECT_EQ(histogram.Percentile(0.99), 198);
  EXPECT_EQ(histogram.Percentile(1), 200);
  EXPECT_EQ(histogram.Percentile(0), 1);
  EXPECT_DOUBLE_EQ(histogram.Mean(), 100.5);
}

TEST(LatencyHistogramTest, AgreesWithASortToOnePercent) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    LatencyHistogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 5000; ++i) {
      // Every magnitude that can be told apart.
      values.push_back(static_cast<int64_t>(random() >> (24 + random() % 40)));
      histogram.Add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double share : {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<size_t>(
          std::max(1.0, std::ceil(share * static_cast<double>(values.size()))));
      const int64_t exact = values[rank - 1];
      const int64_t found = histogram.Percentile(share);
      EXPECT_GE(found, exact) << share;
      EXPECT_LE(static_cast<double>(found),
                static_cast<double>(exact) * 1.008 + 1)
          << share;
    }
    EXPECT_EQ(histogram.Max(), values.back());
    EXPECT_EQ(histogram.count(), values.size());
  }
}

TEST(LatencyHistogramTest, WhatDoesNotFitIsKeptAtTheEnds) {
  LatencyHistogram histogram;
  histogram.Add(-5);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.Percentile(0.5), 0);
  EXPECT_EQ(histogram.Percentile(1), (int64_t{1} << 40) - 1);
  EXPECT_EQ(histogram.Max(), INT64_MAX);
}

}  // namespace
}  // namespace kvplace::load
