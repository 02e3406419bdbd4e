// The words of enums that the wire, the metrics' labels and the logs share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/core/explain.h"
#include "server/core/metrics_sink.h"
#include "server/core/plan.h"

namespace kvplace {
namespace {

// All names of an enum: lower case with underscores, each once.
template <typename Enum>
std::set<std::string> Names(int count) {
  std::set<std::string> names;
  for (int i = 0; i < count; ++i) {
    const std::string name(Name(static_cast<Enum>(i)));
    EXPECT_NE(name, "unknown") << i;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
              std::string::npos)
        << name;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
  }
  EXPECT_EQ(std::string(Name(static_cast<Enum>(count))), "unknown")
      << "the count is too small";
  return names;
}

TEST(Names, AreWordsEachOnce) {
  EXPECT_THAT(
      Names<MoveReason>(kMoveReasons),
      ::testing::ElementsAre("capacity", "miss", "prefetch", "rebalance"));
  EXPECT_EQ(Names<RejectReason>(kRejectReasons).size(), size_t{kRejectReasons});
  EXPECT_EQ(Names<DropReason>(kDropReasons).size(), size_t{kDropReasons});
  EXPECT_EQ(Names<ResyncCause>(kResyncCauses).size(), size_t{kResyncCauses});
  EXPECT_THAT(Names<MoveOutcome>(kMoveOutcomes),
              ::testing::ElementsAre("done", "expired", "failed"));
  EXPECT_THAT(Names<Leader>(kLeaders),
              ::testing::ElementsAre("lfu", "lru", "static", "values"));
}

}  // namespace
}  // namespace kvplace
