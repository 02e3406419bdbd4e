// Sizes, shares and step ranges of the command line.
#include "client/cli/sizes.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

int64_t SizeOf(const std::string& text) {
  const absl::StatusOr<Bytes> size = ParseSize(text);
  EXPECT_TRUE(size.ok()) << text << ": " << size.status();
  return size.ok() ? size->count() : -1;
}

TEST(ParseSizeTest, UnitsAndDecimals) {
  EXPECT_EQ(SizeOf("0"), 0);
  EXPECT_EQ(SizeOf("4096"), 4096);
  EXPECT_EQ(SizeOf("4096B"), 4096);
  EXPECT_EQ(SizeOf("4KiB"), 4096);
  EXPECT_EQ(SizeOf("3 MiB"), 3 << 20);
  EXPECT_EQ(SizeOf("2GiB"), int64_t{2} << 30);
  EXPECT_EQ(SizeOf("1.5KiB"), 1536);
  EXPECT_EQ(SizeOf("0.001953125KiB"), 2);
  EXPECT_EQ(SizeOf("96.00GiB"), int64_t{96} << 30);
  EXPECT_EQ(SizeOf("1073741824GiB"), int64_t{1} << 60);
  EXPECT_EQ(SizeOf("1152921504606846976"), int64_t{1} << 60);
}

struct BadText {
  const char* text;
  const char* says;
};

class BadSize : public ::testing::TestWithParam<BadText> {};

TEST_P(BadSize, IsRefused) {
  for (const absl::Status& status : {ParseSize(GetParam().text).status(),
                                     ParseCapacity(GetParam().text).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , BadSize,
    ::testing::Values(
        BadText{"", "expected a size"}, BadText{"-1", "expected a size"},
        BadText{"+1", "expected a size"}, BadText{"nan", "expected a size"},
        BadText{"inf", "expected a size"}, BadText{"KiB", "expected a size"},
        BadText{".5KiB", "expected a size"}, BadText{"1.", "expected a size"},
        BadText{" 1", "expected a size"}, BadText{"1e3", "unit \"e3\""},
        BadText{"0x10", "unit \"x10\""}, BadText{"1.5.5", "unit \".5\""},
        BadText{"1KB", "unit \"KB\"; expected B, KiB"},
        BadText{"1kib", "unit \"kib\""}, BadText{"1KiBs", "unit \"KiBs\""},
        BadText{"1 2", "unit \"2\""},
        BadText{"1.5", "not a whole number of bytes"},
        BadText{"0.3KiB", "not a whole number of bytes"},
        BadText{"1152921504606846977", "too large"},
        BadText{"1073741825GiB", "too large"},
        BadText{"99999999999999999999999999", "too large"},
        BadText{"1.0000000000", "too many decimals"}));

TEST(ParseSizeTest, SharesAreNoSizes) {
  EXPECT_THAT(std::string(ParseSize("25%").status().message()),
              HasSubstr("unit \"%\""));
}

uint64_t BlocksOf(const std::string& text, uint64_t peak) {
  const absl::StatusOr<Capacity> capacity = ParseCapacity(text);
  EXPECT_TRUE(capacity.ok()) << text << ": " << capacity.status();
  return capacity.ok() ? capacity->Blocks(peak, Bytes(65536)) : 0;
}

TEST(ParseCapacityTest, SharesAreExactAndRoundDown) {
  EXPECT_EQ(BlocksOf("25%", 42570), 10642u);
  EXPECT_EQ(BlocksOf("0%", 42570), 0u);
  EXPECT_EQ(BlocksOf("100%", 42570), 42570u);
  EXPECT_EQ(BlocksOf("12.5%", 1000), 125u);
  EXPECT_EQ(BlocksOf("12.5%", 1007), 125u);
  EXPECT_EQ(BlocksOf("12.5%", 1008), 126u);
  // In doubles 0.29 * 100 is 28.999999999999996.
  EXPECT_EQ(BlocksOf("29%", 100), 29u);
  EXPECT_EQ(BlocksOf("0.7%", 1000), 7u);
  EXPECT_EQ(BlocksOf("33.333333333%", 300), 99u);
  EXPECT_EQ(BlocksOf("10000%", UINT32_MAX), uint64_t{UINT32_MAX} * 100);
}

TEST(ParseCapacityTest, SizesAreWholeBlocks) {
  EXPECT_EQ(BlocksOf("64KiB", 7), 1u);
  EXPECT_EQ(BlocksOf("65535", 7), 0u);
  EXPECT_EQ(BlocksOf("1GiB", 7), 16384u);
}

TEST(ParseCapacityTest, SharesOutOfRange) {
  EXPECT_FALSE(ParseCapacity("-5%").ok());
  EXPECT_FALSE(ParseCapacity("nan%").ok());
  EXPECT_FALSE(ParseCapacity("10001%").ok());
  EXPECT_FALSE(ParseCapacity("5%%").ok());
  EXPECT_THAT(std::string(ParseCapacity("x").status().message()),
              HasSubstr("a share like 25%"));
}

TEST(ParseStepsTest, Ranges) {
  const auto range = [](const std::string& text) {
    const absl::StatusOr<StepRange> steps = ParseSteps(text);
    EXPECT_TRUE(steps.ok()) << text << ": " << steps.status();
    return std::pair(steps->first, steps->end);
  };
  using End = std::optional<int64_t>;
  EXPECT_EQ(range("0:400"), std::pair(int64_t{0}, End(400)));
  EXPECT_EQ(range("3:4"), std::pair(int64_t{3}, End(4)));
  EXPECT_EQ(range("3:"), std::pair(int64_t{3}, End()));
  EXPECT_EQ(range(":4"), std::pair(int64_t{0}, End(4)));
}

TEST(ParseStepsTest, WhatIsNoRange) {
  for (const char* text : {"", ":", "5", "a:b", "1:b", "-1:5", "1:-5", "1:2:3",
                           "1 :2", "4:4", "5:4", ":0", "1.5:2"}) {
    EXPECT_EQ(ParseSteps(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_THAT(
      std::string(ParseSteps("0:99999999999999999999").status().message()),
      HasSubstr("too large"));
}

}  // namespace
}  // namespace kvplace
