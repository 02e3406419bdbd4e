#include "server/trace/synthetic_scores.h"

#include <algorithm>

namespace kvplace {
namespace {

// Slash patterns reach back so many pages at most.
constexpr uint64_t kMaxSlashDistance = 256;

}  // namespace

// One step of splitmix64.
uint64_t MixSeed(uint64_t seed) {
  uint64_t x = seed + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

ScoreModel ScoreModelOf(Locality locality, uint32_t layer, uint32_t layers) {
  constexpr ScoreModel kGlm{
      .fixed = .56, .drift = .40, .noise = .05, .rho = .90};
  switch (locality) {
    case Locality::kSticky:
      return {.fixed = .56, .drift = .40, .noise = .01, .rho = .98};
    case Locality::kVolatile:
      return {.fixed = 0, .drift = .75, .noise = .25, .rho = .95};
    case Locality::kMixed:
      break;
  }
  // Layers 0-1 and 2-16 of the published model's 46.
  const uint64_t scaled = uint64_t{layer} * 46;
  if (scaled < uint64_t{layers} * 2) {
    return {.fixed = .05, .drift = .15, .noise = .80, .rho = .50};
  }
  if (scaled < uint64_t{layers} * 17) return kGlm;
  return {.fixed = .35, .drift = .40, .noise = .25, .rho = .95};
}

double NormalSource::Next() {
  int64_t sum = 0;
  for (int word = 0; word < 2; ++word) {
    const uint64_t bits = bits_();
    for (int lane = 0; lane < 64; lane += 16) {
      sum += static_cast<int64_t>((bits >> lane) & 0xffff);
    }
  }
  return static_cast<double>(2 * sum - 8 * 65535) * scale_;
}

LayerScores::LayerScores(const ScoreModel& model, const ScoreOptions& options,
                         uint64_t seed)
    : fixed_weight_(std::sqrt(model.fixed)),
      drift_weight_(std::sqrt(model.drift)),
      noise_weight_(std::sqrt(model.noise)),
      rho_(model.rho),
      renewal_(std::sqrt(1 - model.rho * model.rho)),
      cluster_(options.cluster_pages),
      normal_(seed) {
  for (uint32_t i = 0; i < options.slashes; ++i) {
    slashes_.push_back(2 + normal_.Below(kMaxSlashDistance));
  }
}

void LayerScores::Grow(size_t pages) {
  while (drift_.size() < pages) {
    raw_.push_back(normal_.Next());
    drift_.push_back(normal_.Next());
    fixed_.push_back(Clustered(raw_.size() - 1));
  }
}

void LayerScores::Shift() {
  for (double& raw : raw_) raw = normal_.Next();
  for (size_t i = 0; i < raw_.size(); ++i) fixed_[i] = Clustered(i);
}

const std::vector<double>& LayerScores::Step() {
  scores_.resize(drift_.size());
  for (size_t i = 0; i < drift_.size(); ++i) {
    drift_[i] = rho_ * drift_[i] + renewal_ * normal_.Next();
    scores_[i] = fixed_weight_ * fixed_[i] + drift_weight_ * drift_[i] +
                 noise_weight_ * normal_.Next();
  }
  for (const uint64_t distance : slashes_) {
    if (distance < scores_.size()) {
      scores_[scores_.size() - 1 - distance] = kWantedScore;
    }
  }
  return scores_;
}

double LayerScores::Clustered(size_t i) const {
  const size_t count = std::min<size_t>(i + 1, cluster_);
  double sum = 0;
  for (size_t j = 0; j < count; ++j) sum += raw_[i - j];
  return sum / std::sqrt(static_cast<double>(count));
}

}  // namespace kvplace
