#include "client/cli/sizes.h"

#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/core/topology.h"

namespace kvplace {
namespace {

constexpr size_t kMaxDecimals = 6;

// A non-negative decimal number as numerator / 10^decimals.
struct Decimal {
  uint64_t numerator = 0;
  uint64_t denominator = 1;
};

std::optional<Decimal> ParseDecimal(absl::string_view text) {
  Decimal result;
  bool point = false;
  size_t digits = 0;
  size_t decimals = 0;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      return std::nullopt;
    }
    ++digits;
    if (point && ++decimals > kMaxDecimals) return std::nullopt;
    if (result.numerator > (UINT64_MAX - 9) / 10) return std::nullopt;
    result.numerator = result.numerator * 10 + static_cast<uint64_t>(c - '0');
    if (point) result.denominator *= 10;
  }
  if (digits == 0) return std::nullopt;
  return result;
}

absl::Status Expected(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\", expected ", what));
}

std::optional<int64_t> ParseStep(absl::string_view text) {
  int64_t step = 0;
  if (!absl::SimpleAtoi(text, &step) || step < 0) return std::nullopt;
  return step;
}

}  // namespace

absl::StatusOr<Bytes> ParseSize(absl::string_view text) {
  constexpr absl::string_view kWhat =
      "a size such as 4096, 64KiB, 1.5GiB (B, KiB, MiB, GiB), at most 2^60 "
      "bytes and a whole number of them";
  constexpr std::pair<absl::string_view, uint64_t> kUnits[] = {
      {"KiB", uint64_t{1} << 10},
      {"MiB", uint64_t{1} << 20},
      {"GiB", uint64_t{1} << 30},
      {"B", 1}};
  absl::string_view number = absl::StripAsciiWhitespace(text);
  uint64_t unit = 1;
  for (const auto& [suffix, bytes] : kUnits) {
    if (absl::ConsumeSuffix(&number, suffix)) {
      unit = bytes;
      break;
    }
  }
  const auto decimal = ParseDecimal(absl::StripAsciiWhitespace(number));
  if (!decimal) return Expected(text, kWhat);
  const absl::uint128 scaled = absl::uint128(decimal->numerator) * unit;
  const absl::uint128 bytes = scaled / decimal->denominator;
  if (scaled % decimal->denominator != 0 ||
      bytes > static_cast<uint64_t>(kMaxBytes.count())) {
    return Expected(text, kWhat);
  }
  return Bytes(static_cast<int64_t>(bytes));
}

uint64_t Share::Of(uint64_t whole) const {
  return static_cast<uint64_t>(absl::uint128(whole) * numerator / denominator);
}

uint64_t Capacity::Blocks(uint64_t peak_live_blocks, Bytes block) const {
  if (share) return share->Of(peak_live_blocks);
  return static_cast<uint64_t>(bytes / block);
}

absl::StatusOr<Capacity> ParseCapacity(absl::string_view text) {
  Capacity capacity;
  absl::string_view number = absl::StripAsciiWhitespace(text);
  if (!absl::ConsumeSuffix(&number, "%")) {
    auto size = ParseSize(text);
    if (!size.ok()) {
      return Expected(text,
                      "a share such as 25%, or a size such as 4096, 64KiB, "
                      "1.5GiB");
    }
    capacity.bytes = *size;
    return capacity;
  }
  const auto decimal = ParseDecimal(absl::StripAsciiWhitespace(number));
  if (!decimal || decimal->numerator > 1000 * decimal->denominator) {
    return Expected(text, "a share of 0%..1000% with at most 6 decimals");
  }
  capacity.share = Share{decimal->numerator, decimal->denominator * 100};
  return capacity;
}

absl::StatusOr<StepRange> ParseSteps(absl::string_view text) {
  constexpr absl::string_view kWhat =
      "A:B, A: or :B with whole numbers 0 <= A < B";
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return Expected(text, kWhat);
  const absl::string_view first = text.substr(0, colon);
  const absl::string_view end = text.substr(colon + 1);
  StepRange range;
  if (!first.empty()) {
    const auto step = ParseStep(first);
    if (!step) return Expected(text, kWhat);
    range.first = *step;
  }
  if (!end.empty()) {
    range.end = ParseStep(end);
    if (!range.end || *range.end <= range.first) return Expected(text, kWhat);
  }
  return range;
}

}  // namespace kvplace
