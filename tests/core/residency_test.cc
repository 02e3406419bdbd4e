// The ledger of HBM: resident + reserved + in flight <= capacity, always.
#include "server/core/residency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

TEST(Residency, BlocksComeMoveAndGo) {
  Residency ledger(4, Bytes(100));
  ASSERT_THAT(ledger.Add(BlockId(0), Tier::kHbm, Bytes(60)), IsOk());
  ASSERT_THAT(ledger.Add(BlockId(1), Tier::kDram, Bytes(40)), IsOk());
  EXPECT_EQ(ledger.tier(BlockId(0)), Tier::kHbm);
  EXPECT_EQ(ledger.tier(BlockId(1)), Tier::kDram);
  EXPECT_EQ(ledger.tier(BlockId(2)), Tier::kNone);
  EXPECT_EQ(ledger.live(), Bytes(100));
  EXPECT_EQ(ledger.dram_only(), Bytes(40));
  ASSERT_THAT(ledger.Promote(BlockId(1), Bytes(40)), IsOk());
  EXPECT_EQ(ledger.resident(), Bytes(100));
  EXPECT_EQ(ledger.resident_blocks(), 2u);
  EXPECT_EQ(ledger.free(), Bytes(0));
  ASSERT_THAT(ledger.Evict(BlockId(0), Bytes(60)), IsOk());
  EXPECT_EQ(ledger.tier(BlockId(0)), Tier::kDram);
  EXPECT_EQ(ledger.free(), Bytes(60));
  ASSERT_THAT(ledger.Remove(BlockId(0), Bytes(60)), IsOk());
  ASSERT_THAT(ledger.Remove(BlockId(1), Bytes(40)), IsOk());
  EXPECT_EQ(ledger.live(), Bytes(0));
  EXPECT_EQ(ledger.resident_blocks(), 0u);
}

TEST(Residency, FindsThoseInHbm) {
  Residency ledger(4, Bytes(100));
  ASSERT_THAT(ledger.Add(BlockId(0), Tier::kHbm, Bytes(10)), IsOk());
  ASSERT_THAT(ledger.Add(BlockId(1), Tier::kDram, Bytes(10)), IsOk());
  ASSERT_THAT(ledger.Add(BlockId(3), Tier::kHbm, Bytes(10)), IsOk());
  const std::vector<BlockId> blocks = {BlockId(3), BlockId(2), BlockId(1),
                                       BlockId(0)};
  EXPECT_EQ(CountHbm(ledger, blocks), 2u);
  std::vector<uint8_t> in_hbm = {7};
  EXPECT_EQ(ledger.FindHbm(blocks, &in_hbm), 2u);
  EXPECT_EQ(in_hbm, (std::vector<uint8_t>{1, 0, 0, 1}));
  EXPECT_EQ(ledger.FindHbm({}, &in_hbm), 0u);
  EXPECT_TRUE(in_hbm.empty());
}

TEST(Residency, SaysWhatIsWrong) {
  Residency ledger(4, Bytes(100));
  ASSERT_THAT(ledger.Add(BlockId(0), Tier::kHbm, Bytes(60)), IsOk());
  ASSERT_THAT(ledger.Add(BlockId(1), Tier::kDram, Bytes(41)), IsOk());
  EXPECT_THAT(ledger.Add(BlockId(0), Tier::kDram, Bytes(1)),
              StatusIs(kPrecondition, HasSubstr("handle 0")));
  EXPECT_THAT(ledger.Promote(BlockId(0), Bytes(1)), StatusIs(kPrecondition));
  EXPECT_THAT(ledger.Promote(BlockId(2), Bytes(1)), StatusIs(kPrecondition));
  EXPECT_THAT(ledger.Evict(BlockId(1), Bytes(1)), StatusIs(kPrecondition));
  EXPECT_THAT(ledger.Evict(BlockId(2), Bytes(1)), StatusIs(kPrecondition));
  EXPECT_THAT(ledger.Remove(BlockId(2), Bytes(1)), StatusIs(kPrecondition));
  EXPECT_THAT(ledger.Promote(BlockId(1), Bytes(41)),
              StatusIs(kExhausted, HasSubstr("handle 1")));
  EXPECT_THAT(ledger.Add(BlockId(2), Tier::kHbm, Bytes(41)),
              StatusIs(kExhausted));
  EXPECT_EQ(ledger.tier(BlockId(2)), Tier::kNone);
}

TEST(Residency, ReservationsAreForFreeRoomOnly) {
  Residency ledger(4, Bytes(100));
  ASSERT_THAT(ledger.Add(BlockId(0), Tier::kHbm, Bytes(60)), IsOk());
  EXPECT_EQ(ledger.Reserve(Bytes(25)), Bytes(25));
  EXPECT_EQ(ledger.Reserve(Bytes(25)), Bytes(15));
  EXPECT_EQ(ledger.Reserve(Bytes(1)), Bytes(0));
  EXPECT_EQ(ledger.reserved(), Bytes(40));
  ledger.Depart();
  EXPECT_EQ(ledger.reserved(), Bytes(0));
  EXPECT_EQ(ledger.in_flight(), Bytes(40));
  ledger.ReleaseReserved();
  EXPECT_EQ(ledger.in_flight(), Bytes(40));
  ledger.ReleaseInFlight(Bytes(50));
  EXPECT_EQ(ledger.in_flight(), Bytes(40));
  ledger.ReleaseInFlight(Bytes(10));
  EXPECT_EQ(ledger.in_flight(), Bytes(10));
  ledger.ReleaseInFlight();
  EXPECT_EQ(ledger.free(), Bytes(40));
}

