// How a device executes an order, by hand.
#include "server/replay/emulated_device.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

// One or two groups of 8 handles of 64 bytes each; HBM holds `capacity`.
class EmulatedDeviceTest : public ::testing::Test {
 protected:
  void Make(int64_t capacity, const std::vector<BlockId>& hbm,
            const std::vector<BlockId>& dram) {
    config_ = SmallDevice(2, 8, capacity);
    Make(config_, hbm, dram);
  }
  void Make(const DeviceConfig& config, const std::vector<BlockId>& hbm,
            const std::vector<BlockId>& dram) {
    device_ = std::make_unique<EmulatedDevice>(config);
    for (const BlockId block : hbm) device_->Place(block, Tier::kHbm);
    for (const BlockId block : dram) device_->Place(block, Tier::kDram);
    device_->SetOrder(&order_);
  }

  struct Lists {
    std::vector<BlockId> reads, births, freed, next_births;
    std::vector<KvWrite> writes;
    uint32_t group = 0;
  };
  const PhaseOutcome& Phase(const Lists& lists) {
    PhaseInput input;
    input.group = GroupId(lists.group);
    input.next_group = GroupId(1 - lists.group);
    input.births = lists.births;
    input.reads = lists.reads;
    input.freed = lists.freed;
    input.next_births = lists.next_births;
    input.kv_writes = lists.writes;
    device_->BeginPhase(input, &outcome_);
    device_->EndPhase(input, &outcome_);
    EXPECT_LE(device_->resident(), device_->capacity());
    return outcome_;
  }
  GroupOrder& group() { return order_.groups[0]; }

  DeviceConfig config_;
  StandingOrder order_ = EmptyOrder(2);
  std::unique_ptr<EmulatedDevice> device_;
  PhaseOutcome outcome_;
};

TEST_F(EmulatedDeviceTest, ServesReadsFromWhereBlocksAre) {
  Make(3, Ids({0, 1}), Ids({2, 3}));
  Phase({.reads = Ids({1, 2})});
  EXPECT_EQ(outcome_.read_hbm, Ids({1}));
  EXPECT_EQ(outcome_.read_dram, Ids({2}));
  EXPECT_EQ(outcome_.promoted, Ids({}));
  EXPECT_EQ(outcome_.evicted, Ids({}));
  EXPECT_EQ(device_->resident(), kSmallBlock * 2);
  // max(64 / 1000, 64 / 100, 64 / 150).
  EXPECT_DOUBLE_EQ(outcome_.seconds.value(), 0.64);
}

TEST_F(EmulatedDeviceTest, MovesTakeEffectAtTheEndOfThePhase) {
  Make(1, Ids({0}), Ids({1}));
  group().promote_all = true;
  order_.evict_queue = Ids({0});
  Phase({.reads = Ids({1})});
  EXPECT_EQ(outcome_.read_dram, Ids({1}));
  EXPECT_EQ(outcome_.evicted, Ids({0}));
  EXPECT_EQ(outcome_.promoted, Ids({1}));
  EXPECT_EQ(device_->tier(BlockId(0)), Tier::kDram);
  EXPECT_EQ(device_->tier(BlockId(1)), Tier::kHbm);
}

TEST_F(EmulatedDeviceTest, PromotesInTheOrderOfTheListWhatWasRead) {
  Make(2, {}, Ids({0, 1, 2, 3, 4}));
  group().promote_if_read = Ids({4, 3, 1, 0});
  Phase({.reads = Ids({0, 1, 2, 3})});
  EXPECT_EQ(outcome_.promoted, Ids({3, 1})) << "4 was not read, 0 is last";
  Phase({.reads = Ids({0, 1, 3})});
  EXPECT_EQ(outcome_.promoted, Ids({})) << "they are there already";
}

TEST_F(EmulatedDeviceTest, PromoteAllGoesByHandle) {
  Make(2, {}, Ids({0, 1, 2}));
  group().promote_all = true;
  Phase({.reads = Ids({0, 1, 2})});
  EXPECT_EQ(outcome_.promoted, Ids({0, 1}));
}

