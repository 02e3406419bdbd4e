#include "tests/replay/schedule_checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

using Blocks = ScheduleChecker::Blocks;

// The list as a set; each id at most once.
Blocks Once(const std::vector<BlockId>& list, const char* what) {
  Blocks blocks(list.begin(), list.end());
  EXPECT_EQ(blocks.size(), list.size()) << what << " repeats an id";
  return blocks;
}

template <typename List>
Blocks SetOf(const List& list) {
  return Blocks(list.begin(), list.end());
}

Blocks And(const Blocks& a, const Blocks& b) {
  Blocks result;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(result, result.end()));
  return result;
}

Blocks Or(Blocks a, const Blocks& b) {
  a.insert(b.begin(), b.end());
  return a;
}

Blocks Minus(const Blocks& a, const Blocks& b) {
  Blocks result;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(),
                      std::inserter(result, result.end()));
  return result;
}

double Real(Bytes bytes) { return static_cast<double>(bytes.count()); }

}  // namespace

void ScheduleChecker::Start(const std::vector<BlockId>& hbm) {
  hbm_ = Once(hbm, "start");
  live_ = SetOf(workload_.initial);
  EXPECT_EQ(Minus(hbm_, live_), Blocks()) << "starts with what is not there";
  EXPECT_LE(hbm_.size(), capacity());
}

void ScheduleChecker::Births(size_t phase, const PhaseOutcome& outcome) {
  const Blocks in = Once(outcome.new_hbm, "new_hbm");
  const Blocks out = Once(outcome.new_dram, "new_dram");
  EXPECT_EQ(And(in, out), Blocks());
  EXPECT_EQ(Or(in, out), SetOf(workload_.births[phase]));
  live_ = Or(live_, SetOf(workload_.births[phase]));
  hbm_ = Or(hbm_, in);
  EXPECT_LE(hbm_.size(), capacity());
}

void ScheduleChecker::Reads(size_t phase, const PhaseOutcome& outcome) {
  const Blocks reads = SetOf(workload_.reads[phase]);
  const Blocks from_hbm = Once(outcome.read_hbm, "read_hbm");
  const Blocks from_dram = Once(outcome.read_dram, "read_dram");
  EXPECT_EQ(And(from_hbm, from_dram), Blocks());
  EXPECT_EQ(Or(from_hbm, from_dram), reads);
  EXPECT_EQ(Minus(from_hbm, hbm_), Blocks()) << "read from where it is not";
  EXPECT_EQ(And(from_dram, hbm_).size(), outcome.routed_reads);
  if (!device_.read_routing) {
    EXPECT_EQ(outcome.routed_reads, 0u);
  }
}

void ScheduleChecker::Moves(size_t phase, const PhaseOutcome& outcome) {
  const Blocks reads = SetOf(workload_.reads[phase]);
  const Blocks freed = SetOf(workload_.freed[phase]);
  const Blocks evicted = Once(outcome.evicted, "evict");
  const Blocks promoted = Once(outcome.promoted, "promote_on_read");
  const Blocks prefetched = Once(outcome.prefetched, "prefetch");
  EXPECT_EQ(Minus(evicted, hbm_), Blocks()) << "evicts what is not in HBM";
  EXPECT_EQ(And(evicted, freed), Blocks());
  EXPECT_EQ(And(promoted, freed), Blocks());
  EXPECT_EQ(And(prefetched, freed), Blocks());
  EXPECT_EQ(And(Or(promoted, prefetched), hbm_), Blocks())
      << "brings in what is in HBM";
  EXPECT_EQ(Minus(promoted, SetOf(outcome.read_dram)), Blocks());
  EXPECT_EQ(And(prefetched, reads), Blocks());
  EXPECT_EQ(Minus(prefetched, live_), Blocks());
  hbm_ = Or(Or(Minus(Minus(hbm_, freed), evicted), promoted), prefetched);
  live_ = Minus(live_, freed);
  EXPECT_LE(hbm_.size(), capacity());
}

