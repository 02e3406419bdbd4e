// The picture of a device: events by hand, and every error they can have.
#include "server/core/device_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "server/core/policy/lru_policy.h"
#include "tests/testing/model_orders.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kExists = absl::StatusCode::kAlreadyExists;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

BlockRange Range(uint32_t group, uint32_t page, uint32_t first, uint32_t count,
                 Tier tier) {
  return {SequenceId(1), GroupId(group), page, BlockId(first), count, tier};
}

// Of a small device.
constexpr size_t kLeastBound = 256;

// Two groups of 8 handles, HBM for 5 blocks. Group 0 has pages 0..3 under
// handles 0..3, the first two in HBM; group 1 pages 0..3 under 8..11, all in
// DRAM.
class DeviceModelTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Fill(model_)); }

  static void Fill(DeviceModel& model) {
    ASSERT_THAT(model.AddInventory(Range(0, 0, 0, 2, Tier::kHbm)), IsOk());
    ASSERT_THAT(model.AddInventory(Range(0, 2, 2, 2, Tier::kDram)), IsOk());
    ASSERT_THAT(model.AddInventory(Range(1, 0, 8, 4, Tier::kDram)), IsOk());
    model.FinishInventory(StepIndex(10));
    ASSERT_THAT(model.BeginStep(StepIndex(10)), IsOk());
  }

  absl::Status Apply(const PhaseUpdate& phase) {
    return model_.ApplyPhase(phase, &account_);
  }

  const LruPolicy lru_;
  DeviceModel model_{SmallDevice(2, 8, 5), &lru_};
  StepAccount account_;
};

TEST_F(DeviceModelTest, InventoryIsWhereItSays) {
  EXPECT_EQ(model_.blocks().live(), 8u);
  EXPECT_EQ(model_.residency().tier(BlockId(1)), Tier::kHbm);
  EXPECT_EQ(model_.residency().tier(BlockId(2)), Tier::kDram);
  EXPECT_EQ(model_.residency().tier(BlockId(4)), Tier::kNone);
  EXPECT_EQ(model_.residency().resident(), kSmallBlock * 2);
  EXPECT_EQ(model_.blocks().page(BlockId(11)), 3u);
  EXPECT_EQ(model_.step(), StepIndex(10));
  EXPECT_FALSE(model_.finished_step().has_value());
}

TEST_F(DeviceModelTest, InventoryErrors) {
  EXPECT_THAT(model_.AddInventory(Range(0, 0, 1, 1, Tier::kDram)),
              StatusIs(kExists, HasSubstr("handle 1")));
  EXPECT_THAT(model_.AddInventory(Range(2, 0, 4, 1, Tier::kDram)),
              StatusIs(kInvalid, HasSubstr("group")));
  EXPECT_THAT(model_.AddInventory(Range(0, 0, 15, 2, Tier::kDram)),
              StatusIs(kInvalid));
  EXPECT_THAT(model_.AddInventory(Range(0, 0, 4, 1, Tier::kNone)),
              StatusIs(kInvalid, HasSubstr("tier")));
  EXPECT_THAT(model_.AddInventory(Range(0, 4, 4, 4, Tier::kHbm)),
              StatusIs(kExhausted, HasSubstr("handle 7")));
}

TEST_F(DeviceModelTest, StepsRise) {
  EXPECT_THAT(model_.BeginStep(StepIndex(10)),
              StatusIs(kInvalid, HasSubstr("step is 10")));
  EXPECT_THAT(model_.BeginStep(StepIndex(9)), StatusIs(kInvalid));
  EXPECT_THAT(model_.BeginStep(StepIndex(10 + (int64_t{1} << 32))),
              StatusIs(kInvalid));
  EXPECT_EQ(model_.step(), StepIndex(10));
  EXPECT_THAT(model_.BeginStep(StepIndex(12)), IsOk());
  EXPECT_THAT(model_.BeginStep(StepIndex(10 + AccessStats::kMostSteps - 1)),
              IsOk());
}

