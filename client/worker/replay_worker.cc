#include "client/worker/replay_worker.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/worker/step_recorder.h"
#include "server/replay/closed_loop.h"
#include "server/replay/start_placement.h"

namespace kvplace::client {
namespace {

// A signal ends a pause after this at the latest.
constexpr absl::Duration kLongestNap = absl::Milliseconds(20);

}  // namespace

ReplayWorker::ReplayWorker(const Workload& workload, const DeviceConfig& device,
                           const ReplayOptions& options, SessionClient* client,
                           const ClientClock* clock)
    : workload_(workload),
      config_(device),
      options_(options),
      client_(client),
      clock_(clock),
      cost_(device) {}

std::vector<BlockRange> ReplayWorker::Place() {
  const auto capacity =
      static_cast<uint64_t>(config_.hbm_capacity / workload_.block_bytes());
  const std::vector<BlockId> hbm = OnlineStart(workload_, capacity);
  device_.emplace(config_);
  order_ = nullptr;
  for (const BlockId block : workload_.initial) {
    device_->Place(block, Tier::kDram);
  }
  for (const BlockId block : hbm) device_->Place(block, Tier::kHbm);
  if (loop_ == 0 && options_.on_start) options_.on_start(hbm);
  std::vector<BlockRange> inventory = InventoryOf(workload_, hbm);
  for (BlockRange& range : inventory) {
    range.sequence = SequenceId(range.sequence.value() + first_sequence());
  }
  return inventory;
}

absl::Status ReplayWorker::Start() {
  return client_->Start(Place(), StepIndex(0));
}

absl::Status ReplayWorker::Run() {
  began_ = clock_->Monotonic();
  for (;;) {
    if (auto s = RunLoop(); !s.ok()) return s;
    if (stop_ || loop_ + 1 == options_.loops) break;
    ++loop_;
    if (auto s = client_->ReplaceInventory(
            Place(), StepIndex(static_cast<int64_t>(result_.steps)));
        !s.ok()) {
      return s;
    }
  }
  result_.complete = result_.steps == options_.loops * workload_.steps;
  return absl::OkStatus();
}

bool ReplayWorker::Pace() {
  if (options_.steps_per_second <= 0) return !stop_;
  const absl::Duration due =
      began_ + absl::Seconds(static_cast<double>(result_.steps) /
                             options_.steps_per_second);
  while (!stop_) {
    const absl::Duration left = due - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    absl::SleepFor(std::min(left, kLongestNap));
  }
  return false;
}

OrderPtr ReplayWorker::NextOrder(StepIndex step) {
  if (!options_.lockstep) return client_->CurrentOrder(step);
  const absl::Duration before = clock_->Monotonic();
  OrderPtr order = client_->AwaitOrder(step, options_.plan_timeout);
  const absl::Duration waited = clock_->Monotonic() - before;
  result_.waits.push_back(waited);
  if (waited >= options_.plan_timeout) ++result_.plan_timeouts;
  return order;
}

absl::Status ReplayWorker::RunLoop() {
  for (uint32_t step = 0; step < workload_.steps; ++step) {
    if (!Pace()) return absl::OkStatus();
    if (auto s = RunStep(step); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ReplayWorker::RunStep(uint32_t step) {
  const StepIndex index(static_cast<int64_t>(result_.steps));
  OrderPtr order = NextOrder(index);
  const bool first = order_ == nullptr;
  if (order != order_) {
    device_->SetOrder(&order->order);
    order_ = std::move(order);
  }
  if (first) device_->PrepareBirths(GroupId(0), workload_.births[0]);
  StepRecorder recorder(workload_, first_sequence());
  recorder.Begin(index, order_->plan);
  StepMeasurement measured;
  for (uint32_t g = 0; g < workload_.groups; ++g) {
    const size_t phase = size_t{step} * workload_.groups + g;
    const PhaseInput input = InputOf(workload_, phase);
    device_->BeginPhase(input, &outcome_);
    device_->EndPhase(input, &outcome_);
    recorder.Add(phase, outcome_);
    result_.traffic += outcome_.traffic;
    result_.seconds += outcome_.seconds;
    result_.roofline +=
        cost_.Roofline(outcome_.traffic.reads(), config_.hbm_capacity,
                       outcome_.traffic.new_kv());
    measured.seconds += outcome_.seconds;
    measured.hbm_reads += outcome_.traffic.hbm_reads;
    measured.dram_reads += outcome_.traffic.dram_reads;
    if (loop_ == 0 && options_.on_phase) options_.on_phase(phase, outcome_);
  }
  ++result_.steps;
  if (auto s = client_->Report(std::move(recorder.moves())); !s.ok()) return s;
  StepData& data = recorder.Finish();
  if (options_.report_measured) data.measured = measured;
  if (auto s = client_->Step(std::move(data)); !s.ok()) return s;
  if (options_.on_step) options_.on_step(result_.steps);
  return absl::OkStatus();
}

std::vector<BlockId> ReplayWorker::LiveBlocks() const {
  std::vector<BlockId> live;
  for (uint32_t id = 0; id < config_.handles(); ++id) {
    if (device_->tier(BlockId(id)) != Tier::kNone) live.emplace_back(id);
  }
  return live;
}

}  // namespace kvplace::client
