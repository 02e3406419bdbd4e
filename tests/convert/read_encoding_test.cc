// The three forms of a read set, there and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/convert/blocks.h"
#include "server/convert/read_decoder.h"
#include "server/core/block_codec.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr uint32_t kHandles = 4096;

// One group, all handles: handle h is page h / 8 of sequence h % 8, so that
// what a sequence holds is not in one piece.
BlockTable Table() {
  BlockTable table(SmallDevice(1, kHandles, 1));
  for (uint32_t h = 0; h < kHandles; ++h) {
    EXPECT_THAT(
        table.Add({SequenceId(h % 8), GroupId(0), h / 8, BlockId(h), 1}),
        IsOk());
  }
  return table;
}

std::vector<BlockId> Random(std::mt19937& rng, uint32_t count, uint32_t range) {
  std::set<uint32_t> chosen;
  const uint32_t first = static_cast<uint32_t>(rng() % (kHandles - range + 1));
  while (chosen.size() < count) {
    chosen.insert(first + static_cast<uint32_t>(rng() % range));
  }
  std::vector<BlockId> ids;
  for (const uint32_t h : chosen) ids.emplace_back(h);
  return ids;
}

// All forms that can hold the set, largest possible handles aside.
std::vector<v1::GroupReads> AllForms(const ReadSet& set) {
  std::vector<v1::GroupReads> forms(2);
  EncodeAscending(set.reads, forms[0].mutable_handles());
  const uint32_t first = set.reads.front().value();
  forms[1].mutable_bitmap()->set_first_handle(first);
  EncodeBitmap(set.reads, first, forms[1].mutable_bitmap()->mutable_bits());
  if (set.whole_sequences.empty()) return forms;
  v1::GroupReads& all = forms.emplace_back();
  for (const SequenceId s : set.whole_sequences) {
    all.mutable_all()->add_sequences(s.value());
  }
  return forms;
}

TEST(ReadEncodingTest, TakesTheSmallestFormAndComesBack) {
  const uint32_t seed = 20261124;
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  const BlockTable table = Table();
  ReadDecoder decoder(kHandles);
  std::set<int> used;
  for (int i = 0; i < 400; ++i) {
    std::vector<BlockId> reads;
    std::vector<SequenceId> whole;
    if (i % 4 == 0) {
      // In an order that is not that of the handles.
      whole = {SequenceId(5), SequenceId(rng() % 5)};
      for (uint32_t h = 0; h < kHandles; ++h) {
        if (h % 8 == 5 || h % 8 == whole[1].value()) reads.emplace_back(h);
      }
    } else {
      const auto range = static_cast<uint32_t>(1 + rng() % kHandles);
      reads = Random(rng, 1 + static_cast<uint32_t>(rng() % range), range);
    }
    ReadSet set;
    set.reads = reads;
    set.whole_sequences = whole;
    v1::GroupReads wire;
    EncodeReads(set, &wire);
    used.insert(wire.reads_case());
    size_t smallest = SIZE_MAX;
    for (const v1::GroupReads& form : AllForms(set)) {
      smallest = std::min(smallest, form.ByteSizeLong());
    }
    EXPECT_EQ(wire.ByteSizeLong(), smallest);
    PhaseUpdate update;
    update.group = GroupId(0);
    ASSERT_THAT(decoder.Decode(wire, table, &update), IsOk());
    EXPECT_THAT(update.reads, ElementsAreArray(reads));
  }
  EXPECT_EQ(used.size(), 3u);
}

TEST(ReadEncodingTest, NothingReadIsNothingSent) {
  v1::GroupReads wire;
  EncodeReads(ReadSet(), &wire);
  EXPECT_EQ(wire.ByteSizeLong(), 0u);
}

TEST(ReadEncodingTest, MassesFollowTheirBlocks) {
  const BlockTable table = Table();
  ReadDecoder decoder(kHandles);
  v1::GroupReads wire;
  // In this order: pages 0.. of sequence 3, then of sequence 1.
  std::string masses;
  for (const uint32_t sequence : {3u, 1u}) {
    wire.mutable_all()->add_sequences(sequence);
    for (uint32_t page = 0; page < kHandles / 8; ++page) {
      masses.push_back(static_cast<char>((page * 8 + sequence) % 251));
    }
  }
  wire.set_near_misses("\0", 1);
  wire.set_masses(masses + "\x2a");
  PhaseUpdate update;
  update.group = GroupId(0);
  ASSERT_THAT(decoder.Decode(wire, table, &update), IsOk());
  ASSERT_EQ(update.reads.size(), kHandles / 4);
  ASSERT_EQ(update.read_masses.size(), kHandles / 4);
  for (size_t i = 0; i < update.reads.size(); ++i) {
    EXPECT_EQ(update.read_masses[i], update.reads[i].value() % 251);
  }
  EXPECT_TRUE(std::is_sorted(update.reads.begin(), update.reads.end()));
  EXPECT_THAT(update.near_misses, ElementsAreArray(Ids({0})));
  EXPECT_THAT(update.near_miss_masses, ElementsAreArray({0x2a}));
}

TEST(ReadEncodingTest, MassesForbidTheListOfSequences) {
  std::vector<BlockId> reads;
  for (uint32_t h = 0; h < kHandles; h += 8) reads.emplace_back(h);
  const std::vector<SequenceId> whole = {SequenceId(0)};
  const std::vector<uint8_t> masses(reads.size(), 7);
  ReadSet set;
  set.reads = reads;
  set.whole_sequences = whole;
  set.masses = masses;
  v1::GroupReads wire;
  EncodeReads(set, &wire);
  EXPECT_FALSE(wire.has_all());
  EXPECT_EQ(wire.masses().size(), masses.size());
}

TEST(ReadEncodingTest, HandleRangesHoldWhatTheyAreMadeOf) {
  google::protobuf::RepeatedPtrField<v1::HandleRange> ranges;
  AppendHandleRanges(Ids({1, 2, 3, 7, 9, 10}), &ranges);
  ASSERT_EQ(ranges.size(), 3);
  EXPECT_EQ(ranges[0].first(), 1u);
  EXPECT_EQ(ranges[0].count(), 3u);
  EXPECT_EQ(ranges[1].first(), 7u);
  EXPECT_EQ(ranges[2].count(), 2u);
}

}  // namespace
}  // namespace kvplace