// One phase with everything in it, its bytes and seconds worked out by hand.
TEST_F(DeviceModelTest, PhaseByHand) {
  const std::vector<BlockRange> births = {Range(0, 4, 4, 1, Tier::kHbm),
                                          Range(0, 5, 5, 1, Tier::kDram)};
  const auto reads = Ids({0, 1, 2, 3, 4});
  const std::vector<uint8_t> masses = {10, 11, 12, 13, 14};
  const auto near = Ids({5});
  const std::vector<uint8_t> near_masses = {99};
  const std::vector<KvWrite> writes = {{BlockId(4), 4}, {BlockId(5), 1}};
  const auto evicted = Ids({1});
  const auto promoted = Ids({2});
  const auto prefetched = Ids({8, 9});
  const auto freed = Ids({3});
  PhaseUpdate phase;
  phase.group = GroupId(0);
  phase.births = births;
  phase.reads = reads;
  phase.read_masses = masses;
  phase.near_misses = near;
  phase.near_miss_masses = near_masses;
  phase.kv_writes = writes;
  phase.routed_reads = 1;
  phase.evicted = evicted;
  phase.promoted = promoted;
  phase.prefetched = prefetched;
  phase.freed = freed;
  ASSERT_THAT(Apply(phase), IsOk());

  const PhaseTraffic& traffic = account_.traffic;
  EXPECT_EQ(traffic.hbm_reads, kSmallBlock * 2) << "0, 1, 4 but for one routed";
  EXPECT_EQ(traffic.dram_reads, kSmallBlock * 3);
  EXPECT_EQ(traffic.promoted, kSmallBlock);
  EXPECT_EQ(traffic.prefetched, kSmallBlock * 2);
  EXPECT_EQ(traffic.demoted, kSmallBlock);
  EXPECT_EQ(traffic.new_kv_hbm, kSmallToken * 4);
  EXPECT_EQ(traffic.new_kv_dram, kSmallToken);
  EXPECT_EQ(account_.blocks_read, 5u);
  // r = 5 blocks through 100 B/s; HBM 128 + 192 + 80 through 1000; 400 / 150.
  EXPECT_DOUBLE_EQ(account_.seconds.value(), 3.2);
  // No split of the reads is faster than writing 80 bytes through 100 B/s.
  EXPECT_DOUBLE_EQ(account_.roofline.value(), 0.8);

  EXPECT_EQ(OldestFirst(model_), Ids({8, 9, 0, 2, 4}));
  EXPECT_FALSE(model_.blocks().alive(BlockId(3)));
  EXPECT_EQ(model_.residency().tier(BlockId(1)), Tier::kDram);
  EXPECT_EQ(model_.residency().tier(BlockId(3)), Tier::kNone);
  EXPECT_TRUE(model_.stats().read_in(BlockId(4), StepIndex(10)));
  EXPECT_FALSE(model_.stats().ever_read(BlockId(5)));
  EXPECT_FALSE(model_.stats().ever_read(BlockId(3)));
  EXPECT_EQ(model_.residency().free(), Bytes(0));

  model_.EndStep(account_);
  ASSERT_TRUE(model_.finished_step().has_value());
  EXPECT_EQ(model_.finished_step()->blocks_read, 5u);
  EXPECT_EQ(model_.EvictionBound(), 4 * 1u + kLeastBound);
}

TEST_F(DeviceModelTest, AccountsAddUp) {
  const auto reads = Ids({0, 2});
  PhaseUpdate phase;
  phase.reads = reads;
  ASSERT_THAT(Apply(phase), IsOk());
  const Seconds once = account_.seconds, roofline = account_.roofline;
  ASSERT_THAT(Apply(phase), IsOk());
  EXPECT_DOUBLE_EQ(account_.seconds.value(), 2 * once.value());
  EXPECT_DOUBLE_EQ(account_.roofline.value(), 2 * roofline.value());
  EXPECT_EQ(account_.blocks_read, 4u);
  StepAccount sum;
  sum += account_;
  sum += account_;
  EXPECT_EQ(sum.traffic.dram_reads, kSmallBlock * 4);
  EXPECT_EQ(sum.blocks_read, 8u);
  EXPECT_DOUBLE_EQ(sum.seconds.value(), 4 * once.value());
  EXPECT_DOUBLE_EQ(sum.roofline.value(), 4 * roofline.value());
}

TEST_F(DeviceModelTest, ReadsMustBeAliveInTheGroup) {
  for (const uint32_t block : {4u, 8u}) {  // dead; of the other group
    const auto reads = Ids({block});
    PhaseUpdate phase;
    phase.reads = reads;
    EXPECT_THAT(Apply(phase), StatusIs(kNotFound, HasSubstr("handle")));
  }
  const auto reads = Ids({16});
  PhaseUpdate phase;
  phase.reads = reads;
  EXPECT_THAT(Apply(phase), StatusIs(kInvalid, HasSubstr("handle 16")));
}