TEST_F(EmulatedDeviceTest, ListsOfAnotherGroupWait) {
  Make(4, {}, Ids({0, 8}));
  order_.groups[1].promote_all = true;
  Phase({.reads = Ids({0})});
  EXPECT_EQ(outcome_.promoted, Ids({}));
  Phase({.reads = Ids({8}), .group = 1});
  EXPECT_EQ(outcome_.promoted, Ids({8}));
}

TEST_F(EmulatedDeviceTest, EvictsTheShortestPrefixOfTheQueue) {
  Make(4, Ids({0, 1, 2, 3}), Ids({4, 5}));
  group().promote_all = true;
  order_.evict_queue = Ids({3, 1, 0, 2});
  Phase({.reads = Ids({4, 5})});
  EXPECT_EQ(outcome_.evicted, Ids({3, 1}));
  EXPECT_EQ(outcome_.promoted, Ids({4, 5}));
}

TEST_F(EmulatedDeviceTest, EvictsNothingWhileThereIsRoom) {
  Make(5, Ids({0, 1, 2}), Ids({4, 5}));
  group().promote_all = true;
  order_.evict_queue = Ids({0, 1, 2});
  Phase({.reads = Ids({4, 5})});
  EXPECT_EQ(outcome_.evicted, Ids({}));
  EXPECT_EQ(outcome_.promoted, Ids({4, 5}));
}

TEST_F(EmulatedDeviceTest, PassesOverBlocksReadAndBlocksInDram) {
  Make(3, Ids({0, 1, 2}), Ids({3, 4, 5}));
  group().promote_all = true;
  order_.evict_queue = Ids({5, 1, 0, 2});
  Phase({.reads = Ids({1, 3, 4})});
  EXPECT_EQ(outcome_.evicted, Ids({0, 2}));
  EXPECT_EQ(outcome_.promoted, Ids({3, 4}));
  // In the next phase 1 is as good as any; evicted entries are passed over.
  Phase({.reads = Ids({5})});
  EXPECT_EQ(outcome_.evicted, Ids({1}));
  EXPECT_EQ(outcome_.promoted, Ids({5}));
}

TEST_F(EmulatedDeviceTest, WhatIsReadMayGoWhereTheOrderSaysSo) {
  Make(2, Ids({0, 1}), Ids({2}));
  group().promote_all = true;
  order_.evict_queue = Ids({0, 1});
  Phase({.reads = Ids({0, 1, 2})});
  EXPECT_EQ(outcome_.evicted, Ids({}));
  EXPECT_EQ(outcome_.promoted, Ids({}));
  order_.may_evict_read = true;
  device_->SetOrder(&order_);
  Phase({.reads = Ids({0, 1, 2})});
  EXPECT_EQ(outcome_.read_hbm, Ids({0, 1})) << "evicted after it was read";
  EXPECT_EQ(outcome_.evicted, Ids({0}));
  EXPECT_EQ(outcome_.promoted, Ids({2}));
}

TEST_F(EmulatedDeviceTest, ExcessStaysOutWhenTheQueueEnds) {
  Make(3, Ids({0, 1, 2}), Ids({3, 4, 5}));
  group().promote_all = true;
  order_.evict_queue = Ids({1});
  Phase({.reads = Ids({3, 4, 5})});
  EXPECT_EQ(outcome_.evicted, Ids({1}));
  EXPECT_EQ(outcome_.promoted, Ids({3}));
}

TEST_F(EmulatedDeviceTest, PrefetchesWhatIsNotReadInThePhase) {
  Make(4, Ids({0}), Ids({1, 2, 3, 9}));
  group().prefetch = Ids({9, 3, 0, 1});
  Phase({.reads = Ids({1})});
  EXPECT_EQ(outcome_.prefetched, Ids({9, 3})) << "1 is read, 0 is there";
  EXPECT_EQ(outcome_.traffic.prefetched, kSmallBlock * 2);
}

TEST_F(EmulatedDeviceTest, PrefetchesAreDroppedBeforePromotions) {
  Make(3, Ids({0}), Ids({1, 2, 3, 4}));
  group().promote_if_read = Ids({2});
  group().prefetch = Ids({4, 3});
  Phase({.reads = Ids({1, 2})});
  EXPECT_EQ(outcome_.promoted, Ids({2}));
  EXPECT_EQ(outcome_.prefetched, Ids({4})) << "from the end";
}

