// How much each page of a sequence is wanted, layer by layer and step by step.
//
// In each layer a page's score is
//     sqrt(s)*fixed + sqrt(d)*drift + sqrt(w)*noise,
// standard normal numbers: `fixed` drawn once per page, `drift` following
// x' = rho*x + sqrt(1 - rho^2)*e from step to step, `noise` new in each step.
// With s .56, d .40, w .05, rho .90 and the best 1/16 of the pages read, LRU
// misses 30/14/7% at caches of 1/2/4 times the selection, as published for
// GLM-5.1 (30.0/13.4/6.7).
//
// The same seed gives the same scores on every platform: std::mt19937_64 is
// pinned by the standard, a normal number is the sum of eight 16-bit uniform
// ones (std::normal_distribution is not pinned, and Box-Muller would need log
// and cos, which differ between C libraries in the last bit), and scores are
// made of + - * and sqrt only, not contracted.
// Thread-safety: one thread per object.
#ifndef KVPLACE_SERVER_TRACE_SYNTHETIC_SCORES_H_
#define KVPLACE_SERVER_TRACE_SYNTHETIC_SCORES_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace kvplace {

// How much of a step's reads the next step repeats, at 1/16 of the pages read.
enum class Locality {
  // About .85 in every layer.
  kSticky,
  // As in one published model: hardly in the first layers (2 of 46), about .7
  // up to layer 17 of 46, about .5 in the rest.
  kMixed,
  // About .45 in every layer.
  kVolatile,
};

// Parts of a score; s + d + w is about 1.
struct ScoreModel {
  double fixed;
  double drift;
  double noise;
  double rho;
};

// REQUIRES layer < layers.
ScoreModel ScoreModelOf(Locality locality, uint32_t layer, uint32_t layers);

// Above what the best of thousands of pages reach.
inline constexpr double kWantedScore = 4;

// What all layers of all sequences have in common.
struct ScoreOptions {
  // Pages whose `fixed` parts hang together, >= 1.
  uint32_t cluster_pages = 1;
  // So many fixed distances from the end whose pages are always wanted.
  uint32_t slashes = 0;
};

// Nearly normal numbers, mean 0, variance 1, within +-4.9.
class NormalSource {
 public:
  explicit NormalSource(uint64_t seed) : bits_(seed) {}

  double Next();
  uint64_t Below(uint64_t n) { return bits_() % n; }

 private:
  std::mt19937_64 bits_;
  // Of twice the centred sum: variance 4 * 8 * (65536^2 - 1) / 12.
  const double scale_ = 1 / std::sqrt(32.0 * 4294967295.0 / 12);
};

// The scores of one sequence's pages in one layer.
class LayerScores {
 public:
  LayerScores(const ScoreModel& model, const ScoreOptions& options,
              uint64_t seed);

  // There are so many pages now; never fewer than before.
  void Grow(size_t pages);
  // The topic changes: all `fixed` parts are drawn anew.
  void Shift();
  // The next step's scores of all pages.
  const std::vector<double>& Step();

 private:
  // Mean of the last draws up to page i, scaled to variance 1.
  double Clustered(size_t i) const;

  const double fixed_weight_;
  const double drift_weight_;
  const double noise_weight_;
  const double rho_;
  const double renewal_;
  const uint32_t cluster_;
  NormalSource normal_;
  std::vector<uint64_t> slashes_;
  std::vector<double> raw_;
  std::vector<double> fixed_;
  std::vector<double> drift_;
  std::vector<double> scores_;
};

// Unrelated seeds from near ones.
uint64_t MixSeed(uint64_t seed);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_SYNTHETIC_SCORES_H_
