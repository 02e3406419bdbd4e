// A device under one policy's plans, one step behind, fed step by step: for
// runs that are too long to be written down, or whose attention is as no trace
// has it.
#ifndef KVPLACE_TESTS_REPLAY_PLANNED_DEVICE_H_
#define KVPLACE_TESTS_REPLAY_PLANNED_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/core/device_model.h"
#include "server/core/planner.h"
#include "server/core/policy/policy.h"
#include "server/replay/emulated_device.h"

namespace kvplace {

// What a phase reads. Masses: none, or one for each.
struct PhaseReads {
  std::vector<BlockId> reads;
  std::vector<uint8_t> masses;
  std::vector<BlockId> near_misses;
  std::vector<uint8_t> near_miss_masses;
};

class PlannedDevice {
 public:
  // All blocks of `config` live, those of `hbm` in HBM; the first step will be
  // `first`.
  PlannedDevice(const DeviceConfig& config, const std::string& policy,
                const std::vector<BlockId>& hbm, int64_t first);

  // One phase per group. The step's seconds. An error is a test failure.
  double Step(int64_t step, const std::vector<PhaseReads>& phases);

  const DeviceModel& model() const { return model_; }

 private:
  const DeviceConfig config_;
  const std::unique_ptr<const Policy> policy_;
  DeviceModel model_;
  EmulatedDevice device_;
  Planner planner_;
  Plan plan_;
  PhaseOutcome outcome_;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_PLANNED_DEVICE_H_