TEST_F(EmulatedDeviceTest, RoomForBirthsComesFirst) {
  Make(3, Ids({0, 1}), Ids({2, 3}));
  group().promote_all = true;
  group().prefetch = Ids({3});
  order_.groups[1].new_block_tier = Tier::kHbm;
  order_.evict_queue = Ids({0});
  Phase({.reads = Ids({2}), .next_births = Ids({8, 9})});
  EXPECT_EQ(outcome_.evicted, Ids({0}));
  EXPECT_EQ(outcome_.promoted, Ids({})) << "promotions after births";
  EXPECT_EQ(outcome_.prefetched, Ids({}));
  Phase({.reads = Ids({8, 9}), .births = Ids({8, 9}), .group = 1});
  EXPECT_EQ(outcome_.new_hbm, Ids({8, 9}));
  EXPECT_EQ(outcome_.new_dram, Ids({}));
  EXPECT_EQ(outcome_.read_hbm, Ids({8, 9})) << "usable at once";
}

TEST_F(EmulatedDeviceTest, BirthsWithoutRoomBeginInDram) {
  Make(2, Ids({0, 1}), Ids({2}));
  order_.groups[1].new_block_tier = Tier::kHbm;
  order_.evict_queue = Ids({1});
  Phase({.reads = Ids({0}), .next_births = Ids({8, 9, 10})});
  EXPECT_EQ(outcome_.evicted, Ids({1}));
  Phase({.births = Ids({8, 9, 10}), .group = 1});
  EXPECT_EQ(outcome_.new_hbm, Ids({8}));
  EXPECT_EQ(outcome_.new_dram, Ids({9, 10}));
}

TEST_F(EmulatedDeviceTest, BirthsGoWhereTheOrderWantsThem) {
  Make(4, Ids({0}), {});
  Phase({.next_births = Ids({8})});
  Phase({.births = Ids({8}), .next_births = Ids({1, 2, 3}), .group = 1});
  EXPECT_EQ(outcome_.new_dram, Ids({8})) << "DRAM unless told otherwise";
  group().new_block_tier = Tier::kHbm;
  order_.new_in_dram = Ids({2});
  device_->SetOrder(&order_);
  Phase({.next_births = Ids({1, 2, 3}), .group = 1});
  Phase({.births = Ids({1, 2, 3})});
  EXPECT_EQ(outcome_.new_hbm, Ids({1, 3}));
  EXPECT_EQ(outcome_.new_dram, Ids({2}));
}

TEST_F(EmulatedDeviceTest, FirstBirthsArePrepared) {
  Make(2, Ids({0}), {});
  group().new_block_tier = Tier::kHbm;
  device_->PrepareBirths(GroupId(0), Ids({1, 2}));
  Phase({.births = Ids({1, 2})});
  EXPECT_EQ(outcome_.new_hbm, Ids({1}));
  EXPECT_EQ(outcome_.new_dram, Ids({2}));
}

TEST_F(EmulatedDeviceTest, FreedBlocksLeaveRoomAndAreNotBroughtIn) {
  Make(2, Ids({0, 1}), Ids({2, 3, 4}));
  group().promote_all = true;
  group().prefetch = Ids({4});
  order_.evict_queue = Ids({1, 0});
  const Lists lists{.reads = Ids({0, 2, 3}), .freed = Ids({0, 2, 4})};
  PhaseInput input;
  input.reads = lists.reads;
  input.freed = lists.freed;
  device_->BeginPhase(input, &outcome_);
  EXPECT_EQ(device_->FreeAfterEnds(input), kSmallBlock);
  device_->EndPhase(input, &outcome_);
  EXPECT_EQ(outcome_.read_hbm, Ids({0})) << "read, then freed";
  EXPECT_EQ(outcome_.promoted, Ids({3}));
  EXPECT_EQ(outcome_.prefetched, Ids({}));
  EXPECT_EQ(outcome_.evicted, Ids({}));
  EXPECT_EQ(device_->tier(BlockId(0)), Tier::kNone);
  EXPECT_EQ(device_->tier(BlockId(2)), Tier::kNone);
}

