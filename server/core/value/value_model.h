// P(a block is read in the next step), from its features: one logistic model
// per layer group, learned while it serves.
//
// For log-odds z = w . x the weights are those of the weighted least squares
// that iterated reweighting solves (Newton's method for logistic regression),
// over samples that fade with time. Groups that have seen little lean on the
// model of all groups, and that one on the weights that ship with the program
// (default_weights.h): both as samples that were seen before.
//
// Thread-safety: one thread at a time. Memory: about 350 bytes per group.
#ifndef KVPLACE_SERVER_CORE_VALUE_VALUE_MODEL_H_
#define KVPLACE_SERVER_CORE_VALUE_VALUE_MODEL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/core/ids.h"
#include "server/core/value/block_history.h"

namespace kvplace {

using ValueWeights = std::array<double, kValueFeatures>;
// Symmetric, row after row from the diagonal on.
inline constexpr size_t kValuePairs = kValueFeatures * (kValueFeatures + 1) / 2;
using ValuePairs = std::array<double, kValuePairs>;

class ValueModel {
 public:
  explicit ValueModel(uint32_t groups);

  // Back to the weights that ship with the program.
  void Clear();

  float LogOdds(GroupId group, const ValueFeatures& features) const {
    const std::array<float, kValueFeatures>& w = scoring_[group.value()];
    float z = 0;
    for (size_t i = 0; i < kValueFeatures; ++i) z += w[i] * features[i];
    return z;
  }
  // log2(1 / (1 + exp(-z))), within 0.023, for z cut to -16..16: at least -24.
  float LogProbability(float log_odds) const {
    const float at =
        (std::clamp(log_odds, -kMostLogOdds, kMostLogOdds) + kMostLogOdds) *
        kLogsPerUnit;
    return (*logs_)[static_cast<size_t>(at + 0.5f)];
  }

  // LogProbability(LogOdds()) of columns first .. first + count - 1, bit for
  // bit.
  void LogProbabilities(GroupId group, const FeatureColumns& columns,
                        size_t first, size_t count,
                        std::array<float, kFeatureBatch>* out) const;

  // A block with these features was read in the next step, or not.
  void Learn(GroupId group, const ValueFeatures& features, bool read);
  // Samples fade by `memory` (0..1 exclusive); an eighth of the groups get new
  // weights.
  void EndStep(double memory);

  const ValueWeights& weights(GroupId group) const {
    return groups_[group.value()].weights;
  }

 private:
  // log2(sigmoid(z)) at z = i / kLogsPerUnit - kMostLogOdds.
  static constexpr float kMostLogOdds = 16;
  static constexpr int kLogsPerUnit = 32;
  using LogTable = std::array<float, 2 * 16 * kLogsPerUnit + 1>;
  static const LogTable& SharedLogs();

  struct Samples {
    ValuePairs pairs = {};
    ValueWeights sums = {};
    ValueWeights weights = {};

    void Fade(double memory);
  };

  // The least squares of `samples` and `prior_count` earlier ones that agreed
  // on `prior`.
  static void Solve(const Samples& samples, double prior_count,
                    const ValueWeights& prior, ValueWeights* out);

  void SolveAll();

  const LogTable* const logs_;
  std::vector<Samples> groups_;
  // Of the samples of all groups.
  ValueWeights all_weights_ = {};
  // Of groups_, for scoring.
  std::vector<std::array<float, kValueFeatures>> scoring_;
  uint32_t steps_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_VALUE_MODEL_H_
