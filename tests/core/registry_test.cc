#include "server/core/policy/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(Registry, MakesWhatItLists) {
  for (const absl::string_view name : OnlinePolicyNames()) {
    SCOPED_TRACE(name);
    const auto policy = MakeOnlinePolicy(name);
    ASSERT_THAT(policy, IsOk());
    EXPECT_EQ((*policy)->traits().name, name);
    EXPECT_FALSE((*policy)->traits().clairvoyant)
        << "only online policies may drive a live worker";
    EXPECT_GE((*policy)->traits().default_delay_steps, 0);
  }
}

TEST(Registry, ListsTheBaselinesAndTheDefault) {
  const auto names = OnlinePolicyNames();
  for (const char* name : {"static", "reactive-layer", "reactive-page", "lru",
                           "lfu", "balanced", "shadow-price"}) {
    EXPECT_THAT(names, Contains(absl::string_view(name)));
  }
  EXPECT_THAT(names, Contains(kDefaultPolicy));
}

TEST(Registry, UnknownNamesAreToldTheKnownOnes) {
  for (const char* name : {"", "LRU", "lru ", "mru"}) {
    EXPECT_THAT(
        MakeOnlinePolicy(name),
        StatusIs(kInvalid,
                 AllOf(HasSubstr(absl::StrCat("\"", name, "\"")),
                       HasSubstr("reactive-page"), HasSubstr("balanced"))));
  }
}

TEST(Registry, UnknownParametersAreToldTheKnownOnes) {
  EXPECT_THAT(MakeOnlinePolicy("lru", {{"decay", 0.5}}),
              StatusIs(kInvalid, AllOf(HasSubstr("lru"), HasSubstr("decay"),
                                       HasSubstr("expected none"))));
  EXPECT_THAT(MakeOnlinePolicy("lfu", {{"Decay", 0.5}}),
              StatusIs(kInvalid,
                       AllOf(HasSubstr("Decay"), HasSubstr("expected decay"))));
}

TEST(Registry, ParametersReachThePolicy) {
  EXPECT_EQ((*MakeOnlinePolicy("lfu"))->traits().count_decay, 0.8);
  EXPECT_EQ((*MakeOnlinePolicy("lfu", {{"decay", 0.5}}))->traits().count_decay,
            0.5);
}

TEST(Registry, ParametersOutOfRangeAreRefusedByName) {
  const double infinite = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {0.0, 0.0099, 1.0, 0.99991, -1.0, infinite, nan}) {
    SCOPED_TRACE(value);
    EXPECT_THAT(MakeOnlinePolicy("lfu", {{"decay", value}}),
                StatusIs(kInvalid,
                         AllOf(HasSubstr("decay"), HasSubstr("0.01..0.9999"))));
  }
  for (const double value : {-0.01, 1.01, -infinite, nan}) {
    SCOPED_TRACE(value);
    EXPECT_THAT(
        MakeOnlinePolicy("balanced", {{"slack", value}}),
        StatusIs(kInvalid, AllOf(HasSubstr("slack"), HasSubstr("0..1"))));
  }
  for (const double value : {0.01, 0.9999}) {
    EXPECT_THAT(MakeOnlinePolicy("lfu", {{"decay", value}}), IsOk());
  }
  for (const double value : {0.0, 1.0}) {
    EXPECT_THAT(MakeOnlinePolicy("balanced", {{"slack", value}}), IsOk());
  }
}

TEST(Registry, ListsEveryPolicyInTheOrderOfTables) {
  const std::vector<absl::string_view> all = {"static",
                                              "reactive-layer",
                                              "reactive-page",
                                              "lru",
                                              "lfu",
                                              "lookahead-1",
                                              "balanced",
                                              "slack-oracle",
                                              "annealed-oracle",
                                              "belady",
                                              "shadow-price"};
  EXPECT_EQ(PolicyNames(), all);
}

TEST(Registry, ClairvoyantPoliciesAreRefused) {
  for (const char* name :
       {"lookahead-1", "slack-oracle", "annealed-oracle", "belady"}) {
    EXPECT_THAT(
        MakeOnlinePolicy(name, {{"no-such-parameter", 1}}),
        StatusIs(
            absl::StatusCode::kFailedPrecondition,
            AllOf(HasSubstr(absl::StrCat("policy ", name, " knows the future")),
                  HasSubstr("expected one of static, "))));
    EXPECT_THAT(OnlinePolicyNames(), Not(Contains(absl::string_view(name))));
  }
}

}  // namespace
}  // namespace kvplace
