// What the core costs per id, CPU time of one core: decoding each form of a
// read set, statistics, a plan, the ledger. docs/performance.md has the
// figures; scripts/bench reads the JSON that --benchmark_format=json prints.
//
//   build/release/bin/core_cost [--benchmark_filter=hear/shadow-price]
//
// Counters: ns_per_id of what is named first; of `hear` also what the step's
// plan and its background work cost beside it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench_node.h"
#include "bench/must.h"
#include "server/core/residency.h"

namespace kvplace {
namespace {

// As in docs/policy.md: a step reads an eighth of what is alive.
constexpr uint32_t kReadShare = 8;
constexpr int kWarmUpSteps = 8;

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <typename Work>
double Timed(Work work) {
  const double start = CpuSeconds();
  work();
  return CpuSeconds() - start;
}

void Decode(benchmark::State& state, BenchEncoding encoding) {
  const BenchReads reads(32768, 16000, encoding);
  BenchNode node("lru", &reads);
  for (int i = 0; i < kWarmUpSteps; ++i) node.DecodeOnly();
  double seconds = 0;
  for (auto _ : state) {
    const double once = Timed([&] { node.DecodeOnly(); });
    state.SetIterationTime(once);
    seconds += once;
  }
  state.counters["ns_per_id"] =
      1e9 * seconds / (static_cast<double>(state.iterations()) * reads.reads());
}

// `nodes` devices, touched in turn.
void Hear(benchmark::State& state, const std::string& policy, uint32_t nodes,
          uint32_t blocks, uint32_t read_share) {
  const BenchReads reads(blocks, blocks / read_share, BenchEncoding::kDelta);
  std::vector<std::unique_ptr<BenchNode>> all;
  for (uint32_t i = 0; i < nodes; ++i) {
    all.push_back(std::make_unique<BenchNode>(policy, &reads));
  }
  const auto each_step = [&all](uint64_t i, double* hear, double* plan,
                                double* background) {
    BenchNode& node = *all[i % all.size()];
    *hear += Timed([&] { node.Hear(); });
    *plan += Timed([&] { node.MakePlan(); });
    *background += Timed([&] { node.Background(); });
  };
  double hear = 0, plan = 0, background = 0;
  uint64_t at = 0;
  const uint64_t warm_up = nodes > 1 ? nodes : kWarmUpSteps;
  while (at < warm_up) each_step(at++, &hear, &plan, &background);
  hear = plan = background = 0;
  for (auto _ : state) {
    const double before = hear;
    each_step(at++, &hear, &plan, &background);
    state.SetIterationTime(hear - before);
  }
  const double steps = static_cast<double>(state.iterations());
  state.counters["ns_per_id"] = 1e9 * hear / (steps * reads.reads());
  state.counters["plan_us"] = 1e6 * plan / steps;
  state.counters["background_us"] = 1e6 * background / steps;
}

void Ledger(benchmark::State& state) {
  constexpr uint32_t kBlocks = 32768;
  constexpr Bytes kEach{65536};
  Residency ledger(kBlocks, kEach * kBlocks);
  for (uint32_t i = 0; i < kBlocks; ++i) {
    Must(ledger.Add(BlockId(i), Tier::kHbm, kEach));
  }
  for (auto _ : state) {
    for (uint32_t i = 0; i < kBlocks; i += 2) {
      Must(ledger.Evict(BlockId(i), kEach));
    }
    for (uint32_t i = 0; i < kBlocks; i += 2) {
      Must(ledger.Promote(BlockId(i), kEach));
    }
  }
  state.counters["moves"] = benchmark::Counter(
      kBlocks, benchmark::Counter::kIsIterationInvariantRate);
}

void RegisterAll() {
  const auto add = [](const std::string& name, auto run) {
    return benchmark::RegisterBenchmark(name.c_str(), run)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  };
  for (const auto& [name, encoding] :
       {std::pair("delta", BenchEncoding::kDelta),
        std::pair("bitmap", BenchEncoding::kBitmap),
        std::pair("all", BenchEncoding::kAll)}) {
    add(std::string("decode/") + name,
        [encoding = encoding](benchmark::State& s) { Decode(s, encoding); });
  }
  for (const char* policy : {"lru", "shadow-price"}) {
    const std::string prefix = std::string("hear/") + policy + "/";
    for (const uint32_t blocks : {32u << 10, 1u << 20}) {
      add(prefix + std::to_string(blocks),
          [=](benchmark::State& s) { Hear(s, policy, 1, blocks, kReadShare); });
    }
    // As a server of many workers has it: the same sizes, seldom in the caches.
    add(prefix + "64x32768/sparse",
        [=](benchmark::State& s) { Hear(s, policy, 64, 32u << 10, 32); });
    // Two rounds: what a node has in the caches is gone when its turn comes.
    add(prefix + "64x1048576", [=](benchmark::State& s) {
      Hear(s, policy, 64, 1u << 20, kReadShare);
    })->Iterations(128);
    add(prefix + "64x1048576/sparse", [=](benchmark::State& s) {
      Hear(s, policy, 64, 1u << 20, 64);
    })->Iterations(128);
  }
  benchmark::RegisterBenchmark("ledger", Ledger)->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) {
  kvplace::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