TEST_F(EmulatedDeviceTest, PushesBackOnceThoughNobodyNeedsTheRoom) {
  Make(6, Ids({0, 1, 2, 3}), Ids({4}));
  order_.evict_queue = Ids({3, 2, 1, 0});
  order_.evict_at_least = 2;
  device_->SetOrder(&order_);
  Phase({});
  EXPECT_EQ(outcome_.evicted, Ids({3, 2}));
  EXPECT_EQ(outcome_.pushed_back, 2u);
  order_.evict_queue = Ids({1, 0});
  device_->SetOrder(&order_);
  Phase({.reads = Ids({1})});
  EXPECT_EQ(outcome_.evicted, Ids({0})) << "1 is read and passed over";
  Phase({});
  EXPECT_EQ(outcome_.evicted, Ids({})) << "in the first phase alone";
  EXPECT_EQ(outcome_.pushed_back, 0u);
}

TEST_F(EmulatedDeviceTest, PushBackCountsWhatRoomIsNeededFor) {
  Make(4, Ids({0, 1, 2, 3}), Ids({4}));
  group().promote_all = true;
  order_.evict_queue = Ids({3, 2, 1, 0});
  order_.evict_at_least = 3;
  device_->SetOrder(&order_);
  Phase({.reads = Ids({2, 4})});
  EXPECT_EQ(outcome_.evicted, Ids({3, 1})) << "2 is read and passed over";
  EXPECT_EQ(outcome_.pushed_back, 1u);
  EXPECT_EQ(outcome_.promoted, Ids({4}));
}

TEST_F(EmulatedDeviceTest, UnlistedArrivalsGoBeforeTheQueue) {
  Make(3, Ids({0, 1}), Ids({2, 3, 4, 5, 6}));
  group().promote_all = true;
  order_.evict_unlisted_first = true;
  order_.evict_queue = Ids({2, 0, 1});
  device_->SetOrder(&order_);
  Phase({.reads = Ids({3})});
  EXPECT_EQ(outcome_.evicted, Ids({}));
  Phase({.reads = Ids({2, 4})});
  EXPECT_EQ(outcome_.evicted, Ids({3, 0})) << "3 is unlisted; 2 not in yet";
  EXPECT_EQ(outcome_.promoted, Ids({2, 4}));
  Phase({.reads = Ids({5, 6})});
  EXPECT_EQ(outcome_.evicted, Ids({4, 2}));
  // Under a new order nothing has arrived yet.
  order_.evict_queue = Ids({1});
  device_->SetOrder(&order_);
  Phase({.reads = Ids({2})});
  EXPECT_EQ(outcome_.evicted, Ids({1}));
}

TEST_F(EmulatedDeviceTest, UnlistedArrivalsStayWithoutTheFlag) {
  Make(2, Ids({0}), Ids({2, 3}));
  group().promote_all = true;
  order_.evict_queue = Ids({0});
  Phase({.reads = Ids({2})});
  Phase({.reads = Ids({3})});
  EXPECT_EQ(outcome_.evicted, Ids({0}));
  Phase({.reads = Ids({0})});
  EXPECT_EQ(outcome_.evicted, Ids({}));
  EXPECT_EQ(outcome_.promoted, Ids({}));
}

// 8 hits of 64 bytes at 1000 B/s, none missed: (512 - x) / 1000 = x / 100 at
// x = 46.5 bytes. Half-size blocks: 14 of 32 bytes, 40.7 bytes are one block.
TEST_F(EmulatedDeviceTest, RoutesReadsToTheirDramCopies) {
  DeviceConfig config = SmallDevice(2, 16, 16);
  config.read_routing = true;
  Make(config, IdRange(0, 16), {});
  Phase({.reads = IdRange(0, 16)});
  // 1024 bytes: x = 93.1, so one block: max(.96, .64).
  EXPECT_EQ(outcome_.routed_reads, 1u);
  EXPECT_EQ(outcome_.read_hbm, IdRange(0, 15));
  EXPECT_EQ(outcome_.read_dram, Ids({15}));
  EXPECT_EQ(outcome_.traffic.hbm_reads, kSmallBlock * 15);
  EXPECT_EQ(outcome_.traffic.dram_reads, kSmallBlock);
  EXPECT_DOUBLE_EQ(outcome_.seconds.value(), 0.96);
  EXPECT_EQ(device_->tier(BlockId(15)), Tier::kHbm) << "it stays";
  Phase({.reads = IdRange(0, 4)});
  EXPECT_EQ(outcome_.routed_reads, 0u) << "23 bytes are no block";
}

