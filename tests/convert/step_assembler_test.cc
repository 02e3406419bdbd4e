// Steps and reports become phases. What a broken message gets is in
// tests/service/session_resync_test.cc, where it matters.
#include "server/convert/step_assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/trace/live_blocks.h"
#include "tests/testing/session_messages.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Applies steps to a model as a session does, and keeps what was assembled.
class Assembly {
 public:
  struct Phase {
    std::vector<uint32_t> births, reads, freed, promoted, evicted;
    std::map<uint32_t, uint32_t> tokens;  // by handle
    uint32_t routed = 0;
  };

  explicit Assembly(const DeviceConfig& device)
      : table_(device), assembler_(device), groups_(device.group_count()) {}

  void Add(const BlockRange& range) { ASSERT_THAT(table_.Add(range), IsOk()); }
  StepAssembler& assembler() { return assembler_; }
  BlockTable& table() { return table_; }

  std::vector<Phase> Apply(const v1::Step& step, EncodedReads reads = {}) {
    std::vector<Phase> phases;
    EXPECT_THAT(assembler_.Begin(step, table_, reads), IsOk());
    for (uint32_t g = 0; g < groups_.value(); ++g) {
      Phase& phase = phases.emplace_back();
      for (const BlockRange& birth : assembler_.Births(GroupId(g))) {
        EXPECT_THAT(table_.Add(birth), IsOk());
        for (uint32_t i = 0; i < birth.count; ++i) {
          phase.births.push_back(birth.first.value() + i);
        }
      }
      PhaseUpdate update;
      EXPECT_THAT(
          assembler_.Phase(GroupId(g), table_, StepDetail::kAll, &update),
          IsOk());
      EXPECT_THAT(update.births, IsEmpty());
      phase.reads = Values(update.reads);
      phase.freed = Values(update.freed);
      phase.promoted = Values(update.promoted);
      phase.evicted = Values(update.evicted);
      phase.routed = update.routed_reads;
      for (const KvWrite& write : update.kv_writes) {
        phase.tokens[write.block.value()] += write.tokens;
      }
      for (const BlockId block : update.freed) {
        const SequenceId sequence = table_.sequence(block);
        EXPECT_THAT(table_.Remove({block, 1}), IsOk());
        table_.ForgetIfEmpty(sequence);
      }
    }
    assembler_.End(table_);
    return phases;
  }

 private:
  static std::vector<uint32_t> Values(absl::Span<const BlockId> ids) {
    std::vector<uint32_t> values;
    for (const BlockId id : ids) values.push_back(id.value());
    return values;
  }

  BlockTable table_;
  StepAssembler assembler_;
  const GroupId groups_;
};

Assembly SmallAssembly() {
  Assembly assembly(SmallDevice(2, 8, 6));
  const v1::Inventory inventory = SmallInventory();
  for (const v1::BlockRange& range : inventory.blocks()) {
    assembly.Add(*BlockRangeFromProto(range, 2, 16));
  }
  return assembly;
}

TEST(StepAssemblerTest, SortsByGroupAndKeepsTheOrderOfBirths) {
  Assembly assembly = SmallAssembly();
  v1::Step step = StepReading(0, {1, 3});
  AddRange(1, 1, 4, 13, 2, Tier::kDram, step.mutable_allocated());
  AddRange(1, 0, 5, 6, 1, Tier::kHbm, step.mutable_allocated());
  AddRange(1, 0, 4, 5, 1, Tier::kDram, step.mutable_allocated());
  // Handle 14 was born in this very step; 2 is of group 0.
  for (const uint32_t handle : {14u, 2u, 9u}) {
    step.add_freed()->set_first(handle);
    step.mutable_freed()->rbegin()->set_count(1);
  }
  const auto phases = assembly.Apply(step);
  EXPECT_THAT(phases[0].births, ElementsAre(6, 5));
  EXPECT_THAT(phases[1].births, ElementsAre(13, 14));
  EXPECT_THAT(phases[0].reads, ElementsAre(1, 3));
  EXPECT_THAT(phases[1].reads, IsEmpty());
  EXPECT_THAT(phases[0].freed, ElementsAre(2));
  EXPECT_THAT(phases[1].freed, ElementsAre(9, 14));
}

