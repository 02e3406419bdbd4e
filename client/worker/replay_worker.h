// Replays a recorded workload as one emulated device under a server's orders:
// a serving worker without the GPU.
//
// In lockstep (each step waits for the plan that knows the step before) a run
// against a live kvplaced does, block by block, what RunClosedLoop does with a
// decision delay of one step. Without a server it goes on under the client's
// local policy.
//
// Thread-safety: Run by one thread; Stop by any, signal handlers included.
#ifndef KVPLACE_CLIENT_WORKER_REPLAY_WORKER_H_
#define KVPLACE_CLIENT_WORKER_REPLAY_WORKER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/client_clock.h"
#include "client/cpp/session_client.h"
#include "server/core/cost_model.h"
#include "server/core/topology.h"
#include "server/core/units.h"
#include "server/replay/emulated_device.h"
#include "server/replay/workload.h"

namespace kvplace::client {

struct ReplayOptions {
  // Wait for the plan that knows the last step, but not for longer than this.
  bool lockstep = false;
  absl::Duration plan_timeout = absl::Seconds(5);
  // 0: as fast as it goes.
  double steps_per_second = 0;
  // Runs of the workload, one after the other, as new sequences. >= 1.
  uint64_t loops = 1;
  // Tell the modelled times as if they were measured.
  bool report_measured = false;
  // Called after the start was chosen, and after each phase of the first run;
  // and after each step of any. May be empty.
  std::function<void(const std::vector<BlockId>& initial_hbm)> on_start;
  std::function<void(size_t phase, const PhaseOutcome& outcome)> on_phase;
  std::function<void(uint64_t steps_done)> on_step;
};

struct ReplayResult {
  PhaseTraffic traffic;
  Seconds seconds;
  Seconds roofline;
  uint64_t steps = 0;
  // All steps were run: it was not stopped.
  bool complete = false;
  // Lockstep: plans that were waited for in vain.
  uint64_t plan_timeouts = 0;
  // Lockstep: time spent waiting, one entry per step.
  std::vector<absl::Duration> waits;
};

class ReplayWorker {
 public:
  // All outlive the worker; `client` is not started. REQUIRES: `device` is
  // DeviceFor(workload, ...).
  ReplayWorker(const Workload& workload, const DeviceConfig& device,
               const ReplayOptions& options, SessionClient* client,
               const ClientClock* clock);

  // The inventory of the start, told to the client. Before Run.
  absl::Status Start();
  // To the end of the workload, or Stop. Errors are the client's, on data that
  // it does not take: a bug here.
  absl::Status Run();
  // Run returns after the step at hand.
  void Stop() { stop_ = true; }
  bool stopped() const { return stop_; }

  const ReplayResult& result() const { return result_; }
  // The device as it is. REQUIRES: Run has returned.
  const EmulatedDevice& device() const { return *device_; }
  // Live blocks by now, ascending. O(ids).
  std::vector<BlockId> LiveBlocks() const;
  // Added to the workload's sequences in the present loop.
  uint64_t first_sequence() const { return loop_ * workload_.sequences; }

 private:
  std::vector<BlockRange> Place();
  absl::Status RunLoop();
  absl::Status RunStep(uint32_t step);
  OrderPtr NextOrder(StepIndex step);
  // False: stopped while it waited.
  bool Pace();

  const Workload& workload_;
  const DeviceConfig config_;
  const ReplayOptions options_;
  SessionClient* const client_;
  const ClientClock* const clock_;
  const CostModel cost_;

  std::optional<EmulatedDevice> device_;
  // In force; the device points to it.
  OrderPtr order_;
  PhaseOutcome outcome_;
  uint64_t loop_ = 0;
  absl::Duration began_;
  ReplayResult result_;

  std::atomic<bool> stop_{false};
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_WORKER_REPLAY_WORKER_H_