TEST_F(EmulatedDeviceTest, RoutedReadsAreNotMissesToPromote) {
  DeviceConfig config = SmallDevice(2, 16, 15);
  config.read_routing = true;
  Make(config, IdRange(0, 15), Ids({15}));
  order_.groups[0].promote_all = true;
  order_.evict_queue = Ids({0});
  order_.may_evict_read = true;
  config.profile.link_read = config.profile.dram = BytesPerSecond(1000);
  Make(config, IdRange(0, 15), Ids({15}));
  Phase({.reads = IdRange(0, 16)});
  EXPECT_EQ(outcome_.promoted, Ids({15}));
  EXPECT_GT(outcome_.routed_reads, 3u);
  EXPECT_EQ(outcome_.traffic.promoted, kSmallBlock);
}

TEST_F(EmulatedDeviceTest, OrderLimitsTheRoutedShare) {
  DeviceConfig config = SmallDevice(2, 16, 16);
  config.read_routing = true;
  config.profile.link_read = config.profile.dram = BytesPerSecond(1000);
  order_.max_routed_share = 0.25;
  Make(config, IdRange(0, 16), {});
  Phase({.reads = IdRange(0, 16)});
  EXPECT_EQ(outcome_.routed_reads, 4u) << "half of 16 would be best";
  order_.max_routed_share = 0;
  Phase({.reads = IdRange(0, 16)});
  EXPECT_EQ(outcome_.routed_reads, 0u);
}

TEST_F(EmulatedDeviceTest, NewKvIsCountedWhereItsBlockIs) {
  Make(2, Ids({0}), Ids({1}));
  Phase({.writes = {{BlockId(0), 3}, {BlockId(1), 2}}});
  EXPECT_EQ(outcome_.traffic.new_kv_hbm, kSmallToken * 3);
  EXPECT_EQ(outcome_.traffic.new_kv_dram, kSmallToken * 2);
  // Also into a block that moves or ends with the phase.
  order_.evict_queue = Ids({0});
  order_.evict_at_least = 1;
  device_->SetOrder(&order_);
  Phase({.freed = Ids({1}), .writes = {{BlockId(0), 1}, {BlockId(1), 1}}});
  EXPECT_EQ(outcome_.evicted, Ids({0}));
  EXPECT_EQ(outcome_.traffic.new_kv_hbm, kSmallToken);
  EXPECT_EQ(outcome_.traffic.new_kv_dram, kSmallToken);
}

TEST_F(EmulatedDeviceTest, ExclusiveModePaysForEvictions) {
  DeviceConfig config = SmallDevice(2, 8, 1);
  config.mode = ResidencyMode::kExclusive;
  order_.groups[0].promote_all = true;
  order_.evict_queue = Ids({0});
  Make(config, Ids({0}), Ids({1}));
  Phase({.reads = Ids({1})});
  // r = w = 64: 128 / 150 binds.
  EXPECT_DOUBLE_EQ(outcome_.seconds.value(), 128.0 / 150);
}

TEST_F(EmulatedDeviceTest, CapacityNeedNotBeWholeBlocks) {
  DeviceConfig config = SmallDevice(2, 8, 2);
  config.hbm_capacity = Bytes(2 * 64 + 63);
  order_.groups[0].promote_all = true;
  order_.groups[1].new_block_tier = Tier::kHbm;
  Make(config, Ids({0}), Ids({1, 2}));
  Phase({.reads = Ids({1, 2}), .next_births = Ids({8})});
  EXPECT_EQ(outcome_.promoted, Ids({})) << "the second block is the birth's";
  Phase({.births = Ids({8}), .group = 1});
  EXPECT_EQ(outcome_.new_hbm, Ids({8}));
}

}  // namespace
}  // namespace kvplace
