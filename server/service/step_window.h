// What a device's steps cost: totals since the session began, and means over
// the recent steps.
//
// A window mean is a ratio of sums that decay by 1 - 1/64 per step, so it looks
// back about 64 steps and long steps weigh more than short ones, as they do in
// what a user waits for. Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_SERVICE_STEP_WINDOW_H_
#define KVPLACE_SERVER_SERVICE_STEP_WINDOW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/core/device_model.h"
#include "server/core/metrics_sink.h"
#include "server/core/plan.h"
#include "server/core/units.h"

namespace kvplace {

class StepWindow {
 public:
  // One step that stands for `decode_steps` like it. Totals count the steps
  // that were sent, as the metrics do; the window goes by decode steps.
  void Add(const StepAccount& step, uint64_t decode_steps,
           const std::optional<StepMeasurement>& measured);
  // The same step had plans been executed (observe mode).
  void AddObserved(const StepAccount& step);
  // Planned moves that were reported on.
  void AddMoves(MoveReason reason, MoveOutcome outcome, uint64_t blocks) {
    totals_.moved_blocks[static_cast<size_t>(reason)]
                        [static_cast<size_t>(outcome)] += blocks;
  }

  struct Totals {
    uint64_t steps = 0;
    double seconds = 0;
    double roofline_seconds = 0;
    uint64_t read_bytes = 0;
    uint64_t dram_read_bytes = 0;
    uint64_t moved_bytes = 0;
    double observed_seconds = 0;
    // By reason and outcome.
    std::array<std::array<uint64_t, kMoveOutcomes>, kMoveReasons>
        moved_blocks{};
  };
  const Totals& totals() const { return totals_; }

  // These are 0 before the first step.
  double roofline_ratio() const { return Ratio(roofline_, seconds_); }
  double miss_share() const { return Ratio(dram_read_, read_); }
  // Bytes read per second, by the worker's clock where it measures.
  double read_bytes_per_second() const { return Ratio(read_, measured_); }
  double moved_bytes_per_second() const { return Ratio(moved_, seconds_); }
  double read_bytes_per_step() const { return Ratio(read_, steps_); }

 private:
  static double Ratio(double a, double b) { return b > 0 ? a / b : 0; }

  Totals totals_;
  // Decayed sums.
  double steps_ = 0;
  double seconds_ = 0;
  double measured_ = 0;
  double roofline_ = 0;
  double read_ = 0;
  double dram_read_ = 0;
  double moved_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_STEP_WINDOW_H_
