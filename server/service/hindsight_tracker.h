// What one device keeps for its rolling hindsight bound: its last steps, and
// the bound that was found last.
//
// On a step's path it only appends. Thread-safety: one thread at a time, under
// the node's lock. Memory, none with a window of 0: a ring of steps, at most
// kMaxReads reads of 1 to 5 bytes each (see step_ring.h), and 56 bytes per
// phase of the window for prices.
#ifndef KVPLACE_SERVER_SERVICE_HINDSIGHT_TRACKER_H_
#define KVPLACE_SERVER_SERVICE_HINDSIGHT_TRACKER_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/core/bound/rolling_bound.h"
#include "server/core/bound/step_ring.h"
#include "server/core/device_model.h"
#include "server/core/metrics_sink.h"
#include "server/service/clock.h"
#include "server/service/hindsight_task.h"

namespace kvplace {

class HindsightTracker {
 public:
  // The window is shortened to so many reads: the solver needs about 50 bytes
  // for each.
  static constexpr uint64_t kMaxReads = uint64_t{1} << 22;

  // Steps of the window; 0: nothing is kept and nothing found. `clock` outlives
  // the object.
  HindsightTracker(const DeviceConfig& device, uint32_t window_steps,
                   const Clock* clock);
  // As DeviceScheduler's.
  void SetMetrics(DeviceMetrics* metrics) { metrics_ = metrics; }

  // A step, phase by phase. One that is not ended is forgotten.
  void BeginStep();
  void AddPhase(absl::Span<const BlockRange> births, const PhaseUpdate& phase);
  void EndStep(Seconds seconds);
  // What is known of the device is void.
  void Clear();

  // There are enough new steps for another bound: an eighth of the window.
  bool due() const;
  // When a window was last taken; infinitely long ago at first.
  absl::Duration last_taken() const { return last_taken_; }
  // The window as it is; O(steps). REQUIRES: due(). The caller says whose it
  // is.
  HindsightTask Take(absl::Duration now);
  // The task comes back, answered or not. Reports what was found.
  void PutBack(HindsightTask task);

  const std::optional<RollingBound>& bound() const { return bound_; }
  // Time since its window was taken. REQUIRES: there is a bound.
  absl::Duration age() const { return clock_->Monotonic() - bound_taken_; }
  // Tells the metrics, if there is a bound. Call it often: it grows old without
  // any step.
  void ReportAge();
  // Of the ring.
  size_t bytes() const { return ring_ ? ring_->bytes() : 0; }

 private:
  const Clock* const clock_;
  // An eighth of the window, >= 1.
  const uint64_t new_steps_wanted_;
  DeviceMetrics* metrics_ = nullptr;
  std::optional<StepRing> ring_;
  // Of the step that was begun.
  StepRecord* open_ = nullptr;
  // Steps that had been committed when a window was last taken.
  uint64_t committed_ = 0;
  absl::Duration last_taken_ = -absl::InfiniteDuration();
  WindowPrices prices_;
  std::optional<RollingBound> bound_;
  // Monotonic.
  absl::Duration bound_taken_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_HINDSIGHT_TRACKER_H_
