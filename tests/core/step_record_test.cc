// What is kept of a step, and the window made of it.
#include "server/core/bound/step_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/core/block_codec.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What one phase reads, writes and frees.
struct Events {
  std::vector<BlockRange> births;
  std::vector<BlockId> reads;
  std::vector<KvWrite> writes;
  std::vector<BlockId> freed;
};

void Add(const Events& events, StepRecord* record) {
  PhaseUpdate phase;
  phase.reads = events.reads;
  phase.kv_writes = events.writes;
  phase.freed = events.freed;
  record->AddPhase(events.births, phase);
}

BlockRange Birth(uint32_t first, uint32_t count) {
  BlockRange range;
  range.first = BlockId(first);
  range.count = count;
  return range;
}

std::shared_ptr<StepRecord> Step(const std::vector<Events>& phases) {
  auto record = std::make_shared<StepRecord>();
  for (const Events& events : phases) Add(events, record.get());
  return record;
}

std::vector<uint32_t> Phases(std::span<const BlockUse> uses) {
  std::vector<uint32_t> phases;
  for (const BlockUse use : uses) phases.push_back(use.phase());
  return phases;
}

TEST(StepRecordTest, TakesReadsThatAreEncodedAlready) {
  const Events events = {{Birth(900, 3)},
                         Ids({0, 1, 127, 128, 300, 70'000}),
                         {{BlockId(902), 16}},
                         Ids({5, 900})};
  StepRecord plain, copied;
  Add(events, &plain);
  std::string encoded;
  EncodeAscending(events.reads, &encoded);
  PhaseUpdate phase;
  phase.reads = events.reads;
  phase.encoded_reads = encoded;
  phase.kv_writes = events.writes;
  phase.freed = events.freed;
  copied.AddPhase(events.births, phase);
  EXPECT_EQ(copied.reads(), 6u);
  EXPECT_EQ(copied.size(), plain.size());
  StepRecord::Phase a, b;
  ASSERT_TRUE(StepRecord::Reader(plain).Next(&a));
  ASSERT_TRUE(StepRecord::Reader(copied).Next(&b));
  EXPECT_EQ(b.reads, events.reads);
  EXPECT_EQ(b.ends, a.ends);
  EXPECT_EQ(b.kv_writes.size(), 1u);
}

TEST(StepRecordTest, ReadsBackWhatWasAdded) {
  StepRecord record;
  Add({{Birth(900, 3), Birth(7, 1)},
       Ids({0, 1, 127, 128, 300, 70'000, 0xfffffffe}),
       {{BlockId(902), 16}, {BlockId(3), 1}},
       Ids({5, 900})},
      &record);
  Add({}, &record);
  EXPECT_EQ(record.reads(), 7u);

  StepRecord::Reader reader(record);
  StepRecord::Phase phase;
  ASSERT_TRUE(reader.Next(&phase));
  ASSERT_EQ(phase.births.size(), 2u);
  EXPECT_EQ(phase.births[0].first, BlockId(900));
  EXPECT_EQ(phase.births[0].count, 3u);
  EXPECT_EQ(phase.births[1].first, BlockId(7));
  EXPECT_EQ(phase.reads, Ids({0, 1, 127, 128, 300, 70'000, 0xfffffffe}));
  ASSERT_EQ(phase.kv_writes.size(), 2u);
  EXPECT_EQ(phase.kv_writes[0].block, BlockId(902));
  EXPECT_EQ(phase.kv_writes[0].tokens, 16u);
  EXPECT_EQ(phase.kv_writes[1].block, BlockId(3));
  EXPECT_EQ(phase.ends, Ids({5, 900}));
  ASSERT_TRUE(reader.Next(&phase));
  EXPECT_THAT(phase.reads, IsEmpty());
  EXPECT_THAT(phase.births, IsEmpty());
  EXPECT_FALSE(reader.Next(&phase));
}

TEST(StepRecordTest, OneBlockInEightTakesAByteARead) {
  StepRecord record;
  Events events;
  for (uint32_t i = 0; i < 10'000; ++i) events.reads.emplace_back(8 * i);
  Add(events, &record);
  EXPECT_LT(record.size(), 10'010u);
  EXPECT_LE(record.capacity(), 2 * 11'100u);
}

TEST(StepRecordTest, MemoryOfARareLargeStepIsGivenBack) {
  StepRecord record;
  Events large;
  for (uint32_t i = 0; i < 100'000; ++i) large.reads.emplace_back(i);
  Add(large, &record);
  record.Clear();
  Add({{}, Ids({1, 2}), {}, {}}, &record);
  record.Clear();
  EXPECT_LE(record.capacity(), 4096u);
  EXPECT_EQ(record.reads(), 0u);
}

TEST(WindowOfStepsTest, AHandleThatBeginsAgainIsAnotherBlock) {
  DeviceConfig device = SmallDevice(1, 8, 2);
  std::vector<uint32_t> numbers;
  const AccessWindow window =
      WindowOfSteps(device,
                    {Step({{{}, Ids({0, 1}), {}, {}}}),
                     Step({{{}, Ids({0}), {}, Ids({0, 5})}}),
                     Step({{{Birth(0, 1), Birth(5, 1)}, Ids({0, 5}), {}, {}}}),
                     Step({{{}, Ids({0}), {}, Ids({5})}})},
                    &numbers);
  ASSERT_EQ(window.phases(), 4u);
  ASSERT_EQ(window.blocks(), 4u);
  // Those that were there: 0, and 1.
  EXPECT_THAT(Phases(window.uses(0)), ElementsAre(0, 1));
  EXPECT_EQ(window.block(0).last, 1u);
  EXPECT_THAT(Phases(window.uses(1)), ElementsAre(0));
  EXPECT_EQ(window.block(1).born, 0u);
  EXPECT_EQ(window.block(1).last, 3u);
  // Those that began in step 2: 0 again, and 5, which ended before it was used.
  EXPECT_THAT(Phases(window.uses(2)), ElementsAre(2, 3));
  EXPECT_EQ(window.block(2).born, 2u);
  EXPECT_THAT(Phases(window.uses(3)), ElementsAre(2));
  EXPECT_EQ(window.block(3).last, 3u);
  EXPECT_EQ(window.reads(), 6u);
}

TEST(WindowOfStepsTest, GroupsHaveBlocksOfTheirOwnSize) {
  DeviceConfig device = SmallDevice(2, 8, 2);
  device.groups[1].block_bytes = Bytes(256);
  device.groups[1].kv_bytes_per_token = Bytes(64);
  std::vector<uint32_t> numbers;
  const AccessWindow window =
      WindowOfSteps(device,
                    {Step({{{}, Ids({0}), {{BlockId(0), 1}}, {}},
                           {{}, Ids({8}), {{BlockId(8), 2}}, {}}})},
                    &numbers);
  ASSERT_EQ(window.blocks(), 2u);
  EXPECT_EQ(window.block_bytes(0), Bytes(64));
  EXPECT_EQ(window.block_bytes(1), Bytes(256));
  EXPECT_THAT(window.new_kv(), ElementsAre(Bytes(16), Bytes(128)));
  EXPECT_EQ(window.uniform_bytes(), Bytes(0));
}

}  // namespace
}  // namespace kvplace