// The phase's seconds if `routed_more` hits more were read from DRAM.
double ScheduleChecker::Time(const PhaseOutcome& outcome, double routed_more,
                             double new_hbm, double new_dram) const {
  const double block = Real(workload_.block_bytes());
  const bool inclusive = device_.mode == ResidencyMode::kInclusive;
  const double hits =
      static_cast<double>(outcome.read_hbm.size()) - routed_more;
  const double misses =
      static_cast<double>(outcome.read_dram.size()) + routed_more;
  const auto promoted = static_cast<double>(outcome.promoted.size());
  const auto prefetched = static_cast<double>(outcome.prefetched.size());
  const double demoted =
      inclusive ? 0 : static_cast<double>(outcome.evicted.size());
  const double n = new_hbm + new_dram;
  const double hbm = Real(device_.fixed_bytes_per_phase) +
                     block * (hits + promoted + prefetched + demoted) +
                     (inclusive ? n : new_hbm);
  const double r = block * (misses + prefetched);
  const double w = block * demoted + (inclusive ? n : new_dram);
  const MachineProfile& machine = device_.profile;
  return std::max(
      {hbm / machine.hbm.value(), r / machine.link_read.value(),
       w / machine.link_write.value(),
       (r + w) * device_.devices_sharing_dram / machine.dram.value()});
}

void ScheduleChecker::Costs(size_t phase, const PhaseOutcome& outcome) {
  Bytes new_hbm, new_dram;
  for (const KvWrite& write : workload_.kv_writes[phase]) {
    (hbm_.count(write.block) > 0 ? new_hbm : new_dram) +=
        workload_.kv_bytes_per_token * write.tokens;
  }
  const PhaseTraffic& traffic = outcome.traffic;
  const auto bytes = [this](const std::vector<BlockId>& list) {
    return workload_.block_bytes() * static_cast<int64_t>(list.size());
  };
  EXPECT_EQ(traffic.hbm_reads, bytes(outcome.read_hbm));
  EXPECT_EQ(traffic.dram_reads, bytes(outcome.read_dram));
  EXPECT_EQ(traffic.promoted, bytes(outcome.promoted));
  EXPECT_EQ(traffic.prefetched, bytes(outcome.prefetched));
  EXPECT_EQ(traffic.demoted, bytes(outcome.evicted));
  EXPECT_EQ(traffic.new_kv_hbm, new_hbm);
  EXPECT_EQ(traffic.new_kv_dram, new_dram);
  const double time = Time(outcome, 0, Real(new_hbm), Real(new_dram));
  EXPECT_NEAR(outcome.seconds.value(), time, 1e-12 * time);
  if (device_.read_routing) {
    const auto hits = static_cast<double>(outcome.read_hbm.size());
    for (double n = -double(outcome.routed_reads); n <= hits; ++n) {
      const double other = Time(outcome, n, Real(new_hbm), Real(new_dram));
      EXPECT_GE(other, time * (1 - 1e-12)) << "better with " << n << " more";
    }
  }
  sum_ += traffic;
  seconds_ += time;
}

void ScheduleChecker::Phase(size_t phase, const PhaseOutcome& outcome) {
  EXPECT_EQ(phase, phases_++);
  Births(phase, outcome);
  Reads(phase, outcome);
  Costs(phase, outcome);
  Moves(phase, outcome);
}

void ScheduleChecker::Finish(const LoopResult& result) const {
  EXPECT_EQ(phases_, workload_.phases());
  EXPECT_EQ(result.traffic.hbm_reads, sum_.hbm_reads);
  EXPECT_EQ(result.traffic.dram_reads, sum_.dram_reads);
  EXPECT_EQ(result.traffic.promoted, sum_.promoted);
  EXPECT_EQ(result.traffic.prefetched, sum_.prefetched);
  EXPECT_EQ(result.traffic.demoted, sum_.demoted);
  EXPECT_EQ(result.traffic.new_kv(), sum_.new_kv());
  EXPECT_EQ(result.traffic.reads(),
            workload_.block_bytes() *
                static_cast<int64_t>(workload_.reads.items().size()));
  EXPECT_NEAR(result.seconds.value(), seconds_, 1e-9 * seconds_);
  const TimeBreakdown& parts = result.breakdown;
  EXPECT_NEAR(parts.hbm.value() + parts.dram.value() + parts.migration.value(),
              seconds_, 1e-9 * seconds_);
  EXPECT_GE(std::min({parts.hbm, parts.dram, parts.migration}).value(), 0);
  double steps = 0;
  for (const Seconds step : result.step_seconds) steps += step.value();
  EXPECT_EQ(result.step_seconds.size(), workload_.steps);
  EXPECT_NEAR(steps, seconds_, 1e-9 * seconds_);
}

}  // namespace kvplace
