// What a decision costs: the CPU time of one core, per block read on a step's
// path (statistics, shortlist and plan) and per live block of the ranking in
// the background. docs/policy.md has the figures.
//
//   build/release/bin/decision_cost [--benchmark_filter=shadow-price]
//
// Steps read an eighth of the blocks, of which a tenth are new each time, with
// masses and one near miss for eight reads, in ascending order as they come off
// the wire; HBM holds a fifth of the blocks; an emulated device carries out the
// plans.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/must.h"
#include "server/core/device_model.h"
#include "server/core/planner.h"
#include "server/core/policy/registry.h"
#include "server/replay/emulated_device.h"

namespace kvplace {
namespace {

constexpr uint32_t kGroups = 32;
constexpr uint32_t kReadShare = 8;
constexpr uint32_t kHbmShare = 5;
constexpr uint32_t kNewReads = 10;
constexpr Bytes kBlock{4096};
constexpr int kWarmUpSteps = 40;

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct GroupReads {
  // Oldest first.
  std::vector<BlockId> reads;
  std::vector<uint8_t> read_masses;
  std::vector<BlockId> near_misses;
  std::vector<uint8_t> near_miss_masses;
};

DeviceConfig Device(uint32_t blocks) {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.mode = ResidencyMode::kInclusive;
  device.hbm_capacity = kBlock * (blocks / kHbmShare);
  device.groups.assign(kGroups,
                       GroupConfig{kBlock, blocks / kGroups, 16, Bytes(256)});
  return device;
}

// One device and who plans for it.
class Bench {
 public:
  Bench(const std::string& policy, uint32_t blocks)
      : each_(blocks / kGroups),
        policy_(*MakeOnlinePolicy(policy)),
        model_(Device(blocks), policy_.get()),
        device_(Device(blocks)),
        groups_(kGroups),
        sorted_(kGroups),
        outcomes_(kGroups) {
    for (uint32_t h = 0; h < blocks; ++h) {
      const BlockId block(h);
      const Tier tier = h < blocks / kHbmShare ? Tier::kHbm : Tier::kDram;
      device_.Place(block, tier);
      Must(model_.AddInventory(
          {SequenceId(1), GroupId(h / each_), h % each_, block, 1, tier}));
    }
    model_.FinishInventory(StepIndex(0));
    for (uint32_t g = 0; g < kGroups; ++g) Draw(g, each_ / kReadShare);
    Must(planner_.MakePlan(*policy_, model_, &plan_));
    for (int i = 0; i < kWarmUpSteps; ++i) Step();
  }

  // Seconds.
  struct Cost {
    double statistics = 0;
    double plan = 0;
    double background = 0;
  };
  Cost Step() {
    RunDevice();
    Cost cost;
    double start = CpuSeconds();
    Must(model_.BeginStep(StepIndex(++step_)));
    StepAccount account;
    for (uint32_t g = 0; g < kGroups; ++g) {
      PhaseUpdate update;
      update.group = GroupId(g);
      update.reads = sorted_[g];
      update.read_masses = groups_[g].read_masses;
      update.near_misses = groups_[g].near_misses;
      update.near_miss_masses = groups_[g].near_miss_masses;
      update.evicted = outcomes_[g].evicted;
      update.promoted = outcomes_[g].promoted;
      Must(model_.ApplyPhase(update, &account));
    }
    cost.statistics = CpuSeconds() - start;
    start = CpuSeconds();
    model_.EndStep(account);
    Must(planner_.MakePlan(*policy_, model_, &plan_));
    cost.plan = CpuSeconds() - start;
    start = CpuSeconds();
    model_.Refresh();
    cost.background = CpuSeconds() - start;
    return cost;
  }

  uint32_t reads() const { return kGroups * (each_ / kReadShare); }
  uint32_t blocks() const { return kGroups * each_; }

 private:
  // Replaces `count` of a group's reads, the oldest, by blocks that are not
  // read; low pages are drawn more often.
  void Draw(uint32_t g, size_t count) {
    GroupReads& group = groups_[g];
    const size_t wanted = each_ / kReadShare;
    read_.assign(each_, false);
    if (group.reads.size() == wanted) {
      group.reads.erase(group.reads.begin(),
                        group.reads.begin() + static_cast<ptrdiff_t>(count));
    }
    for (const BlockId block : group.reads) read_[block.value() % each_] = true;
    while (group.reads.size() < wanted) {
      const double u = std::uniform_real_distribution<>(0, 1)(random_);
      const auto page = static_cast<uint32_t>(u * u * each_);
      if (read_[page]) continue;
      read_[page] = true;
      group.reads.emplace_back(g * each_ + page);
    }
    group.read_masses.resize(wanted);
    for (uint8_t& mass : group.read_masses) {
      mass = static_cast<uint8_t>(150 + random_() % 64);
    }
    sorted_[g] = group.reads;
    std::sort(sorted_[g].begin(), sorted_[g].end());
    group.near_misses.clear();
    group.near_miss_masses.clear();
    for (uint32_t page = 0; group.near_misses.size() < wanted / 8; ++page) {
      if (read_[page]) continue;
      group.near_misses.emplace_back(g * each_ + page);
      group.near_miss_masses.push_back(
          static_cast<uint8_t>(100 + random_() % 64));
    }
  }

  void RunDevice() {
    device_.SetOrder(&plan_.order);
    for (uint32_t g = 0; g < kGroups; ++g) {
      Draw(g, each_ / kReadShare / kNewReads);
      PhaseInput input;
      input.group = GroupId(g);
      input.reads = sorted_[g];
      input.next_group = GroupId((g + 1) % kGroups);
      device_.BeginPhase(input, &outcomes_[g]);
      device_.EndPhase(input, &outcomes_[g]);
    }
  }

  const uint32_t each_;
  const std::unique_ptr<const Policy> policy_;
  DeviceModel model_;
  EmulatedDevice device_;
  Planner planner_;
  Plan plan_;
  std::vector<GroupReads> groups_;
  std::vector<std::vector<BlockId>> sorted_;
  std::vector<PhaseOutcome> outcomes_;
  std::minstd_rand random_{1};
  std::vector<bool> read_;
  int64_t step_ = -1;
};

// Nanoseconds per block read, or per live block.
void Run(benchmark::State& state, const std::string& policy, uint32_t blocks) {
  Bench bench(policy, blocks);
  Bench::Cost sum;
  for (auto _ : state) {
    const Bench::Cost cost = bench.Step();
    state.SetIterationTime(cost.statistics + cost.plan);
    sum.statistics += cost.statistics;
    sum.plan += cost.plan;
    sum.background += cost.background;
  }
  const auto per = [&](double seconds, uint32_t count) {
    return 1e9 * seconds / (static_cast<double>(state.iterations()) * count);
  };
  state.counters["statistics_ns_per_read"] = per(sum.statistics, bench.reads());
  state.counters["plan_ns_per_read"] = per(sum.plan, bench.reads());
  state.counters["background_ns_per_block"] =
      per(sum.background, bench.blocks());
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) {
  for (const char* policy : {"lru", "shadow-price"}) {
    for (const uint32_t blocks : {32u << 10, 1u << 20}) {
      benchmark::RegisterBenchmark(
          (std::string(policy) + "/" + std::to_string(blocks)).c_str(),
          [=](benchmark::State& state) { kvplace::Run(state, policy, blocks); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
