#include "client/cpp/block_mirror.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/client_test_util.h"

namespace kvplace::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Text(const BlockRange& r) {
  return absl::StrCat(r.sequence.value(), "/", r.group.value(), ":",
                      r.first_page, "@", r.first.value(), "x", r.count,
                      r.tier == Tier::kHbm ? "H" : "D");
}

std::vector<std::string> Text(const std::vector<BlockRange>& ranges) {
  std::vector<std::string> texts;
  for (const BlockRange& range : ranges) texts.push_back(Text(range));
  return texts;
}

TEST(BlockMirrorTest, InventoryIsWhatWasPut) {
  BlockMirror mirror(SmallDevice(), true);
  ASSERT_TRUE(mirror.Replace(SmallInventory(), StepIndex(5)).ok());
  EXPECT_EQ(mirror.next_step(), StepIndex(5));
  EXPECT_THAT(
      Text(mirror.Inventory()),
      ElementsAre("7/0:0@0x2H", "7/0:2@2x2D", "7/1:0@16x2H", "7/1:2@18x2D"));
}

TEST(BlockMirrorTest, FollowsBirthsMovesAndEnds) {
  BlockMirror mirror(SmallDevice(), true);
  ASSERT_TRUE(mirror.Replace(SmallInventory(), StepIndex(0)).ok());
  StepData step;
  step.step = StepIndex(0);
  step.allocated = {Range(7, 0, 4, 4, 1, Tier::kHbm),
                    Range(8, 1, 0, 20, 2, Tier::kDram)};
  step.freed = {{BlockId(1), 1}};
  step.reads = {{GroupId(0), {}, Blocks({0, 1, 3, 4}), {}, {}}};
  MoveReport moves;
  moves.step = step.step;
  moves.phases.resize(2);
  moves.phases[0].promoted = Blocks({3});
  moves.phases[0].evicted = Blocks({0});
  moves.phases[1].group = GroupId(1);
  moves.phases[1].evicted = Blocks({16, 4});
  std::vector<BlockId> freed;
  ASSERT_TRUE(mirror.Apply(step, &moves, &freed).ok());
  EXPECT_THAT(freed, ElementsAre(BlockId(1)));
  EXPECT_EQ(mirror.next_step(), StepIndex(1));
  EXPECT_THAT(
      Text(mirror.Inventory()),
      ElementsAre("7/0:0@0x1D", "7/0:2@2x1D", "7/0:3@3x1H", "7/0:4@4x1D",
                  "7/1:0@16x1D", "7/1:1@17x1H", "7/1:2@18x2D", "8/1:0@20x2D"));
}

TEST(BlockMirrorTest, EndOfASequenceFreesAllItHas) {
  BlockMirror mirror(SmallDevice(), true);
  ASSERT_TRUE(mirror.Replace(SmallInventory(), StepIndex(0)).ok());
  StepData step;
  step.step = StepIndex(0);
  step.allocated = {Range(7, 1, 4, 20, 1, Tier::kHbm),
                    Range(9, 0, 0, 8, 1, Tier::kHbm)};
  step.reads = {{GroupId(0), {SequenceId(7)}, {}, {}, {}}};
  step.freed = {{BlockId(3), 1}};
  step.sequences = {{SequenceId(7), 1, true}};
  std::vector<BlockId> freed;
  ASSERT_TRUE(mirror.Apply(step, nullptr, &freed).ok());
  EXPECT_EQ(freed.size(), 9u);
  EXPECT_THAT(Text(mirror.Inventory()), ElementsAre("9/0:0@8x1H"));
  EXPECT_EQ(mirror.model().residency().resident(), Bytes(64));
}

