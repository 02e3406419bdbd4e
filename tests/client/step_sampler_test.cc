#include "client/cpp/step_sampler.h"

#include <optional>
#include <random>
#include <set>
#include <vector>

#include "client/cpp/block_mirror.h"
#include "client/cpp/session_messages.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/convert/step_assembler.h"
#include "server/core/policy/lru_policy.h"
#include "tests/client/client_test_util.h"

namespace kvplace::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

StepData Step(int64_t index) {
  StepData step;
  step.step = StepIndex(index);
  return step;
}

MoveReport Moves(int64_t index, std::vector<PhaseMoves> phases) {
  MoveReport moves;
  moves.step = StepIndex(index);
  moves.plan = {3, PlanId(9)};
  moves.phases = std::move(phases);
  return moves;
}

TEST(StepSamplerTest, PassesThroughAtIntervalOne) {
  StepSampler sampler(2);
  StepData step = Step(4);
  step.allocated = {Range(7, 0, 0, 3, 1, Tier::kHbm)};
  auto sample = sampler.Add(step, Moves(4, {}), {});
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->decode_steps, 1u);
  EXPECT_EQ(sample->step.allocated[0].tier, Tier::kHbm);
  EXPECT_EQ(sample->moves.plan.id, PlanId(9));
}

TEST(StepSamplerTest, JoinsAWindow) {
  StepSampler sampler(2);
  sampler.SetInterval(3);
  StepData first = Step(0);
  first.allocated = {Range(7, 0, 0, 3, 2, Tier::kHbm)};
  first.sequences = {{SequenceId(7), 5, false}};
  EXPECT_FALSE(
      sampler.Add(first, Moves(0, {{GroupId(0), {}, {}, Blocks({9})}}), {}));
  StepData second = Step(1);
  second.sequences = {{SequenceId(7), 1, false}, {SequenceId(8), 2, false}};
  EXPECT_FALSE(
      sampler.Add(second,
                  Moves(1, {{GroupId(0), Blocks({9, 10}), {}, Blocks({4})},
                            {GroupId(1), {}, Blocks({12}), {}}}),
                  {}));
  StepData third = Step(2);
  third.reads = {{GroupId(0), {}, Blocks({3}), {}, {}}};
  auto sample =
      sampler.Add(third, Moves(2, {{GroupId(0), {}, {}, Blocks({11})}}), {});
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->decode_steps, 3u);
  EXPECT_EQ(sample->step.step, StepIndex(2));
  EXPECT_EQ(sample->step.allocated[0].tier, Tier::kDram);
  EXPECT_EQ(sample->step.reads[0].blocks, Blocks({3}));
  ASSERT_EQ(sample->step.sequences.size(), 2u);
  EXPECT_EQ(sample->step.sequences[0].new_tokens, 6u);
  // 9 went out and came back; 4 was born in HBM and left it.
  ASSERT_EQ(sample->moves.phases.size(), 1u);
  const PhaseMoves& net = sample->moves.phases[0];
  EXPECT_EQ(net.group, GroupId(1));
  EXPECT_THAT(net.promoted, ElementsAre(BlockId(3), BlockId(10)));
  EXPECT_THAT(net.prefetched, ElementsAre(BlockId(12)));
  EXPECT_THAT(net.evicted, ElementsAre(BlockId(11)));
}

// Workers that are told at once do not send at once.
TEST(StepSamplerTest, AFirstWindowIsShorterByTheShift) {
  const auto samples_at = [](StepSampler* sampler, int64_t begin, int64_t end) {
    std::vector<int64_t> at;
    for (int64_t s = begin; s < end; ++s) {
      if (sampler->Add(Step(s), std::nullopt, {})) at.push_back(s);
    }
    return at;
  };
  std::set<int64_t> first;
  for (uint64_t shift = 100; shift < 104; ++shift) {
    StepSampler sampler(1, shift);
    sampler.SetInterval(4);
    const std::vector<int64_t> at = samples_at(&sampler, 0, 12);
    ASSERT_EQ(at.size(), 3u);
    EXPECT_EQ(at[1] - at[0], 4);
    EXPECT_EQ(at[2] - at[1], 4);
    first.insert(at[0]);
    // Told the same again.
    sampler.SetInterval(4);
    EXPECT_THAT(samples_at(&sampler, 12, 16), ElementsAre(at[2] + 4));
  }
  EXPECT_EQ(first, (std::set<int64_t>{0, 1, 2, 3}));

  // An open window that has become too long ends with the next step.
  StepSampler sampler(1, 3);
  sampler.SetInterval(16);
  EXPECT_THAT(samples_at(&sampler, 0, 9), IsEmpty());
  sampler.SetInterval(4);
  EXPECT_THAT(samples_at(&sampler, 9, 18), ElementsAre(9, 13, 17));
}

