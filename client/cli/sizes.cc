#include "client/cli/sizes.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

using Uint128 = unsigned __int128;

constexpr uint64_t kMaxSize = uint64_t{1} << 60;
constexpr uint64_t kMaxPercent = 10000;
constexpr int kMaxDecimals = 9;
constexpr char kExpectedSize[] =
    "expected a size like 4096, 4096B, 4KiB, 1.5MiB or 2GiB";

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

// value / 10^decimals.
struct Decimal {
  uint64_t value = 0;
  int decimals = 0;
};

enum class DecimalResult { kOk, kNotANumber, kTooLarge, kTooManyDecimals };

// Takes digits with at most one point from the front of `text`. No sign, no
// exponent: neither makes sense in a size.
DecimalResult TakeDecimal(absl::string_view* text, Decimal* number) {
  size_t at = 0;
  bool point = false;
  bool digits = false;
  for (; at < text->size(); ++at) {
    const char c = (*text)[at];
    if (c == '.' && !point && digits) {
      point = true;
      digits = false;
      continue;
    }
    if (!absl::ascii_isdigit(c)) break;
    digits = true;
    number->value = number->value * 10 + static_cast<uint64_t>(c - '0');
    if (number->value > kMaxSize) return DecimalResult::kTooLarge;
    number->decimals += point;
    if (number->decimals > kMaxDecimals) {
      return DecimalResult::kTooManyDecimals;
    }
  }
  if (!digits) return DecimalResult::kNotANumber;
  text->remove_prefix(at);
  return DecimalResult::kOk;
}

uint64_t PowerOfTen(int exponent) {
  uint64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

absl::StatusOr<Decimal> ParseDecimal(absl::string_view* text,
                                     absl::string_view expected) {
  Decimal number;
  switch (TakeDecimal(text, &number)) {
    case DecimalResult::kOk:
      break;
    case DecimalResult::kNotANumber:
      return Bad(expected);
    case DecimalResult::kTooLarge:
      return Bad("too large; at most 2^60 bytes");
    case DecimalResult::kTooManyDecimals:
      return Bad("too many decimals; at most ", kMaxDecimals);
  }
  *text = absl::StripLeadingAsciiWhitespace(*text);
  return number;
}

absl::StatusOr<Bytes> ToBytes(const Decimal& number, absl::string_view unit) {
  uint64_t factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  if (unit == "KiB") factor = uint64_t{1} << 10;
  if (unit == "MiB") factor = uint64_t{1} << 20;
  if (unit == "GiB") factor = uint64_t{1} << 30;
  if (factor == 0) {
    return Bad("unit \"", unit, "\"; expected B, KiB, MiB or GiB");
  }
  const Uint128 scaled = Uint128{number.value} * factor;
  const uint64_t divisor = PowerOfTen(number.decimals);
  if (scaled % divisor != 0) return Bad("not a whole number of bytes");
  if (scaled / divisor > kMaxSize) return Bad("too large; at most 2^60 bytes");
  return Bytes(static_cast<int64_t>(scaled / divisor));
}

absl::StatusOr<int64_t> ParseStep(absl::string_view text) {
  constexpr int64_t kMaxStep = int64_t{1} << 40;
  int64_t step = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) {
      return Bad("expected steps A:B, A: or :B with whole numbers");
    }
    step = step * 10 + (c - '0');
    if (step > kMaxStep) return Bad("step too large; at most 2^40");
  }
  return step;
}

}  // namespace

absl::StatusOr<Bytes> ParseSize(absl::string_view text) {
  absl::StatusOr<Decimal> number = ParseDecimal(&text, kExpectedSize);
  if (!number.ok()) return number.status();
  return ToBytes(*number, text);
}

uint64_t Capacity::Blocks(uint64_t peak_live_blocks, Bytes block_bytes) const {
  if (size.has_value()) return static_cast<uint64_t>(*size / block_bytes);
  // At most 2^64 * 10^13: below 2^128.
  return static_cast<uint64_t>(Uint128{peak_live_blocks} * numerator /
                               denominator);
}

absl::StatusOr<Capacity> ParseCapacity(absl::string_view text) {
  absl::StatusOr<Decimal> number =
      ParseDecimal(&text, absl::StrCat(kExpectedSize, ", or a share like 25%"));
  if (!number.ok()) return number.status();
  Capacity capacity;
  if (text != "%") {
    absl::StatusOr<Bytes> size = ToBytes(*number, text);
    if (!size.ok()) return size.status();
    capacity.size = *size;
    return capacity;
  }
  const uint64_t divisor = PowerOfTen(number->decimals);
  if (number->value > kMaxPercent * divisor) {
    return Bad("too large; at most ", kMaxPercent, "%");
  }
  capacity.numerator = number->value;
  capacity.denominator = divisor * 100;
  return capacity;
}

absl::StatusOr<StepRange> ParseSteps(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos || text.size() == 1) {
    return Bad("expected steps A:B, A: or :B");
  }
  StepRange range;
  absl::StatusOr<int64_t> first = ParseStep(text.substr(0, colon));
  if (!first.ok()) return first.status();
  range.first = *first;
  if (colon + 1 < text.size()) {
    absl::StatusOr<int64_t> end = ParseStep(text.substr(colon + 1));
    if (!end.ok()) return end.status();
    if (*end <= range.first) {
      return Bad("no steps; expected A:B with A < B");
    }
    range.end = *end;
  }
  return range;
}

}  // namespace kvplace
