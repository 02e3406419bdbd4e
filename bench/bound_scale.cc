// What the hindsight bound costs as the window grows: time per read of one
// evaluation of the dual and of one sweep of the search, on one core, and the
// most memory that SolveHindsight takes, per read.
//
//   build/release/bin/bound_scale [--exclusive] [READS ...]
//
// READS: numbers of reads, e.g. 1e5 1e6 1e7 (the default). 1e8 takes minutes
// and 4 GB. docs/bounds_scale.md has the results and how the windows are made.
//
// Times are of the process's CPU, so that other work on the machine disturbs
// them less. Memory is counted in operator new.
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "server/core/bound/access_window.h"
#include "server/core/bound/fewest_reads.h"
#include "server/core/bound/hindsight.h"
#include "server/core/bound/price_ascent.h"
#include "server/core/bound/schedule_search.h"
#include "server/core/topology.h"

namespace {

std::atomic<size_t> allocated{0};
std::atomic<size_t> most_allocated{0};

void* Allocate(size_t size, size_t alignment = alignof(std::max_align_t)) {
  void* const memory = std::aligned_alloc(
      alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  const size_t now = allocated += malloc_usable_size(memory);
  size_t most = most_allocated;
  while (now > most && !most_allocated.compare_exchange_weak(most, now)) {
  }
  return memory;
}

void Free(void* memory) {
  if (memory != nullptr) allocated -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  Free(memory);
}

namespace kvplace {
namespace {

constexpr uint32_t kGroups = 30;
constexpr uint32_t kReadsPerPhase = 200;
constexpr uint32_t kBlocksPerGroup = 800;
constexpr Bytes kBlock{1 << 16};
constexpr Bytes kToken{1 << 12};
// Of the evaluations before prices have spread: they are too easy.
constexpr int kUntimed = 20;
constexpr int kRepetitions = 9;
constexpr int kSweeps = 5;
// From here on there are fewer repetitions.
constexpr uint64_t kLong = 50'000'000;

// A machine on which HBM holds a fifth of what lives.
DeviceConfig Machine(bool exclusive) {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.mode =
      exclusive ? ResidencyMode::kExclusive : ResidencyMode::kInclusive;
  device.hbm_capacity = kBlock * (kGroups * kBlocksPerGroup / 5);
  device.groups.assign(kGroups, {kBlock, kBlocksPerGroup, 16, kToken});
  return device;
}

// Each step runs 30 phases; a phase reads 200 of the 800 live blocks of its
// group, block k of them with density falling as k^(-2/3). Each step the oldest
// block of each group ends and a new one begins in its place.
AccessWindow MakeWindow(uint64_t reads, bool exclusive) {
  AccessWindowBuilder builder(Machine(exclusive), reads);
  std::mt19937_64 random(1);
  const auto phases = static_cast<uint32_t>(reads / kReadsPerPhase);
  std::vector<uint32_t> live(kGroups * kBlocksPerGroup);
  for (uint32_t& block : live) block = builder.AddBlock(kBlock);
  std::vector<uint32_t> read_in(live.size(), UINT32_MAX);
  for (uint32_t p = 0; p < phases; ++p) {
    builder.BeginPhase();
    const uint32_t base = p % kGroups * kBlocksPerGroup;
    for (uint32_t n = 0; n < kReadsPerPhase;) {
      const double u = static_cast<double>(random() >> 11) * 0x1p-53;
      const uint32_t slot =
          base + static_cast<uint32_t>(u * u * u * kBlocksPerGroup);
      if (std::exchange(read_in[slot], p) == p) continue;
      builder.Read(live[slot]);
      ++n;
    }
    // By a stride, so that popular places change hands as often as others.
    uint32_t& oldest = live[base + p / kGroups * 7 % kBlocksPerGroup];
    builder.End(oldest);
    oldest = builder.AddBlock(kBlock);
    if (exclusive) builder.Write(oldest, kToken);
  }
  return builder.Build();
}

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

// Nanoseconds per read.
struct Sample {
  std::vector<double> values;

  template <typename Work>
  void Time(uint64_t reads, Work work) {
    const double start = CpuSeconds();
    work();
    values.push_back((CpuSeconds() - start) * 1e9 / static_cast<double>(reads));
  }
  void Print() {
    std::sort(values.begin(), values.end());
    std::printf(" %6.1f (%.1f..%.1f) |", values[values.size() / 2],
                values.front(), values.back());
  }
};

double PerRead(size_t bytes, uint64_t reads) {
  return static_cast<double>(bytes) / static_cast<double>(reads);
}

void Measure(uint64_t reads, bool exclusive) {
  const bool is_long = reads >= kLong;
  most_allocated = allocated.load();
  const AccessWindow window = MakeWindow(reads, exclusive);
  const size_t build_peak = most_allocated;

  Sample dual;
  PriceAscent ascent(window, {});
  for (int i = 0; i < kUntimed; ++i) ascent.Step(RunInOrder, 0);
  for (int i = 0; i < (is_long ? 3 : kRepetitions); ++i) {
    dual.Time(reads, [&] { ascent.Step(RunInOrder, 0); });
  }
  const std::vector<PhasePrices> prices = ascent.best_prices();

  Sample fewest_reads;
  ClairvoyantSchedule start;
  fewest_reads.Time(reads, [&] { start = FindFewestReads(window).schedule; });
  Sample sweep;
  {
    ScheduleSearch search(window, std::move(start), 1);
    SweepOptions options;
    options.prices = prices;
    options.smoothing = 1;
    for (int i = 0; i < (is_long ? 1 : kSweeps); ++i) {
      sweep.Time(reads, [&] { search.Sweep(options); });
    }
  }

  // With the window, in the order in which SolveHindsight has things.
  most_allocated = allocated.load();
  HindsightOptions options;
  options.gap = 0;
  options.max_iterations = 1;
  options.max_sweeps = 1;
  SolveHindsight(window, options);
  std::printf("| %.0e | %u |", static_cast<double>(reads), window.phases());
  dual.Print();
  fewest_reads.Print();
  sweep.Print();
  std::printf(" %.1f | %.1f |\n", PerRead(build_peak, reads),
              PerRead(most_allocated, reads));
  std::fflush(stdout);
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) {
  bool exclusive = false;
  std::vector<double> sizes;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--exclusive") {
      exclusive = true;
    } else {
      sizes.push_back(std::strtod(argv[i], nullptr));
      if (!(sizes.back() >= 1000 && sizes.back() <= 2e8)) {
        std::fprintf(stderr, "bound_scale: \"%s\", expected 1e3 .. 2e8 reads\n",
                     argv[i]);
        return 2;
      }
    }
  }
  if (sizes.empty()) sizes = {1e5, 1e6, 1e7};
  std::printf(
      "| reads | phases | dual iteration, ns per read | fewest reads, ns per "
      "read | sweep, ns per read | building, bytes per read | solving, bytes "
      "per read |\n|---|---|---|---|---|---|---|\n");
  for (const double size : sizes) {
    kvplace::Measure(static_cast<uint64_t>(size), exclusive);
  }
  return 0;
}
