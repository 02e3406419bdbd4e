// One window of one device on its way to the solver and back.
//
// It is made and taken in under the node's lock; whoever has it between has it
// alone. Thread-safety: plain data.
#ifndef KVPLACE_SERVER_SERVICE_HINDSIGHT_TASK_H_
#define KVPLACE_SERVER_SERVICE_HINDSIGHT_TASK_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "server/core/bound/rolling_bound.h"
#include "server/core/bound/step_record.h"

namespace kvplace {

class LiveSession;

struct HindsightTask {
  // Whose; keeps the device's configuration alive, also after its end.
  std::shared_ptr<LiveSession> session;
  const DeviceConfig* device = nullptr;
  // When the window was taken (Monotonic).
  absl::Duration taken;
  StepRecords steps;
  uint64_t first_step = 0;
  // To start from; then what was found.
  WindowPrices prices;

  // The answer: nothing where there is no ratio or no time was left.
  std::optional<RollingBound> bound;
  absl::Duration cpu;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_HINDSIGHT_TASK_H_
