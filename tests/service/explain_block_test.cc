// ExplainBlock: what the server says of one block of a live device.
#include <cstdint>
#include <string>
#include <utility>

#include "server/service/device_queries.h"
#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

class ExplainTest : public SessionTest {
 protected:
  absl::StatusOr<v1::ExplainBlockResponse> Ask(
      uint32_t handle, const std::string& node = "node-a",
      uint32_t device = 0) {
    v1::ExplainBlockRequest request;
    request.set_node_id(node);
    request.set_device_index(device);
    request.set_handle(handle);
    return ExplainBlock(*registry_, request);
  }
  v1::ExplainBlockResponse Block(uint32_t handle) {
    auto block = Ask(handle);
    EXPECT_THAT(block, IsOk());
    return block.ok() ? *std::move(block) : v1::ExplainBlockResponse();
  }
  void SetPolicy(const std::string& name, v1::Mode mode = v1::MODE_ACT) {
    v1::SetPolicyRequest request;
    request.mutable_settings()->set_policy(name);
    request.mutable_settings()->set_mode(mode);
    ASSERT_THAT(registry_->SetPolicy(request), IsOk());
  }
};

TEST_F(ExplainTest, SaysWhatTheModelKnows) {
  auto worker = ConnectReady();
  const v1::ExplainBlockResponse fresh = Block(11);
  EXPECT_EQ(fresh.node_id(), "node-a");
  EXPECT_EQ(fresh.device_index(), 0u);
  EXPECT_EQ(fresh.handle(), 11u);
  EXPECT_EQ(fresh.sequence(), 1u);
  EXPECT_EQ(fresh.group(), 1u);
  EXPECT_EQ(fresh.page(), 3u);
  EXPECT_EQ(fresh.bytes(), 64u);
  EXPECT_EQ(fresh.tier(), v1::TIER_DRAM);
  EXPECT_EQ(fresh.step(), -1);
  EXPECT_FALSE(fresh.has_last_read_step());
  EXPECT_EQ(fresh.policy(), "shadow-price");
  EXPECT_EQ(fresh.mode(), v1::MODE_ACT);
  ASSERT_TRUE(fresh.has_order());
  EXPECT_EQ(fresh.order().plan_id(), 1u);
  EXPECT_EQ(fresh.order().basis_step(), -1);

  for (int64_t step = 0; step < 3; ++step) {
    ASSERT_EQ(worker->Send(StepReading(step, {0, 2})), Outcome::kApplied);
    worker->Take();
  }
  const v1::ExplainBlockResponse read = Block(2);
  EXPECT_EQ(read.tier(), v1::TIER_DRAM);
  EXPECT_EQ(read.step(), 2);
  EXPECT_EQ(read.last_read_step(), 2);
  EXPECT_EQ(read.order().plan_id(), 4u);
  EXPECT_EQ(read.order().basis_step(), 2);
  // A third of HBM is free.
  EXPECT_TRUE(read.order().promote_all());
  const v1::BlockWorth& worth = read.worth();
  EXPECT_EQ(worth.rule(), v1::PLACEMENT_RULE_VALUES);
  EXPECT_DOUBLE_EQ(worth.value(), worth.read_probability() * worth.price());
  EXPECT_GT(worth.theta(), 0);
  EXPECT_GT(worth.value_if_read(), 0);
  EXPECT_TRUE(worth.has_needed());
  // What is read step after step is worth more than what never was.
  EXPECT_GT(worth.read_probability(), Block(3).worth().read_probability());
  EXPECT_EQ(Block(0).tier(), v1::TIER_HBM);
}

