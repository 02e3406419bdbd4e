// A step's metrics cost no allocation: everything is looked up beforehand.
#include <cstdint>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "server/metrics/prometheus_sink.h"
#include "tests/metrics/metrics_test_util.h"
#include "tests/testing/counting_allocator.h"

namespace kvplace {
namespace {

TEST(MetricsHotPathTest, AStepAllocatesNothing) {
  PrometheusSink sink({});
  const auto device = sink.AddDevice("n0", 0, {BytesPerSecond(3e12), 32});
  const StepAccount step = SomeStep();
  const std::vector<GroupAccount> groups(32, {5, 2});
  const GroupPrices prices = SomePrices(32);
  const StepMeasurement measured{Seconds(0.01), Bytes(5), Bytes(6)};
  // Its gauges come with the first one.
  device->OnHindsight(SomeBound(), Seconds(1));
  device->OnPrices(Leader::kLru, prices);
  const int64_t before = AllocationCount();
  ASSERT_GT(before, 0) << "operator new is not the one that counts";
  for (int i = 0; i < 1000; ++i) {
    device->OnStep(step, 2, measured);
    device->OnGroups(groups);
    device->OnLeftInDram(OrderSource::kPlan, 7);
    device->OnPrices(i % 2 == 0 ? Leader::kLru : Leader::kValues, prices);
    device->OnPlan(Seconds(1e-5), Seconds(1e-4));
    device->OnMoves(MoveReason::kMiss, MoveOutcome::kDone, 3);
    device->OnLedger(Bytes(4), Bytes(3), Bytes(2), Bytes(1));
    device->OnObserved(step);
    device->OnHindsight(SomeBound(), Seconds(1));
    device->OnHindsightAge(Seconds(3));
    device->OnResync(ResyncCause::kSequenceGap);
    device->OnDropped(DropReason::kOverload, 1);
  }
  EXPECT_EQ(AllocationCount() - before, 0);
}

}  // namespace
}  // namespace kvplace
