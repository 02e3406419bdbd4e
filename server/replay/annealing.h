// Simulated annealing over the two numbers of the paper's "upper bound": how
// many steps it looks ahead, and which share of what is read it promotes (Fang
// et al., arXiv 2508.13231). The constants are the paper's.
//
// From the current point a proposal moves the window by a whole number of steps
// in [-3, 3] and the share by a real one in [-0.3, 0.3], both even, back into
// range if they leave it. A point of less energy is always taken, one of more
// with probability exp((current - energy) / temperature); then the temperature
// is multiplied by 0.95. At 100 ns and less that rarely accepts a worse point:
// in effect it is a descent with random steps, and no bound is certified.
//
// Thread-safety: a pure function of its arguments; the same seed gives the same
// run on every machine.
#ifndef KVPLACE_SERVER_REPLAY_ANNEALING_H_
#define KVPLACE_SERVER_REPLAY_ANNEALING_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"

namespace kvplace {

struct LookaheadPoint {
  uint32_t window_steps = 5;
  double share = 0.5;
};

struct AnnealingOptions {
  LookaheadPoint start;
  uint32_t window_step = 3;
  double share_step = 0.3;
  // Proposals; the start is evaluated besides.
  int iterations = 40;
  // Of energies in nanoseconds.
  double temperature = 100;
  double cooling = 0.95;
  uint64_t seed = 1;
  // The window stays in [1, most_window_steps], the share in [0, 1].
  uint32_t most_window_steps = 1 << 20;
  // Called after each evaluation with how many there were; may be empty.
  std::function<void(int evaluated, int of)> on_evaluated;
};

// The point of least energy that was seen, of equals the first. An error of
// `energy` ends the search.
absl::StatusOr<LookaheadPoint> Anneal(
    const AnnealingOptions& options,
    const std::function<absl::StatusOr<double>(const LookaheadPoint&)>& energy);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_ANNEALING_H_