TEST_F(DeviceModelTest, NearMissesMustBeAlive) {
  for (const auto& [block, code] :
       {std::pair(5u, kNotFound), std::pair(16u, kInvalid)}) {
    const auto near = Ids({block});
    PhaseUpdate phase;
    phase.near_misses = near;
    EXPECT_THAT(Apply(phase), StatusIs(code));
  }
  const auto near = Ids({9});
  PhaseUpdate phase;
  phase.near_misses = near;
  EXPECT_THAT(Apply(phase), IsOk()) << "masses are optional";
}

TEST_F(DeviceModelTest, KvIsWrittenIntoLiveBlocks) {
  for (const auto& [block, code] :
       {std::pair(5u, kNotFound), std::pair(16u, kInvalid),
        std::pair(UINT32_MAX, kInvalid), std::pair(8u, kNotFound)}) {
    const std::vector<KvWrite> writes = {{BlockId(block), 1}};
    PhaseUpdate phase;
    phase.kv_writes = writes;
    EXPECT_THAT(Apply(phase), StatusIs(code)) << block;
  }
  const std::vector<KvWrite> writes = {{BlockId(0), UINT32_MAX}};
  PhaseUpdate phase;
  phase.kv_writes = writes;
  EXPECT_THAT(Apply(phase), StatusIs(kInvalid, HasSubstr("tokens")));
}

TEST_F(DeviceModelTest, RoutedReadsAreHits) {
  const auto reads = Ids({0, 2});
  PhaseUpdate phase;
  phase.reads = reads;
  phase.routed_reads = 2;
  EXPECT_THAT(Apply(phase), StatusIs(kPrecondition, HasSubstr("routed_reads")));
}

TEST_F(DeviceModelTest, BirthsMustBeNewAndFit) {
  for (const auto& [birth, code] :
       {std::pair(Range(0, 9, 3, 1, Tier::kDram), kExists),
        std::pair(Range(2, 9, 4, 1, Tier::kDram), kInvalid),
        std::pair(Range(0, 9, 12, 5, Tier::kHbm), kInvalid),
        std::pair(Range(0, 9, 4, 4, Tier::kHbm), kExhausted)}) {
    DeviceModel model(SmallDevice(2, 8, 5), &lru_);
    ASSERT_NO_FATAL_FAILURE(Fill(model));
    const std::vector<BlockRange> births = {birth};
    PhaseUpdate phase;
    phase.births = births;
    EXPECT_THAT(model.ApplyPhase(phase, &account_), StatusIs(code));
  }
}

TEST_F(DeviceModelTest, MovesMustStartWhereTheBlockIs) {
  using List = absl::Span<const BlockId> PhaseUpdate::*;
  struct Case {
    List list;
    std::vector<BlockId> blocks;
    absl::StatusCode code;
  };
  const std::vector<Case> cases = {
      {&PhaseUpdate::evicted, Ids({2}), kPrecondition},
      {&PhaseUpdate::evicted, Ids({0, 0}), kPrecondition},
      {&PhaseUpdate::evicted, Ids({5}), kNotFound},
      {&PhaseUpdate::evicted, Ids({16}), kInvalid},
      {&PhaseUpdate::promoted, Ids({0}), kPrecondition},
      {&PhaseUpdate::promoted, Ids({5}), kNotFound},
      {&PhaseUpdate::promoted, Ids({UINT32_MAX}), kInvalid},
      {&PhaseUpdate::promoted, Ids({2, 3, 8, 9}), kExhausted},
      {&PhaseUpdate::prefetched, Ids({1}), kPrecondition},
      {&PhaseUpdate::prefetched, Ids({6}), kNotFound},
      {&PhaseUpdate::prefetched, Ids({2, 3, 8, 9}), kExhausted},
      {&PhaseUpdate::freed, Ids({5}), kNotFound},
      {&PhaseUpdate::freed, Ids({0, 0}), kNotFound},
      {&PhaseUpdate::freed, Ids({16}), kInvalid},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    DeviceModel model(SmallDevice(2, 8, 5), &lru_);
    ASSERT_NO_FATAL_FAILURE(Fill(model));
    PhaseUpdate phase;
    phase.*cases[i].list = cases[i].blocks;
    EXPECT_THAT(model.ApplyPhase(phase, &account_), StatusIs(cases[i].code));
  }
}

// Room that an eviction or an end makes is there for the moves of the phase.
TEST_F(DeviceModelTest, EndsAndEvictionsComeBeforePromotions) {
  const auto all_in = Ids({2, 3, 8});
  PhaseUpdate phase;
  phase.promoted = all_in;
  ASSERT_THAT(Apply(phase), IsOk());
  const auto evicted = Ids({0});
  const auto freed = Ids({1});
  const auto promoted = Ids({9, 10});
  PhaseUpdate swap;
  swap.evicted = evicted;
  swap.freed = freed;
  swap.promoted = promoted;
  EXPECT_THAT(Apply(swap), IsOk());
  EXPECT_EQ(OldestFirst(model_), Ids({2, 3, 8, 9, 10}));
}

