// Checks the phases of a run against docs/cli.md, "Exact semantics": an own
// bookkeeping of where blocks are, and own arithmetic for bytes and seconds.
#ifndef KVPLACE_TESTS_REPLAY_SCHEDULE_CHECKER_H_
#define KVPLACE_TESTS_REPLAY_SCHEDULE_CHECKER_H_

#include <cstddef>
#include <set>
#include <vector>

#include "server/core/topology.h"
#include "server/replay/closed_loop.h"
#include "server/replay/emulated_device.h"
#include "server/replay/workload.h"

namespace kvplace {

class ScheduleChecker {
 public:
  using Blocks = std::set<BlockId>;

  // Both must outlive it.
  ScheduleChecker(const Workload& workload, const DeviceConfig& device)
      : workload_(workload), device_(device) {}

  // Failures are those of the running test. Phases in order.
  void Start(const std::vector<BlockId>& hbm);
  void Phase(size_t phase, const PhaseOutcome& outcome);
  // The sums of all phases are those of the result.
  void Finish(const LoopResult& result) const;

  const Blocks& hbm() const { return hbm_; }

 private:
  size_t capacity() const {
    return static_cast<size_t>(device_.hbm_capacity / workload_.block_bytes());
  }
  void Births(size_t phase, const PhaseOutcome& outcome);
  void Reads(size_t phase, const PhaseOutcome& outcome);
  void Moves(size_t phase, const PhaseOutcome& outcome);
  void Costs(size_t phase, const PhaseOutcome& outcome);
  double Time(const PhaseOutcome& outcome, double routed_more, double new_hbm,
              double new_dram) const;

  const Workload& workload_;
  const DeviceConfig& device_;
  size_t phases_ = 0;
  Blocks live_, hbm_;
  PhaseTraffic sum_;
  double seconds_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_SCHEDULE_CHECKER_H_
