// Plans, there and back; and what a client does not take.
#include "server/convert/plan_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/testing/session_messages.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr uint32_t kHandles = 500;

std::vector<BlockId> Shuffled(std::mt19937& rng) {
  std::vector<BlockId> ids = IdRange(0, kHandles);
  std::shuffle(ids.begin(), ids.end(), rng);
  ids.resize(rng() % 40);
  return ids;
}

Plan RandomPlan(std::mt19937& rng) {
  Plan plan;
  plan.id = PlanId(1 + rng());
  plan.basis = StepIndex(static_cast<int64_t>(rng() % 100) - 1);
  plan.valid_until = StepIndex(plan.basis.value() + 1 + rng() % 9);
  plan.order = EmptyOrder(3);
  for (GroupOrder& group : plan.order.groups) {
    group.promote_all = rng() % 2 == 0;
    group.promote_if_read = Shuffled(rng);
    group.prefetch = Shuffled(rng);
    group.new_block_tier = rng() % 2 == 0 ? Tier::kHbm : Tier::kDram;
  }
  plan.order.evict_queue = Shuffled(rng);
  plan.order.evict_unlisted_first = rng() % 2 == 0;
  plan.order.evict_at_least =
      static_cast<uint32_t>(plan.order.evict_queue.size() / 2);
  plan.order.evict_reason =
      rng() % 2 == 0 ? MoveReason::kCapacity : MoveReason::kRebalance;
  plan.order.max_routed_share = static_cast<double>(rng() % 101) / 100;
  return plan;
}

TEST(PlanCodecTest, ComesBackAsItWas) {
  std::mt19937 rng(7);
  PlanDecoder decoder(3, kHandles);
  // Reused, as a session and a client do.
  v1::Plan wire;
  Plan back;
  for (int i = 0; i < 200; ++i) {
    const Plan plan = RandomPlan(rng);
    EncodePlan(plan, i % 2 == 0, &wire);
    EXPECT_EQ(wire.advisory(), i % 2 == 0);
    ASSERT_THAT(decoder.Decode(wire, &back), IsOk());
    EXPECT_EQ(back.id, plan.id);
    EXPECT_EQ(back.basis, plan.basis);
    EXPECT_EQ(back.valid_until, plan.valid_until);
    EXPECT_THAT(back.order.evict_queue,
                ElementsAreArray(plan.order.evict_queue));
    EXPECT_EQ(back.order.evict_at_least, plan.order.evict_at_least);
    EXPECT_EQ(back.order.evict_reason, plan.order.evict_reason);
    EXPECT_EQ(back.order.evict_unlisted_first, plan.order.evict_unlisted_first);
    EXPECT_EQ(back.order.max_routed_share, plan.order.max_routed_share);
    for (size_t g = 0; g < 3; ++g) {
      const GroupOrder& a = back.order.groups[g];
      const GroupOrder& b = plan.order.groups[g];
      EXPECT_EQ(a.promote_all, b.promote_all);
      EXPECT_THAT(a.promote_if_read, ElementsAreArray(b.promote_if_read));
      EXPECT_THAT(a.prefetch, ElementsAreArray(b.prefetch));
      EXPECT_EQ(a.new_block_tier, b.new_block_tier);
    }
  }
}

TEST(PlanCodecTest, ARepeatIsWhatWouldHaveBeenWritten) {
  std::mt19937 rng(8);
  Plan plan = RandomPlan(rng);
  v1::Plan wire;
  EncodePlan(plan, true, &wire);
  plan.id = PlanId(plan.id.value() + 5);
  plan.basis = StepIndex(plan.basis.value() + 2);
  plan.valid_until = StepIndex(plan.valid_until.value() + 3);
  EncodeRepeat(plan, &wire);
  v1::Plan whole;
  EncodePlan(plan, true, &whole);
  EXPECT_EQ(wire.SerializeAsString(), whole.SerializeAsString());
}

TEST(PlanCodecTest, AClientTakesNoNonsense) {
  struct Case {
    std::string words;
    std::function<void(v1::Plan*)> change;
  };
  const std::vector<Case> cases = {
      {"plan.id is 0", [](auto* p) { p->set_id(0); }},
      {"plan.valid_until_step",
       [](auto* p) { p->set_valid_until_step(p->basis_step()); }},
      {"plan.groups has 2", [](auto* p) { p->mutable_groups()->RemoveLast(); }},
      {"plan.evict_queue: ",
       [](auto* p) { p->set_evict_queue(Ordered({kHandles})); }},
      {"plan.evict_queue: handle 7 twice",
       [](auto* p) {
         p->set_evict_queue(Ordered({7, 3, 7}));
       }},
      {"plan.groups[1].promote_if_read: handle 7 twice",
       [](auto* p) {
         p->mutable_groups(1)->set_promote_if_read(Ordered({7, 7}));
       }},
      {"plan.groups[2].prefetch: ",
       [](auto* p) { p->mutable_groups(2)->set_prefetch("\xff"); }},
      {"plan.groups[0].new_block_tier is 0",
       [](auto* p) { p->mutable_groups(0)->clear_new_block_tier(); }},
      {"plan.evict_at_least is 99", [](auto* p) { p->set_evict_at_least(99); }},
      {"plan.max_routed_share is nan",
       [](auto* p) { p->set_max_routed_share(0.0 / 0.0); }},
      {"plan.max_routed_share is 1.5",
       [](auto* p) { p->set_max_routed_share(1.5); }},
  };
  std::mt19937 rng(8);
  PlanDecoder decoder(3, kHandles);
  Plan out;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.words);
    v1::Plan wire;
    EncodePlan(RandomPlan(rng), false, &wire);
    c.change(&wire);
    EXPECT_THAT(
        decoder.Decode(wire, &out),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.words)));
    // A refusal leaves nothing behind that spoils the next.
    EncodePlan(RandomPlan(rng), false, &wire);
    EXPECT_THAT(decoder.Decode(wire, &out), IsOk());
  }
}

}  // namespace
}  // namespace kvplace
