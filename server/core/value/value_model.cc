#include "server/core/value/value_model.h"

#include <algorithm>
#include <cmath>

#include "server/core/value/default_weights.h"
#include "server/core/value/lanes.h"

namespace kvplace {
namespace {

// How many samples the shipped weights stand for, and those of all groups for
// one of them.
constexpr double kShippedSamples = 2000;
constexpr double kAllGroupsSamples = 5000;
// Newton's steps far from the truth are cut short.
constexpr double kLeastVariance = 0.01;
constexpr double kLongestStep = 20;
// Every so many steps a group gets new weights.
constexpr uint32_t kGroupsPerRound = 8;
constexpr double kRidge = 1e-3;

// Index of (row, column), row <= column, in ValuePairs.
constexpr size_t PairIndex(size_t row, size_t column) {
  return row * kValueFeatures - row * (row + 1) / 2 + column;
}

}  // namespace

const ValueModel::LogTable& ValueModel::SharedLogs() {
  static const LogTable kTable = [] {
    LogTable table;
    for (size_t i = 0; i < table.size(); ++i) {
      const double z = static_cast<double>(i) / kLogsPerUnit - kMostLogOdds;
      table[i] = static_cast<float>(-std::log1p(std::exp(-z)) / std::log(2.0));
    }
    return table;
  }();
  return kTable;
}

ValueModel::ValueModel(uint32_t groups)
    : logs_(&SharedLogs()), groups_(groups), scoring_(groups) {
  Clear();
}

void ValueModel::Clear() {
  all_weights_ = kDefaultWeights;
  std::fill(groups_.begin(), groups_.end(),
            Samples{.weights = kDefaultWeights});
  for (auto& weights : scoring_) {
    std::copy(kDefaultWeights.begin(), kDefaultWeights.end(), weights.begin());
  }
  steps_ = 0;
}

void ValueModel::Samples::Fade(double memory) {
  for (double& p : pairs) p *= memory;
  for (double& s : sums) s *= memory;
}

void ValueModel::Learn(GroupId group, const ValueFeatures& x, bool read) {
  Samples& own = groups_[group.value()];
  double z = 0;
  for (size_t i = 0; i < kValueFeatures; ++i) z += own.weights[i] * x[i];
  const double p = 1 / (1 + std::exp(-z));
  const double variance = std::max(p * (1 - p), kLeastVariance);
  const double target = z + std::clamp(((read ? 1 : 0) - p) / variance,
                                       -kLongestStep, kLongestStep);
  size_t pair = 0;
  for (size_t i = 0; i < kValueFeatures; ++i) {
    const double scaled = variance * x[i];
    own.sums[i] += scaled * target;
    for (size_t j = i; j < kValueFeatures; ++j, ++pair) {
      own.pairs[pair] += scaled * x[j];
    }
  }
}

void ValueModel::SolveAll() {
  Samples all;
  for (const Samples& group : groups_) {
    for (size_t i = 0; i < kValuePairs; ++i) all.pairs[i] += group.pairs[i];
    for (size_t i = 0; i < kValueFeatures; ++i) all.sums[i] += group.sums[i];
  }
  Solve(all, kShippedSamples, kDefaultWeights, &all_weights_);
}

void ValueModel::LogProbabilities(GroupId group, const FeatureColumns& columns,
                                  size_t first, size_t count,
                                  std::array<float, kFeatureBatch>* out) const {
  const std::array<float, kValueFeatures> w = scoring_[group.value()];
  std::array<int32_t, kFeatureBatch> at;
  const size_t end = first + count;
  for (size_t i = first - first % kLanes; i < end; i += kLanes) {
    // One after the other, as LogOdds has it: sums of floats depend on that.
    Floats z = All(w[0]);
    for (size_t f = 0; f < columns.size(); ++f) {
      z += w[f + 1] * Load(&columns[f][i]);
    }
    z = Min(Max(z, All(-kMostLogOdds)), All(kMostLogOdds));
    Store(ToInts((z + kMostLogOdds) * float{kLogsPerUnit} + 0.5f), &at[i]);
  }
  const float* const logs = logs_->data();
  for (size_t i = first; i < end; ++i) {
    (*out)[i] = logs[static_cast<uint32_t>(at[i])];
  }
}

// Cholesky's decomposition; the prior makes the matrix positive definite.
void ValueModel::Solve(const Samples& samples, double prior_count,
                       const ValueWeights& prior, ValueWeights* out) {
  constexpr size_t n = kValueFeatures;
  double m[n][n];
  double b[n];
  for (size_t i = 0; i < n; ++i) {
    b[i] = samples.sums[i] + kRidge * prior[i];
    for (size_t j = 0; j < n; ++j) {
      const size_t pair = PairIndex(std::min(i, j), std::max(i, j));
      const double before = prior_count * kDefaultCurvature[pair];
      m[i][j] = samples.pairs[pair] + before;
      b[i] += before * prior[j];
    }
    m[i][i] += kRidge;
  }
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < j; ++k) m[j][j] -= m[j][k] * m[j][k];
    if (!(m[j][j] > 0)) return;
    m[j][j] = std::sqrt(m[j][j]);
    for (size_t i = j + 1; i < n; ++i) {
      for (size_t k = 0; k < j; ++k) m[i][j] -= m[i][k] * m[j][k];
      m[i][j] /= m[j][j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) b[i] -= m[i][k] * b[k];
    b[i] /= m[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= m[k][i] * b[k];
    b[i] /= m[i][i];
  }
  std::copy(b, b + n, out->begin());
}

void ValueModel::EndStep(double memory) {
  for (Samples& group : groups_) group.Fade(memory);
  const auto groups = static_cast<uint32_t>(groups_.size());
  if (steps_ % kGroupsPerRound == 0) SolveAll();
  for (uint32_t g = steps_ % kGroupsPerRound; g < groups;
       g += kGroupsPerRound) {
    Solve(groups_[g], kAllGroupsSamples, all_weights_, &groups_[g].weights);
    std::copy(groups_[g].weights.begin(), groups_[g].weights.end(),
              scoring_[g].begin());
  }
  ++steps_;
}

}  // namespace kvplace
