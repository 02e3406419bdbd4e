// A metrics sink that remembers what it was told. Complete but for Prometheus.
//
// Thread-safety: any thread (one lock for all of it).
#ifndef KVPLACE_TESTS_TESTING_FAKE_METRICS_SINK_H_
#define KVPLACE_TESTS_TESTING_FAKE_METRICS_SINK_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/metrics_sink.h"

namespace kvplace {

class FakeMetricsSink final : public MetricsSink {
 public:
  // Of one device, over all its sessions.
  struct Device {
    bool live = false;
    BytesPerSecond peak;
    uint32_t group_count = 0;
    // Sums over all steps.
    std::vector<GroupAccount> groups;
    std::array<uint64_t, kOrderSources> left_in_dram{};
    // "policy mode" of every change.
    std::vector<std::string> policies;
    std::optional<Leader> leader;
    std::vector<double> theta;
    std::vector<StepAccount> steps;
    std::vector<StepAccount> observed;
    std::vector<RollingBound> bounds;
    Seconds hindsight_cpu;
    std::optional<Seconds> hindsight_age;
    uint64_t decode_steps = 0;
    uint64_t measured = 0;
    uint64_t plans = 0;
    std::map<std::pair<MoveReason, MoveOutcome>, uint64_t> moves;
    std::array<uint64_t, kResyncCauses> resyncs{};
    std::array<uint64_t, kDropReasons> dropped{};
    Bytes capacity, resident, reserved, in_flight;
    // Whether every ledger that was reported fits the capacity.
    bool ledger_always_fits = true;
  };

  std::unique_ptr<DeviceMetrics> AddDevice(absl::string_view node,
                                           uint32_t device,
                                           const DeviceFacts& facts) override {
    const std::string key = absl::StrCat(node, "/", device);
    std::lock_guard lock(mu_);
    // Two sessions of one device at a time would share its gauges.
    if (devices_[key].live) ++overlaps_;
    devices_[key].live = true;
    devices_[key].peak = facts.peak;
    devices_[key].group_count = facts.groups;
    return std::make_unique<Series>(this, &devices_[key]);
  }
  void SetSessions(uint64_t live) override {
    std::lock_guard lock(mu_);
    sessions_ = live;
  }
  void OnRejected(RejectReason reason) override {
    std::lock_guard lock(mu_);
    ++rejected_[static_cast<size_t>(reason)];
  }
  void OnDropped(DropReason, uint64_t) override {}
  void OnRecorded(uint64_t, uint64_t) override {}

  // REQUIRES: no device is live.
  void Reset() {
    std::lock_guard lock(mu_);
    devices_.clear();
    rejected_ = {};
    sessions_ = overlaps_ = 0;
  }
  // A copy as of now; empty if it was never there.
  Device device(const std::string& node_and_index) const {
    std::lock_guard lock(mu_);
    const auto it = devices_.find(node_and_index);
    return it == devices_.end() ? Device() : it->second;
  }
  uint64_t sessions() const {
    std::lock_guard lock(mu_);
    return sessions_;
  }
  uint64_t rejected(RejectReason reason) const {
    std::lock_guard lock(mu_);
    return rejected_[static_cast<size_t>(reason)];
  }
  uint64_t rejected() const {
    std::lock_guard lock(mu_);
    uint64_t sum = 0;
    for (const uint64_t n : rejected_) sum += n;
    return sum;
  }
  uint64_t overlaps() const {
    std::lock_guard lock(mu_);
    return overlaps_;
  }

 private:
  class Series final : public DeviceMetrics {
   public:
    Series(FakeMetricsSink* sink, Device* device)
        : sink_(sink), device_(device) {}
    ~Series() override {
      std::lock_guard lock(sink_->mu_);
      device_->live = false;
    }

    void OnStep(const StepAccount& step, uint64_t decode_steps,
                const std::optional<StepMeasurement>& measured) override {
      std::lock_guard lock(sink_->mu_);
      device_->steps.push_back(step);
      device_->decode_steps += decode_steps;
      if (measured) ++device_->measured;
    }
    void OnGroups(absl::Span<const GroupAccount> groups) override {
      std::lock_guard lock(sink_->mu_);
      device_->groups.resize(groups.size());
      for (size_t g = 0; g < groups.size(); ++g) {
        device_->groups[g].reads += groups[g].reads;
        device_->groups[g].misses += groups[g].misses;
      }
    }
    void OnLeftInDram(OrderSource order, uint64_t blocks) override {
      std::lock_guard lock(sink_->mu_);
      device_->left_in_dram[static_cast<size_t>(order)] += blocks;
    }
    void OnPolicy(absl::string_view policy, absl::string_view mode) override {
      std::lock_guard lock(sink_->mu_);
      device_->policies.push_back(absl::StrCat(policy, " ", mode));
      device_->leader.reset();
      device_->theta.clear();
    }
    void OnPrices(Leader leader, const GroupPrices& prices) override {
      std::lock_guard lock(sink_->mu_);
      device_->leader = leader;
      device_->theta.resize(prices.groups());
      for (uint32_t g = 0; g < prices.groups(); ++g) {
        device_->theta[g] = prices.theta(GroupId(g));
      }
    }
    void OnMoves(MoveReason reason, MoveOutcome outcome,
                 uint64_t blocks) override {
      std::lock_guard lock(sink_->mu_);
      device_->moves[{reason, outcome}] += blocks;
    }
    void OnPlan(Seconds, Seconds) override {
      std::lock_guard lock(sink_->mu_);
      ++device_->plans;
    }
    void OnLedger(Bytes capacity, Bytes resident, Bytes reserved,
                  Bytes in_flight) override {
      std::lock_guard lock(sink_->mu_);
      device_->capacity = capacity;
      device_->resident = resident;
      device_->reserved = reserved;
      device_->in_flight = in_flight;
      const bool fits = resident + reserved + in_flight <= capacity &&
                        std::min({resident, reserved, in_flight}) >= Bytes(0);
      device_->ledger_always_fits = device_->ledger_always_fits && fits;
    }
    void OnObserved(const StepAccount& with_plans) override {
      std::lock_guard lock(sink_->mu_);
      device_->observed.push_back(with_plans);
    }
    void OnHindsight(const std::optional<RollingBound>& bound,
                     Seconds cpu) override {
      std::lock_guard lock(sink_->mu_);
      if (bound) device_->bounds.push_back(*bound);
      device_->hindsight_cpu += cpu;
    }
    void OnHindsightAge(Seconds age) override {
      std::lock_guard lock(sink_->mu_);
      device_->hindsight_age = age;
    }
    void OnResync(ResyncCause cause) override {
      std::lock_guard lock(sink_->mu_);
      ++device_->resyncs[static_cast<size_t>(cause)];
    }
    void OnDropped(DropReason reason, uint64_t messages) override {
      std::lock_guard lock(sink_->mu_);
      device_->dropped[static_cast<size_t>(reason)] += messages;
    }

   private:
    FakeMetricsSink* const sink_;
    Device* const device_;
  };

  mutable std::mutex mu_;
  // Nodes of a map do not move.
  std::map<std::string, Device> devices_;
  std::array<uint64_t, kRejectReasons> rejected_{};
  uint64_t sessions_ = 0;
  uint64_t overlaps_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_FAKE_METRICS_SINK_H_