TEST_F(DeviceModelTest, SequencesAreForgottenWithTheirLastBlock) {
  auto freed = Ids({0, 1, 2, 3});
  PhaseUpdate phase;
  phase.freed = freed;
  ASSERT_THAT(Apply(phase), IsOk());
  EXPECT_TRUE((model_.blocks().Slot(SequenceId(1)) != BlockTable::kNoSlot));
  freed = Ids({8, 9, 10, 11});
  phase.freed = freed;
  phase.group = GroupId(1);
  ASSERT_THAT(Apply(phase), IsOk());
  EXPECT_FALSE((model_.blocks().Slot(SequenceId(1)) != BlockTable::kNoSlot));
  EXPECT_EQ(model_.blocks().live(), 0u);
}

TEST_F(DeviceModelTest, ClearForgetsAllAndAnInventoryFollows) {
  const auto reads = Ids({0, 2});
  PhaseUpdate phase;
  phase.reads = reads;
  ASSERT_THAT(Apply(phase), IsOk());
  model_.EndStep(account_);
  model_.Clear();
  EXPECT_EQ(model_.blocks().live(), 0u);
  EXPECT_EQ(model_.residency().resident(), Bytes(0));
  EXPECT_EQ(OldestFirst(model_), Ids({}));
  EXPECT_FALSE(model_.finished_step().has_value());
  EXPECT_FALSE(model_.stats().ever_read(BlockId(0)));
  Fill(model_);
  EXPECT_EQ(OldestFirst(model_), Ids({1, 0}));
}

// Not to know what was read is not to know that nothing was.
TEST_F(DeviceModelTest, AStepOfWhichOnlyMovesAreHeardLeavesWhatWasRead) {
  const auto reads = Ids({0, 2});
  PhaseUpdate heard;
  heard.reads = reads;
  ASSERT_THAT(Apply(heard), IsOk());
  model_.EndStep(account_);
  ASSERT_EQ(OldestFirst(model_), Ids({1, 0}));
  const size_t bound = model_.EvictionBound();
  for (int64_t step = 11; step < 14; ++step) {
    ASSERT_THAT(model_.BeginStep(StepIndex(step), StepDetail::kLedger), IsOk());
    StepAccount unheard;
    PhaseUpdate phase;
    const auto promoted = Ids({2});
    if (step == 12) phase.promoted = promoted;
    ASSERT_THAT(model_.ApplyPhase(phase, &unheard), IsOk());
    model_.EndStep(unheard);
    EXPECT_EQ(unheard.blocks_read, 0u);
  }
  EXPECT_EQ(model_.residency().resident_blocks(), 3u);
  // 2 came in; it was read with 0.
  EXPECT_EQ(OldestFirst(model_), Ids({1, 0, 2}));
  EXPECT_EQ(model_.stats().last_read(BlockId(0)), StepIndex(10));
  EXPECT_EQ(model_.finished_step()->blocks_read, 2u);
  EXPECT_EQ(model_.EvictionBound(), bound);
  // The next step that is heard follows the last one that was.
  ASSERT_THAT(model_.BeginStep(StepIndex(14)), IsOk());
  const auto later = Ids({0, 1});
  PhaseUpdate next;
  next.reads = later;
  ASSERT_THAT(Apply(next), IsOk());
  EXPECT_EQ(OldestFirst(model_), Ids({2, 0, 1}));
}

TEST_F(DeviceModelTest, RecentEvictionsAreAMaximumThatDecays) {
  const auto evicted = Ids({0, 1});
  PhaseUpdate phase;
  phase.evicted = evicted;
  ASSERT_THAT(Apply(phase), IsOk());
  model_.EndStep(account_);
  EXPECT_EQ(model_.EvictionBound(), 4 * 2u + kLeastBound);
  for (int i = 1; i <= 20; ++i) {
    ASSERT_THAT(model_.BeginStep(StepIndex(10 + i)), IsOk());
    model_.EndStep(account_);
    EXPECT_EQ(
        model_.EvictionBound(),
        static_cast<size_t>(4 * 2 * std::pow(63.0 / 64, i)) + kLeastBound);
  }
}

}  // namespace
}  // namespace kvplace