// What the device did counts: promised room is for exactly this.
TEST(Residency, BlocksTakePromisedRoom) {
  Residency ledger(4, Bytes(100));
  ledger.Reserve(Bytes(30));
  ledger.Depart();
  ledger.Reserve(Bytes(50));
  ASSERT_THAT(ledger.Add(BlockId(0), Tier::kHbm, Bytes(20)), IsOk());
  EXPECT_EQ(ledger.in_flight(), Bytes(30)) << "there was free room";
  ASSERT_THAT(ledger.Add(BlockId(1), Tier::kHbm, Bytes(40)), IsOk());
  EXPECT_EQ(ledger.in_flight(), Bytes(0));
  EXPECT_EQ(ledger.reserved(), Bytes(40));
  EXPECT_EQ(ledger.free(), Bytes(0));
}

class ResidencyTwin : public ::testing::TestWithParam<int> {
 protected:
  static constexpr uint32_t kHandles = 16;

  struct State {
    std::vector<Tier> tiers;
    Bytes resident, reserved, in_flight, live;
    uint64_t resident_blocks;
    bool operator==(const State&) const = default;
  };
  State Read() const {
    State state;
    for (uint32_t h = 0; h < kHandles; ++h) {
      state.tiers.push_back(ledger_.tier(BlockId(h)));
    }
    state.resident = ledger_.resident();
    state.reserved = ledger_.reserved();
    state.in_flight = ledger_.in_flight();
    state.live = ledger_.live();
    state.resident_blocks = ledger_.resident_blocks();
    return state;
  }
  int64_t Upto(int64_t most) {
    return std::uniform_int_distribution<int64_t>(0, most)(random_);
  }

  absl::Status Move(uint32_t h) {
    const BlockId block(h);
    switch (Upto(3)) {
      case 0:
        return ledger_.Add(block, Upto(1) ? Tier::kHbm : Tier::kDram, Size(h));
      case 1:
        return ledger_.Remove(block, Size(h));
      case 2:
        return ledger_.Promote(block, Size(h));
      default:
        return ledger_.Evict(block, Size(h));
    }
  }
  void Promise() {
    switch (Upto(9)) {
      case 0:
        return ledger_.Depart();
      case 1:
        return ledger_.ReleaseReserved();
      case 2:
        return ledger_.ReleaseInFlight();
      case 3:
        return ledger_.ReleaseInFlight(Bytes(Upto(30)));
      default: {
        const Bytes free = ledger_.free();
        const Bytes wanted(Upto(40));
        ASSERT_EQ(ledger_.Reserve(wanted), std::min(free, wanted));
      }
    }
  }
  // Blocks differ in size, one and the same block does not.
  static Bytes Size(uint32_t handle) { return Bytes(1 + handle * 2); }

  void CheckSums() {
    Bytes resident, live;
    uint64_t blocks = 0;
    for (uint32_t h = 0; h < kHandles; ++h) {
      const Tier tier = ledger_.tier(BlockId(h));
      if (tier != Tier::kNone) live += Size(h);
      if (tier == Tier::kHbm) resident += Size(h), ++blocks;
    }
    ASSERT_EQ(ledger_.resident(), resident);
    ASSERT_EQ(ledger_.live(), live);
    ASSERT_EQ(ledger_.resident_blocks(), blocks);
    ASSERT_GE(ledger_.reserved(), Bytes(0));
    ASSERT_GE(ledger_.in_flight(), Bytes(0));
    ASSERT_GE(ledger_.free(), Bytes(0));
    ASSERT_LE(resident + ledger_.reserved() + ledger_.in_flight(),
              ledger_.capacity());
  }

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
  Residency ledger_{kHandles, Bytes(100)};
};

INSTANTIATE_TEST_SUITE_P(Seeds, ResidencyTwin, ::testing::Range(0, 20));

TEST_P(ResidencyTwin, NeverOverCapacityAndErrorsChangeNothing) {
  SCOPED_TRACE(GetParam());
  int errors = 0, moves = 0;
  for (int i = 0; i < 4000; ++i) {
    SCOPED_TRACE(i);
    if (Upto(2) == 0) {
      ASSERT_NO_FATAL_FAILURE(Promise());
    } else {
      const State before = Read();
      const bool ok = Move(static_cast<uint32_t>(Upto(kHandles - 1))).ok();
      ++(ok ? moves : errors);
      ASSERT_EQ(Read() == before, !ok);
    }
    ASSERT_NO_FATAL_FAILURE(CheckSums());
  }
  EXPECT_GT(errors, 500);
  EXPECT_GT(moves, 500);
  ledger_.Clear();
  EXPECT_EQ(ledger_.free(), ledger_.capacity());
  EXPECT_EQ(ledger_.live(), Bytes(0));
  EXPECT_NO_FATAL_FAILURE(CheckSums());
}

}  // namespace
}  // namespace kvplace