TEST(StepSamplerTest, AWindowEndsWithAStepThatFrees) {
  StepSampler sampler(1);
  sampler.SetInterval(8);
  EXPECT_FALSE(sampler.Add(
      Step(0), Moves(0, {{GroupId(0), Blocks({5, 6}), {}, {}}}), {}));
  StepData step = Step(1);
  step.freed = {{BlockId(5), 1}};
  auto sample = sampler.Add(step, std::nullopt, Blocks({5}));
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->decode_steps, 2u);
  // What ended is not moved any more.
  EXPECT_THAT(sample->moves.phases[0].promoted, ElementsAre(BlockId(6)));
}

TEST(StepSamplerTest, FlushEndsTheWindow) {
  StepSampler sampler(1);
  EXPECT_FALSE(sampler.Flush());
  sampler.SetInterval(5);
  StepData step = Step(3);
  step.reads = {{GroupId(0), {}, Blocks({3}), {}, {}}};
  EXPECT_FALSE(
      sampler.Add(step, Moves(3, {{GroupId(0), Blocks({5}), {}, {}}}), {}));
  auto sample = sampler.Flush();
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->decode_steps, 1u);
  EXPECT_EQ(sample->step.step, StepIndex(3));
  EXPECT_EQ(sample->step.reads.size(), 1u);
  EXPECT_THAT(sample->moves.phases[0].promoted, ElementsAre(BlockId(5)));
  EXPECT_FALSE(sampler.Flush());
}

TEST(StepSamplerTest, ResetForgetsTheWindow) {
  StepSampler sampler(1);
  sampler.SetInterval(2);
  EXPECT_FALSE(
      sampler.Add(Step(0), Moves(0, {{GroupId(0), Blocks({5}), {}, {}}}), {}));
  sampler.Reset();
  EXPECT_FALSE(sampler.Add(Step(1), std::nullopt, {}));
  auto sample = sampler.Add(Step(2), std::nullopt, {});
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->decode_steps, 2u);
  EXPECT_THAT(sample->moves.phases, IsEmpty());
}

// A server's picture, fed by messages.
class Picture {
 public:
  explicit Picture(const DeviceConfig& device)
      : model_(device, &policy_), assembler_(device) {
    model_.FinishInventory(StepIndex(0));
  }

  absl::Status Hear(const StepSample& sample) {
    v1::MoveReport report;
    v1::Step step;
    EncodeStep(sample, &step);
    if (sample.has_moves) {
      EncodeReport(sample.moves, &report);
      if (auto s = assembler_.HoldReport(report); !s.ok()) return s;
    }
    if (auto s = assembler_.Begin(step, model_.blocks()); !s.ok()) return s;
    if (auto s = model_.BeginStep(assembler_.step()); !s.ok()) return s;
    StepAccount account;
    for (uint32_t g = 0; g < 2; ++g) {
      PhaseUpdate update;
      update.group = GroupId(g);
      update.births = assembler_.Births(GroupId(g));
      if (auto s = model_.BeginPhase(update, &account.traffic); !s.ok()) {
        return s;
      }
      if (auto s = assembler_.Phase(GroupId(g), model_.blocks(),
                                    StepDetail::kAll, &update);
          !s.ok()) {
        return s;
      }
      if (auto s = model_.ApplyPhase(update, &account); !s.ok()) return s;
    }
    model_.EndStep(account);
    assembler_.End(model_.blocks());
    return absl::OkStatus();
  }
  const DeviceModel& model() const { return model_; }

