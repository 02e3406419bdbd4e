#include "server/replay/annealing.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace kvplace {
namespace {

// In [0, 1). The library's distributions differ between implementations.
double Uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

LookaheadPoint Propose(const AnnealingOptions& options,
                       const LookaheadPoint& from, std::mt19937_64& random) {
  const auto step = static_cast<int64_t>(options.window_step);
  const int64_t shift =
      static_cast<int64_t>(Uniform(random) *
                           static_cast<double>(2 * step + 1)) -
      step;
  LookaheadPoint point;
  point.window_steps = static_cast<uint32_t>(std::clamp<int64_t>(
      from.window_steps + shift, 1, std::max(options.most_window_steps, 1u)));
  point.share = std::clamp(
      from.share + (2 * Uniform(random) - 1) * options.share_step, 0.0, 1.0);
  return point;
}

}  // namespace

absl::StatusOr<LookaheadPoint> Anneal(
    const AnnealingOptions& options,
    const std::function<absl::StatusOr<double>(const LookaheadPoint&)>&
        energy) {
  std::mt19937_64 random(options.seed);
  LookaheadPoint current = options.start;
  current.window_steps = std::clamp(current.window_steps, 1u,
                                    std::max(options.most_window_steps, 1u));
  const auto evaluate = [&](const LookaheadPoint& point, int number) {
    auto value = energy(point);
    if (options.on_evaluated) {
      options.on_evaluated(number + 1, options.iterations + 1);
    }
    return value;
  };
  auto value = evaluate(current, 0);
  if (!value.ok()) return value.status();
  double current_energy = *value;
  LookaheadPoint best = current;
  double best_energy = current_energy;
  double temperature = options.temperature;
  for (int i = 0; i < options.iterations; ++i) {
    const LookaheadPoint proposed = Propose(options, current, random);
    // Drawn whether it is needed or not: the proposals do not depend on it.
    const double chance = Uniform(random);
    value = evaluate(proposed, i + 1);
    if (!value.ok()) return value.status();
    if (*value <= current_energy ||
        chance < std::exp((current_energy - *value) / temperature)) {
      current = proposed;
      current_energy = *value;
    }
    if (current_energy < best_energy) {
      best = current;
      best_energy = current_energy;
    }
    temperature *= options.cooling;
  }
  return best;
}

}  // namespace kvplace
