// A step's metrics cost no allocation: everything is looked up beforehand.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>

#include "gtest/gtest.h"
#include "server/metrics/prometheus_sink.h"
#include "tests/metrics/metrics_test_util.h"

namespace {

std::atomic<uint64_t> allocations{0};

}  // namespace

// Inlined by halves, gcc takes them for a mismatch.
#define KVPLACE_NOINLINE __attribute__((noinline))

KVPLACE_NOINLINE void* operator new(size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
KVPLACE_NOINLINE void operator delete(void* memory) noexcept {
  std::free(memory);
}
KVPLACE_NOINLINE void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace kvplace {
namespace {

TEST(MetricsHotPathTest, AStepAllocatesNothing) {
  PrometheusSink sink({});
  const auto device = sink.AddDevice("n0", 0, BytesPerSecond(3e12));
  const StepAccount step = SomeStep();
  const StepMeasurement measured{Seconds(0.01), Bytes(5), Bytes(6)};
  const uint64_t before = allocations;
  ASSERT_GT(before, 0u) << "operator new is not the one that counts";
  for (int i = 0; i < 1000; ++i) {
    device->OnStep(step, 2, measured);
    device->OnPlan(Seconds(1e-5), Seconds(1e-4));
    device->OnMoves(MoveReason::kMiss, MoveOutcome::kDone, 3);
    device->OnLedger(Bytes(4), Bytes(3), Bytes(2), Bytes(1));
    device->OnObserved(step);
    device->OnResync(ResyncCause::kSequenceGap);
    device->OnDropped(DropReason::kOverload, 1);
  }
  EXPECT_EQ(allocations - before, 0u);
}

}  // namespace
}  // namespace kvplace
