#include "client/cpp/backoff.h"

#include <set>

#include "gtest/gtest.h"

namespace kvplace::client {
namespace {

BackoffOptions Options(double jitter) {
  BackoffOptions options;
  options.shortest = absl::Milliseconds(100);
  options.longest = absl::Seconds(10);
  options.jitter = jitter;
  options.seed = 42;
  return options;
}

TEST(BackoffTest, DoublesUpToTheLimit) {
  Backoff backoff(Options(0));
  for (const int ms : {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}) {
    EXPECT_EQ(backoff.Next(), absl::Milliseconds(ms));
  }
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
}

TEST(BackoffTest, StaysFiniteForEver) {
  Backoff backoff(Options(0));
  for (int i = 0; i < 5000; ++i) backoff.Next();
  EXPECT_EQ(backoff.Next(), absl::Seconds(10));
}

TEST(BackoffTest, JitterStaysWithinItsShareAndSpreads) {
  std::set<absl::Duration> firsts;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    BackoffOptions options = Options(0.5);
    options.seed = seed;
    Backoff backoff(options);
    const absl::Duration first = backoff.Next();
    EXPECT_GE(first, absl::Milliseconds(50));
    EXPECT_LE(first, absl::Milliseconds(100));
    firsts.insert(first);
  }
  EXPECT_GT(firsts.size(), 190u);
}

TEST(BackoffTest, SameSeedSamePauses) {
  Backoff a(Options(1)), b(Options(1));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(a.Next(), b.Next());
}

TEST(BackoffTest, SpreadIsBelowItsLimitAndNoAttempt) {
  Backoff backoff(Options(0));
  for (int i = 0; i < 100; ++i) {
    const absl::Duration pause = backoff.Spread(absl::Seconds(1));
    EXPECT_GE(pause, absl::ZeroDuration());
    EXPECT_LE(pause, absl::Seconds(1));
  }
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
}

TEST(BackoffTest, RefusesNonsense) {
  BackoffOptions options = Options(0.5);
  EXPECT_TRUE(Validate(options).ok());
  options.jitter = 1.5;
  EXPECT_EQ(Validate(options).message(),
            "backoff.jitter is 1.5, expected 0..1");
  options = Options(0.5);
  options.shortest = absl::ZeroDuration();
  EXPECT_FALSE(Validate(options).ok());
  options = Options(0.5);
  options.longest = absl::Milliseconds(1);
  EXPECT_FALSE(Validate(options).ok());
}

}  // namespace
}  // namespace kvplace::client
