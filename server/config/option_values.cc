#include "server/config/option_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

struct SizeUnit {
  absl::string_view name;
  int shift;
};
// Largest first.
constexpr SizeUnit kSizeUnits[] = {
    {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}};

bool AllDigits(absl::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == absl::string_view::npos;
}

// Edits (insert, delete, replace one letter) from a to b.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

absl::StatusOr<uint64_t> ParseCount(absl::string_view text) {
  uint64_t value = 0;
  if (!AllDigits(text) || !absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError("expected a whole number");
  }
  return value;
}

absl::StatusOr<uint64_t> ParseSize(absl::string_view text) {
  const absl::Status wrong =
      absl::InvalidArgumentError("expected a size such as 64MiB");
  int shift = 0;
  for (const SizeUnit& unit : kSizeUnits) {
    if (!absl::EndsWith(text, unit.name)) continue;
    text.remove_suffix(unit.name.size());
    shift = unit.shift;
    break;
  }
  while (absl::EndsWith(text, " ")) text.remove_suffix(1);
  uint64_t value = 0;
  if (!AllDigits(text) || !absl::SimpleAtoi(text, &value) ||
      value > (UINT64_MAX >> shift)) {
    return wrong;
  }
  return value << shift;
}

std::string SizeText(uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    const uint64_t one = uint64_t{1} << unit.shift;
    if (bytes >= one && bytes % one == 0) {
      return absl::StrCat(bytes >> unit.shift, unit.name);
    }
  }
  return absl::StrCat(bytes, "B");
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration value;
  // Of what absl takes, "inf" and signs are no durations of ours.
  if (text.empty() || text[0] == '-' || text[0] == '+' ||
      absl::StrContains(text, "inf") || !absl::ParseDuration(text, &value) ||
      value == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        "expected a duration such as 250ms, 10s or 5m");
  }
  return value;
}

std::string DurationText(absl::Duration duration) {
  return duration == absl::ZeroDuration() ? "0s"
                                          : absl::FormatDuration(duration);
}

absl::StatusOr<bool> ParseSwitch(absl::string_view text) {
  for (const absl::string_view on : {"on", "true", "yes"}) {
    if (text == on) return true;
  }
  for (const absl::string_view off : {"off", "false", "no"}) {
    if (text == off) return false;
  }
  return absl::InvalidArgumentError("expected on or off");
}

std::string SwitchText(bool value) { return value ? "on" : "off"; }

absl::StatusOr<double> ParseNumber(absl::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return absl::InvalidArgumentError("expected a number");
  }
  return value;
}

absl::StatusOr<std::pair<std::string, double>> ParseParameter(
    absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError("expected name=number");
  }
  const auto value = ParseNumber(text.substr(equals + 1));
  if (!value.ok()) return absl::InvalidArgumentError("expected name=number");
  return std::pair(std::string(text.substr(0, equals)), *value);
}

std::string NumberText(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end.ptr);
}

std::vector<std::string> Nearest(absl::string_view word,
                                 const std::vector<std::string>& known) {
  // What is longer than any option is not a typing error.
  if (word.empty() || word.size() > 64) return {};
  std::vector<std::pair<size_t, std::string>> found;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    const size_t longest = std::max(word.size(), candidate.size());
    if (distance * 3 <= longest) {
      found.emplace_back(distance, candidate);
    } else if (word.size() >= 3 && absl::StartsWith(candidate, word)) {
      found.emplace_back(longest, candidate);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (const auto& [distance, name] : found) {
    if (names.size() < 3) names.push_back(name);
  }
  return names;
}

}  // namespace kvplace