// Its place in the lists is that of the plan which the worker gets.
TEST_F(ExplainTest, PlacesAreThoseOfThePlan) {
  auto worker = ConnectReady();
  worker->Take();
  // HBM is full from here on.
  ASSERT_EQ(worker->Send(Report(0, 1, {2, 3}, {})), Outcome::kApplied);
  v1::Step step = StepReading(0, {0, 1, 2, 3});
  ASSERT_EQ(worker->Send(step), Outcome::kApplied);
  const auto out = worker->Take();
  ASSERT_EQ(out.size(), 1u);
  const std::string& queue = out[0].plan().evict_queue();
  size_t named = 0;
  for (const uint32_t handle : {0u, 1u, 2u, 3u, 8u, 9u}) {
    const v1::ExplainBlockResponse block = Block(handle);
    EXPECT_EQ(block.tier(), v1::TIER_HBM);
    EXPECT_EQ(block.order().plan_id(), out[0].plan().id());
    if (!block.order().has_evict_place()) continue;
    ++named;
    EXPECT_LE(block.order().evict_place(), block.order().evict_queue());
    if (block.order().evict_place() == 1) {
      EXPECT_EQ(queue.substr(0, Ordered({handle}).size()), Ordered({handle}));
    }
  }
  EXPECT_GT(named, 0u);
  EXPECT_EQ(named, Block(0).order().evict_queue());
}

TEST_F(ExplainTest, NamesWhatIsNotThere) {
  auto worker = ConnectReady();
  EXPECT_THAT(Ask(0, "node-b"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("node-b")));
  EXPECT_THAT(Ask(0, "node-a", 7), StatusIs(absl::StatusCode::kNotFound,
                                            HasSubstr("device_index is 7")));
  EXPECT_THAT(Ask(16), StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("handle is 16, expected below 16")));
  EXPECT_THAT(Ask(UINT32_MAX), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("handle")));
  EXPECT_THAT(Ask(5), StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("handle is 5, expected")));
}

TEST_F(ExplainTest, WantsAWholeInventory) {
  auto worker = Connect();
  ASSERT_EQ(worker->Send(HelloMessage(SmallWorker())), Outcome::kApplied);
  const auto refused =
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("inventory"));
  EXPECT_THAT(Ask(0), refused);
  ASSERT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  EXPECT_THAT(Ask(0), IsOk());
  // A resync forgets the order with the picture.
  worker->Skip();
  worker->Send(StepReading(0, {0}));
  EXPECT_THAT(Ask(0), refused);
  ASSERT_EQ(worker->Send(SmallInventory()), Outcome::kApplied);
  EXPECT_EQ(Block(0).order().plan_id(), 2u);
}

TEST_F(ExplainTest, PoliciesWithoutValuesAndModes) {
  auto worker = ConnectReady();
  SetPolicy("lru");
  ASSERT_EQ(worker->Send(StepReading(0, {0, 2})), Outcome::kApplied);
  const v1::ExplainBlockResponse lru = Block(2);
  EXPECT_EQ(lru.policy(), "lru");
  EXPECT_FALSE(lru.has_worth());
  EXPECT_TRUE(lru.order().promote_all());
  // Least recently used first.
  EXPECT_EQ(Block(1).order().evict_queue(), 4u);
  EXPECT_EQ(Block(0).order().evict_place(), 4u);

  SetPolicy("shadow-price", v1::MODE_OBSERVE);
  const v1::ExplainBlockResponse observed = Block(2);
  EXPECT_EQ(observed.mode(), v1::MODE_OBSERVE);
  EXPECT_TRUE(observed.has_worth());
  EXPECT_FALSE(observed.has_order());
  ASSERT_EQ(worker->Send(StepReading(1, {0, 2})), Outcome::kApplied);
  EXPECT_FALSE(Block(2).has_order());
  EXPECT_EQ(Block(2).last_read_step(), 1);
}

// Asking between any two messages leaves every plan as it is.
TEST_F(ExplainTest, ChangesNothing) {
  const auto plans = [this](bool ask) {
    Restart();
    auto worker = ConnectReady();
    std::string all;
    for (int64_t step = 0; step < 30; ++step) {
      const auto first = static_cast<uint32_t>(step % 3);
      worker->Send(StepReading(step, {first, first + 1}));
      for (uint32_t handle = 0; ask && handle < 12; ++handle) {
        Ask(handle).status().IgnoreError();
      }
      for (const auto& message : worker->Take()) {
        all += message.plan().SerializeAsString();
      }
      worker->session().OnWritten();
    }
    return all;
  };
  const std::string quiet = plans(false);
  EXPECT_FALSE(quiet.empty());
  EXPECT_EQ(quiet, plans(true));
}

}  // namespace
}  // namespace kvplace