TEST(BlockMirrorTest, ContradictionsAreNamedAndStick) {
  struct Case {
    const char* words;
    StepData step;
    MoveReport moves;
  };
  std::vector<Case> cases(6);
  cases[0].words = "handle 9 is not live in group 0";
  cases[0].step.reads = {{GroupId(0), {}, Blocks({9}), {}, {}}};
  cases[1].words = "handle 2 is not in HBM";
  cases[1].moves.phases = {{GroupId(0), {}, {}, Blocks({2})}};
  cases[2].words = "freed: handle 12 is not live";
  cases[2].step.freed = {{BlockId(12), 1}};
  cases[3].words = "handle 2 is already live";
  cases[3].step.allocated = {Range(8, 0, 0, 2, 1, Tier::kDram)};
  cases[4].words = "reads: group 1 is there twice";
  cases[4].step.reads = {{GroupId(1), {}, {}, {}, {}},
                         {GroupId(1), {}, {}, {}, {}}};
  cases[5].words = "allocated.group is 2, expected below 2";
  cases[5].step.allocated = {Range(8, 2, 0, 4, 1, Tier::kDram)};
  for (const Case& c : cases) {
    BlockMirror mirror(SmallDevice(), true);
    ASSERT_TRUE(mirror.Replace(SmallInventory(), StepIndex(0)).ok());
    const absl::Status status = mirror.Apply(c.step, &c.moves, nullptr);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.words));
    EXPECT_THAT(std::string(status.message()), HasSubstr("step 0: "));
    EXPECT_TRUE(mirror.broken());
    EXPECT_FALSE(mirror.Apply(StepData{}, nullptr, nullptr).ok());
    EXPECT_TRUE(mirror.Replace(SmallInventory(), StepIndex(3)).ok());
    EXPECT_FALSE(mirror.broken());
  }
}

// Random births, reads, moves and ends against a plain table.
TEST(BlockMirrorTest, EqualsAPlainTable) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    BlockMirror mirror(SmallDevice(), seed % 2 == 0);
    std::vector<Tier> plain(32, Tier::kNone);
    uint64_t resident = 0;
    ASSERT_TRUE(mirror.Replace({}, StepIndex(0)).ok());
    for (int64_t s = 0; s < 60; ++s) {
      StepData step;
      step.step = StepIndex(s);
      MoveReport moves;
      moves.phases.resize(2);
      moves.phases[1].group = GroupId(1);
      // Room that this step's ends and evictions make comes after its births.
      uint64_t room = 6 - resident;
      for (uint32_t h = 0; h < 32; ++h) {
        const uint32_t g = h / 16;
        PhaseMoves& phase = moves.phases[g];
        switch (random() % 8) {
          case 0:
            if (plain[h] != Tier::kNone) break;
            plain[h] = room > 0 ? Tier::kHbm : Tier::kDram;
            room -= plain[h] == Tier::kHbm;
            resident += plain[h] == Tier::kHbm;
            step.allocated.push_back(
                Range(h / 4, g, static_cast<uint32_t>(s), h, 1, plain[h]));
            break;
          case 1:
            if (plain[h] == Tier::kHbm) {
              plain[h] = Tier::kDram;
              phase.evicted.emplace_back(h);
              --resident;
            }
            break;
          case 2:
            if (plain[h] == Tier::kNone) break;
            resident -= plain[h] == Tier::kHbm;
            plain[h] = Tier::kNone;
            step.freed.push_back({BlockId(h), 1});
            break;
          default:
            break;
        }
      }
      ASSERT_TRUE(mirror.Apply(step, &moves, nullptr).ok());
      std::vector<Tier> seen(32, Tier::kNone);
      for (const BlockRange& range : mirror.Inventory()) {
        for (uint32_t i = 0; i < range.count; ++i) {
          seen[range.first.value() + i] = range.tier;
        }
      }
      ASSERT_EQ(seen, plain) << "step " << s;
    }
  }
}

TEST(BlockMirrorTest, LocalOrderIsLru) {
  BlockMirror mirror(SmallDevice(), true);
  ASSERT_TRUE(mirror.Replace(SmallInventory(), StepIndex(0)).ok());
  StepData step;
  step.reads = {{GroupId(0), {}, Blocks({1}), {}, {}},
                {GroupId(1), {}, Blocks({16}), {}, {}}};
  ASSERT_TRUE(mirror.Apply(step, nullptr, nullptr).ok());
  Plan plan;
  ASSERT_TRUE(mirror.LocalOrder(&plan).ok());
  EXPECT_EQ(plan.basis, StepIndex(0));
  EXPECT_TRUE(plan.order.groups[0].promote_all);
  EXPECT_EQ(plan.order.groups[1].new_block_tier, Tier::kHbm);
  // Never read: page 1 of group 1 goes before page 0 of group 0.
  EXPECT_THAT(plan.order.evict_queue,
              ElementsAre(BlockId(17), BlockId(0), BlockId(1), BlockId(16)));
}

}  // namespace
}  // namespace kvplace::client
