#include "server/core/value/attention_margins.h"

#include <algorithm>
#include <cstddef>

#include "server/core/value/block_history.h"

namespace kvplace {

void AttentionMargins::Compute(const BlockTable& blocks,
                               const PhaseAttention& phase) {
  constexpr int kScale = BlockHistory::kOctave / 16;
  const auto best = [&](BlockId block) -> int16_t& {
    const uint32_t slot = blocks.slot(block);
    if (slot >= best_.size()) best_.resize(slot + 1, kNoMass);
    return best_[slot];
  };
  const size_t scored = phase.near_miss_masses.size();
  for (size_t i = 0; i < scored; ++i) {
    const int16_t mass = phase.near_miss_masses[i];
    int16_t& b = best(phase.near_misses[i]);
    if (b == kNoMass || mass > b) b = mass;
  }
  near_misses_.resize(scored);
  for (size_t i = 0; i < scored; ++i) {
    near_misses_[i] = static_cast<int16_t>(
        (phase.near_miss_masses[i] - best(phase.near_misses[i])) * kScale);
  }
  reads_.resize(phase.read_masses.size());
  for (size_t i = 0; i < reads_.size(); ++i) {
    const int b = best(phase.reads[i]);
    // Page 0 and the newest are read whatever their mass.
    const int margin = std::max((phase.read_masses[i] - b) * kScale, 0);
    reads_[i] = static_cast<int16_t>(
        b == kNoMass ? BlockHistory::kUnscoredReadMargin : margin);
  }
  for (size_t i = 0; i < scored; ++i) best(phase.near_misses[i]) = kNoMass;
}

}  // namespace kvplace
