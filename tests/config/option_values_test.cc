#include "server/config/option_values.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OptionValuesTest, Sizes) {
  const std::pair<const char*, uint64_t> good[] = {
      {"0", 0},
      {"17", 17},
      {"17B", 17},
      {"4KiB", 4096},
      {"64 MiB", uint64_t{64} << 20},
      {"3GiB", uint64_t{3} << 30},
      {"16777215TiB", uint64_t{16777215} << 40},
  };
  for (const auto& [text, bytes] : good) {
    const auto parsed = ParseSize(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, bytes) << text;
    EXPECT_EQ(*ParseSize(SizeText(bytes)), bytes) << text;
  }
  for (const char* text : {"", "MiB", "-1", "1.5GiB", "1MB", "16777216TiB",
                           "18446744073709551616", "4 K", "0x10", " 1"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
  EXPECT_EQ(SizeText(4u << 20), "4MiB");
  EXPECT_EQ(SizeText(1025), "1025B");
  EXPECT_EQ(SizeText(0), "0B");
}

TEST(OptionValuesTest, Durations) {
  const std::pair<const char*, absl::Duration> good[] = {
      {"250ms", absl::Milliseconds(250)}, {"1.5s", absl::Milliseconds(1500)},
      {"1m30s", absl::Seconds(90)},       {"100us", absl::Microseconds(100)},
      {"0s", absl::ZeroDuration()},       {"2h", absl::Hours(2)},
  };
  for (const auto& [text, duration] : good) {
    const auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, duration) << text;
    EXPECT_EQ(*ParseDuration(DurationText(duration)), duration) << text;
  }
  for (const char* text : {"", "10", "-1s", "+1s", "inf", "-inf", "1 s", "s",
                           "1x", "99999999999999999999h"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(OptionValuesTest, CountsSwitchesAndParameters) {
  EXPECT_EQ(*ParseCount("007"), 7u);
  for (const char* text :
       {"", "-1", "+1", "1e3", " 1", "18446744073709551616"}) {
    EXPECT_FALSE(ParseCount(text).ok()) << text;
  }
  EXPECT_TRUE(*ParseSwitch("on"));
  EXPECT_FALSE(*ParseSwitch("no"));
  EXPECT_FALSE(ParseSwitch("1").ok());
  EXPECT_EQ(*ParseParameter("decay=0.25"),
            std::pair(std::string("decay"), 0.25));
  for (const char* text : {"", "decay", "=1", "decay=", "decay=x", "decay=nan",
                           "decay=inf", "decay=1 2"}) {
    EXPECT_FALSE(ParseParameter(text).ok()) << text;
  }
  EXPECT_EQ(NumberText(0.1), "0.1");
}

TEST(OptionValuesTest, NearestNames) {
  const std::vector<std::string> known = {"listen",     "log-level",
                                          "log-format", "max-sessions",
                                          "tls-cert",   "tls-key"};
  EXPECT_THAT(Nearest("lisen", known), ElementsAre("listen"));
  EXPECT_THAT(Nearest("max_sessions", known), ElementsAre("max-sessions"));
  EXPECT_THAT(Nearest("loglevel", known), ElementsAre("log-level"));
  EXPECT_THAT(Nearest("tls", known), ElementsAre("tls-key", "tls-cert"));
  EXPECT_THAT(Nearest("quorum", known), IsEmpty());
  EXPECT_THAT(Nearest(std::string(100000, 'a'), known), IsEmpty());
}

}  // namespace
}  // namespace kvplace