TEST(StepAssemblerTest, AllOfASequenceIncludesWhatBeginsInThePhase) {
  Assembly assembly = SmallAssembly();
  v1::Step step;
  AddRange(1, 0, 4, 6, 2, Tier::kDram, step.mutable_allocated());
  AddRange(2, 0, 0, 5, 1, Tier::kDram, step.mutable_allocated());
  for (uint32_t g = 0; g < 2; ++g) {
    v1::GroupReads* reads = step.add_reads();
    reads->set_group(g);
    reads->mutable_all()->add_sequences(1);
    reads->mutable_all()->add_sequences(2);
  }
  const auto phases = assembly.Apply(step);
  EXPECT_THAT(phases[0].reads, ElementsAre(0, 1, 2, 3, 5, 6, 7));
  EXPECT_THAT(phases[1].reads, ElementsAre(8, 9, 10, 11));
}

TEST(StepAssemblerTest, ReadsMayBeLeftInTheirBytes) {
  Assembly assembly = SmallAssembly();
  std::string of_0, of_1;
  v1::Step whole = StepReading(0, {1, 3});
  whole.mutable_reads(0)->SerializeToString(&of_0);
  v1::GroupReads later;
  later.set_group(1);
  later.mutable_all()->add_sequences(1);
  later.SerializeToString(&of_1);
  v1::Step step;
  for (int i = 0; i < 3; ++i) {
    // As many entries as in the step before, fewer, and more.
    step.set_step(i);
    std::vector<absl::string_view> entries = {of_0, of_1};
    if (i == 1) entries = {of_1};
    const auto phases = assembly.Apply(step, entries);
    if (i == 1) {
      EXPECT_THAT(phases[0].reads, IsEmpty());
    } else {
      EXPECT_THAT(phases[0].reads, ElementsAre(1, 3));
    }
    EXPECT_THAT(phases[1].reads, ElementsAre(8, 9, 10, 11));
  }
  step.set_step(3);
  EXPECT_THAT(assembly.Apply(step)[0].reads, IsEmpty());

  const auto error = [&](std::vector<absl::string_view> entries,
                         StepDetail detail) {
    StepAssembler& assembler = assembly.assembler();
    EXPECT_THAT(assembler.Begin(step, assembly.table(), entries), IsOk());
    PhaseUpdate update;
    const absl::Status status =
        assembler.Phase(GroupId(0), assembly.table(), detail, &update);
    EXPECT_THAT(update.reads, IsEmpty());
    assembler.End(assembly.table());
    return status;
  };
  const std::string broken = of_0.substr(0, of_0.size() - 1);
  EXPECT_THAT(error({of_0, broken}, StepDetail::kAll),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("step.reads[1] is no GroupReads")));
  EXPECT_THAT(error({broken}, StepDetail::kLedger), IsOk());
  // However many there are.
  EXPECT_THAT(
      error(std::vector<absl::string_view>(100'000, of_1), StepDetail::kAll),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("step.reads[1].group is 1, expected more than 1")));
}

TEST(StepAssemblerTest, TheEndOfASequenceFreesWhatIsLeftOfIt) {
  Assembly assembly = SmallAssembly();
  v1::Step step;
  AddRange(1, 1, 4, 14, 1, Tier::kDram, step.mutable_allocated());
  step.add_freed()->set_first(1);
  step.mutable_freed(0)->set_count(2);
  step.add_sequences()->set_sequence(1);
  step.mutable_sequences(0)->set_ended(true);
  // An unknown sequence may end: there is nothing to do.
  step.add_sequences()->set_sequence(99);
  step.mutable_sequences(1)->set_ended(true);
  const auto phases = assembly.Apply(step);
  EXPECT_THAT(phases[0].freed, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(phases[1].freed, ElementsAre(8, 9, 10, 11, 14));
  EXPECT_EQ(assembly.table().live(), 0u);
}

TEST(StepAssemblerTest, AHandleMayBeFreedAndBornAgainInALaterGroup) {
  Assembly assembly = SmallAssembly();
  v1::Step step;
  step.add_freed()->set_first(3);
  step.mutable_freed(0)->set_count(1);
  AddRange(1, 1, 4, 3, 1, Tier::kDram, step.mutable_allocated());
  const auto phases = assembly.Apply(step);
  EXPECT_THAT(phases[0].freed, ElementsAre(3));
  EXPECT_THAT(phases[1].births, ElementsAre(3));
  EXPECT_TRUE(assembly.table().alive_in(BlockId(3), GroupId(1)));
}

TEST(StepAssemblerTest, MovesComeWithTheirGroupAndOnlyOnce) {
  Assembly assembly = SmallAssembly();
  v1::MoveReport report = Report(4, 9, {3, 2}, {0});
  v1::PhaseMoves* second = report.add_phases();
  second->set_group(1);
  second->set_evicted(Ordered({9, 8}));
  second->set_routed_reads(2);
  second->set_failed(Ordered({11}));
  ASSERT_THAT(assembly.assembler().HoldReport(report), IsOk());
  EXPECT_EQ(assembly.assembler().report().plan, PlanId(9));
  EXPECT_EQ(assembly.assembler().report().evicted, 3u);
  EXPECT_THAT(assembly.assembler().report().failed, ElementsAre(BlockId(11)));
  const auto phases = assembly.Apply(StepReading(4, {2}));
  EXPECT_THAT(phases[0].promoted, ElementsAre(3, 2));
  EXPECT_THAT(phases[0].evicted, ElementsAre(0));
  EXPECT_THAT(phases[1].evicted, ElementsAre(9, 8));
  EXPECT_EQ(phases[1].routed, 2u);
  EXPECT_FALSE(assembly.assembler().holds_report());
  const auto next = assembly.Apply(StepReading(5, {2}));
  EXPECT_THAT(next[0].promoted, IsEmpty());
  EXPECT_THAT(next[1].evicted, IsEmpty());
}

TEST(StepAssemblerTest, TokensGoWhereTheSequenceStands) {
  Assembly assembly = SmallAssembly();  // pages of 4 tokens
  const auto grow = [&](uint64_t sequence, uint32_t tokens, uint32_t page,
                        uint32_t first, uint32_t count) {
    v1::Step step;
    if (count > 0) {
      AddRange(sequence, 0, page, first, count, Tier::kDram,
               step.mutable_allocated());
    }
    step.add_sequences()->set_sequence(sequence);
    step.mutable_sequences(0)->set_new_tokens(tokens);
    return assembly.Apply(step)[0].tokens;
  };
  using Tokens = std::map<uint32_t, uint32_t>;
  // Its beginning was not seen: the newest page, or the new one.
  EXPECT_EQ(grow(1, 1, 0, 0, 0), (Tokens{{3, 1}}));
  EXPECT_EQ(grow(1, 9, 0, 0, 0), (Tokens{{3, 4}}));  // no more than it holds
  EXPECT_EQ(grow(1, 1, 4, 4, 1), (Tokens{{4, 1}}));
  // It arrives with 6 tokens of prompt: they fill its two pages.
  EXPECT_EQ(grow(2, 6, 0, 5, 2), (Tokens{{5, 4}, {6, 2}}));
  EXPECT_EQ(grow(2, 1, 0, 0, 0), (Tokens{{6, 1}}));
  EXPECT_EQ(grow(2, 3, 2, 7, 1), (Tokens{{6, 1}, {7, 2}}));
  EXPECT_EQ(assembly.assembler().TokensHeard(SequenceId(2)), 10u);
  EXPECT_EQ(assembly.assembler().TokensHeard(SequenceId(9)), 0u);
}

// Random steps, told to the assembler and to the trace's reader alike.
class TokenRace {
 public:
  explicit TokenRace(uint32_t seed)
      : rng_(seed),
        assembly_(SmallDevice(kGroups, kHandles, 6)),
        live_(Limits()) {
    Begin(1, 1 + Below(4), nullptr);
    Begin(2, 1 + Below(4), nullptr);
  }

  void RunStep(int64_t number) {
    v1::Step step;
    step.set_step(number);
    for (uint64_t sequence = 1; sequence <= 4; ++sequence)
      Grow(sequence, &step);
    const auto expected = BookedByReader(step);
    const auto phases = assembly_.Apply(step);
    for (uint32_t g = 0; g < kGroups; ++g) {
      EXPECT_EQ(phases[g].tokens, expected[g]) << "step " << number;
    }
  }

 private:
  static constexpr uint32_t kGroups = 2;
  static constexpr uint32_t kHandles = 400;

  static LiveBlocks::Limits Limits() {
    LiveBlocks::Limits limits;
    limits.groups = kGroups;
    limits.page_tokens = 4;
    limits.handles = kGroups * kHandles;
    return limits;
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(rng_() % n); }

  // Pages begin, in a step or (null) in the inventory.
  void Begin(uint64_t sequence, uint32_t count, v1::Step* step) {
    for (uint32_t g = 0; g < kGroups; ++g) {
      v1::BlockRange range;
      BlockRangeToProto({SequenceId(sequence), GroupId(g), pages_[sequence],
                         BlockId(next_handle_), count, Tier::kDram},
                        &range);
      next_handle_ += count;
      ASSERT_THAT(live_.Allocate(range, step != nullptr), IsOk());
      if (step == nullptr) {
        assembly_.Add(*BlockRangeFromProto(range, kGroups, kGroups * kHandles));
      } else {
        *step->add_allocated() = range;
      }
    }
    pages_[sequence] += count;
  }

  void Grow(uint64_t sequence, v1::Step* step) {
    if (Below(4) == 0 && next_handle_ < 700) {
      Begin(sequence, 1 + Below(3), step);
    }
    if (!pages_.contains(sequence) || Below(3) == 0) return;
    v1::SequenceProgress* progress = step->add_sequences();
    progress->set_sequence(sequence);
    progress->set_new_tokens(Below(9));
    if (Below(10) > 0) return;
    progress->set_ended(true);
    pages_.erase(sequence);
  }

  // Tokens by group and handle.
  std::vector<std::map<uint32_t, uint32_t>> BookedByReader(
      const v1::Step& step) {
    std::vector<std::vector<TraceKvWrite>> writes(kGroups);
    for (const v1::SequenceProgress& progress : step.sequences()) {
      EXPECT_THAT(live_.AddTokens(progress, &writes), IsOk());
    }
    std::vector<std::map<uint32_t, uint32_t>> booked(kGroups);
    for (uint32_t h = 0; h < kGroups * kHandles; ++h) {
      const uint32_t index = live_.Find(h);
      if (index == kNoIndex) continue;
      for (uint32_t g = 0; g < kGroups; ++g) {
        for (const TraceKvWrite& write : writes[g]) {
          if (write.block == index) booked[g][h] += write.tokens;
        }
      }
    }
    std::vector<uint32_t> freed;
    for (const v1::SequenceProgress& progress : step.sequences()) {
      if (!progress.ended()) continue;
      EXPECT_THAT(live_.EndSequence(progress.sequence(), &freed), IsOk());
    }
    live_.EndStep();
    return booked;
  }

  std::mt19937 rng_;
  Assembly assembly_;
  LiveBlocks live_;
  std::map<uint64_t, uint32_t> pages_;  // by sequence
  uint32_t next_handle_ = 0;
};

// The reader of recordings books the same steps; it was written apart.
TEST(StepAssemblerTest, BooksTokensAsTheTraceReaderDoes) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    TokenRace race(seed);
    for (int64_t step = 0; step < 40; ++step) race.RunStep(step);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(StepAssemblerTest, StatesOfGoneSequencesDoNotPileUp) {
  Assembly assembly = SmallAssembly();
  for (uint64_t sequence = 100; sequence < 5000; ++sequence) {
    v1::Step step;
    AddRange(sequence, 0, 0, 5, 1, Tier::kDram, step.mutable_allocated());
    step.add_sequences()->set_sequence(sequence);
    step.mutable_sequences(0)->set_new_tokens(1);
    // Its block is freed, and its end is never told.
    step.add_freed()->set_first(5);
    step.mutable_freed(0)->set_count(1);
    assembly.Apply(step);
  }
  uint64_t remembered = 0;
  for (uint64_t sequence = 100; sequence < 5000; ++sequence) {
    remembered +=
        assembly.assembler().TokensHeard(SequenceId(sequence)) > 0 ? 1 : 0;
  }
  EXPECT_LT(remembered, 100u);
}

}  // namespace
}  // namespace kvplace