 private:
  LruPolicy policy_;
  DeviceModel model_;
  StepAssembler assembler_;
};

// One step of a device that does as it likes, within its rules.
class RandomDevice {
 public:
  explicit RandomDevice(uint32_t seed)
      : random_(seed), tier_(32, Tier::kNone) {}

  void Run(int64_t index, StepData* step, MoveReport* moves) {
    *step = Step(index);
    *moves = Moves(index, {{GroupId(0), {}, {}, {}}, {GroupId(1), {}, {}, {}}});
    for (uint32_t g = 0; g < 2; ++g) {
      PhaseReads reads;
      reads.group = GroupId(g);
      std::vector<uint32_t> ends;
      for (uint32_t h = g * 16; h < g * 16 + 16; ++h) {
        if (tier_[h] == Tier::kNone && random_() % 6 == 0) {
          tier_[h] = Has(Room()) ? Tier::kHbm : Tier::kDram;
          step->allocated.push_back(
              Range(h / 4, g, next_page_++, h, 1, tier_[h]));
        }
        if (tier_[h] != Tier::kNone && random_() % 2 == 0) {
          reads.blocks.emplace_back(h);
        }
        if (tier_[h] != Tier::kNone && random_() % 40 == 0) ends.push_back(h);
      }
      if (!reads.blocks.empty()) step->reads.push_back(reads);
      for (const uint32_t h : ends) {
        tier_[h] = Tier::kNone;
        step->freed.push_back({BlockId(h), 1});
      }
      Move(&moves->phases[g]);
    }
  }
  const std::vector<Tier>& tiers() const { return tier_; }

 private:
  static bool Has(int64_t room) { return room > 0; }
  int64_t Room() const {
    return 6 - std::count(tier_.begin(), tier_.end(), Tier::kHbm);
  }
  // Evictions first, as a phase has them; blocks of any group.
  void Move(PhaseMoves* moves) {
    for (uint32_t h = 0; h < 32; ++h) {
      if (tier_[h] == Tier::kHbm && random_() % 4 == 0) {
        tier_[h] = Tier::kDram;
        moves->evicted.emplace_back(h);
      }
    }
    for (uint32_t h = 0; h < 32; ++h) {
      if (tier_[h] == Tier::kDram && Has(Room()) && random_() % 4 == 0) {
        tier_[h] = Tier::kHbm;
        (random_() % 2 ? moves->promoted : moves->prefetched).emplace_back(h);
      }
    }
  }

  std::mt19937 random_;
  std::vector<Tier> tier_;
  uint32_t next_page_ = 0;
};

// Whatever the interval, and when it changes: the server's ledger can follow
// every message, and agrees about every block after it.
TEST(StepSamplerTest, TheServersPictureStaysExact) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomDevice device(seed);
    BlockMirror mirror(SmallDevice(), true);
    ASSERT_TRUE(mirror.Replace({}, StepIndex(0)).ok());
    Picture picture(SmallDevice());
    StepSampler sampler(2);
    uint64_t covered = 0;
    for (int64_t s = 0; s < 80; ++s) {
      if (s % 20 == 10) sampler.SetInterval(1 + (seed + s) % 5);
      StepData step;
      MoveReport moves;
      device.Run(s, &step, &moves);
      std::vector<BlockId> freed;
      ASSERT_TRUE(mirror.Apply(step, &moves, &freed).ok());
      auto sample = sampler.Add(step, moves, freed);
      if (!sample) continue;
      covered += sample->decode_steps;
      EXPECT_EQ(covered, static_cast<uint64_t>(s) + 1);
      const absl::Status heard = picture.Hear(*sample);
      ASSERT_TRUE(heard.ok()) << heard << " in step " << s;
      for (uint32_t h = 0; h < 32; ++h) {
        ASSERT_EQ(picture.model().residency().tier(BlockId(h)),
                  device.tiers()[h])
            << "handle " << h << " in step " << s;
      }
    }
  }
}

}  // namespace
}  // namespace kvplace::client
