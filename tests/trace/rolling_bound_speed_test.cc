// How close the rolling bound comes, and what it costs: prints, and checks only
// what does not depend on the machine.
//
//   KVPLACE_FULL_SIZE=1 build/release/bin/tests/rolling_bound_speed_test
//
// runs the size that docs/operations.md speaks of: windows of 64 steps, 32
// groups, 4 sequences of 512 pages of which 64 are read, 0.5 million reads.
#include <gtest/gtest.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/core/bound/rolling_bound.h"
#include "server/core/bound/step_ring.h"
#include "server/trace/synthetic_trace.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

struct Size {
  uint32_t layers, sequences, window, between;
  uint64_t context;
};

Size ChosenSize() {
  if (std::getenv("KVPLACE_FULL_SIZE") != nullptr) {
    return {32, 4, 64, 100, 8192};
  }
  return {4, 2, 16, 10, 8192};
}

Workload Synthetic(const Size& size, Locality locality) {
  TempDir dir;
  const std::string files[] = {dir.File("t.kvtrace")};
  SyntheticOptions options;
  options.layers = size.layers;
  options.sequences = size.sequences;
  options.context_tokens = size.context;
  options.steps = size.window + 2 * size.between;
  options.locality = locality;
  options.near_misses = 0;
  auto writer = KvtraceWriter::Create(files[0], {});
  EXPECT_TRUE(writer.ok() && WriteSyntheticTrace(options, writer->get()).ok() &&
              (*writer)->Close().ok());
  return *LoadWorkload(files, {});
}

absl::Span<const BlockId> Span(std::span<const BlockId> list) {
  return absl::MakeConstSpan(list.data(), list.size());
}

// The time does not matter: its bound does.
void PushStep(const Workload& w, uint32_t step, StepRing* ring) {
  StepRecord& record = ring->Begin();
  std::vector<BlockRange> births;
  for (uint32_t g = 0; g < w.groups; ++g) {
    const size_t p = size_t{step} * w.groups + g;
    births.clear();
    for (const BlockId block : w.births[p]) {
      births.emplace_back();
      births.back().first = block;
      births.back().count = 1;
    }
    PhaseUpdate phase;
    phase.reads = Span(w.reads[p]);
    phase.freed = Span(w.freed[p]);
    phase.kv_writes =
        absl::MakeConstSpan(w.kv_writes[p].data(), w.kv_writes[p].size());
    record.AddPhase(births, phase);
  }
  ring->Commit(Seconds(1));
}

double CpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) +
         1e-9 * static_cast<double>(used.tv_nsec);
}

void Measure(const Workload& w, const Size& size, int percent,
             const char* name) {
  DeviceConfig device;
  device.profile = *FindProfile("gh200-measured");
  device.hbm_capacity =
      w.block_bytes() *
      (static_cast<int64_t>(w.peak_live_blocks) * percent / 100);
  device.groups.assign(
      w.groups, GroupConfig{w.block_bytes(),
                            static_cast<uint32_t>(w.id_space() / w.groups),
                            w.page_tokens, w.kv_bytes_per_token});
  StepRing ring(size.window, uint64_t{1} << 22);
  WindowPrices prices;
  std::vector<uint32_t> numbers;
  double append = 0;
  uint64_t appended = 0;
  for (uint32_t step = 0; step < w.steps; ++step) {
    double start = CpuSeconds();
    PushStep(w, step, &ring);
    append += CpuSeconds() - start;
    appended += ring.Share().back()->reads();
    if (step + 1 < size.window || (step + 1 - size.window) % size.between) {
      continue;
    }
    start = CpuSeconds();
    StepRecords steps = ring.Share();
    const AccessWindow window = WindowOfSteps(device, steps, &numbers);
    const uint64_t first = ring.committed() - ring.steps();
    auto warm = ShiftPrices(prices, w.groups, first, ring.steps());
    prices.first_step = first;
    const auto bound = SolveRolling(window, ring.steps(), Seconds(1e9),
                                    std::move(warm), {}, &prices.phases);
    ASSERT_TRUE(bound.has_value());
    ring.GiveBack(std::move(steps));
    std::printf(
        "%s, HBM %d%%: %llu reads, gap %.2f%%, %.3f s CPU; %.1f ns per read to "
        "append, %.2f bytes\n",
        name, percent, static_cast<unsigned long long>(window.reads()),
        100 * bound->gap(), CpuSeconds() - start,
        1e9 * append / static_cast<double>(appended),
        static_cast<double>(ring.bytes()) / static_cast<double>(ring.reads()));
    EXPECT_LE(bound->gap(), 0.1);
  }
}

TEST(RollingBoundSpeedTest, GapAndCpu) {
  const Size size = ChosenSize();
  const std::pair<const char*, Locality> localities[] = {
      {"sticky", Locality::kSticky},
      {"mixed", Locality::kMixed},
      {"volatile", Locality::kVolatile}};
  for (const auto& [name, locality] : localities) {
    const Workload workload = Synthetic(size, locality);
    for (const int percent : {15, 25, 40}) {
      Measure(workload, size, percent, name);
    }
  }
}

}  // namespace
}  // namespace kvplace
