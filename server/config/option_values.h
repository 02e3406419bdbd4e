// The forms in which options are written: sizes, durations, truth values.
//
// Each Parse* refuses what it does not take whole; messages say what was
// expected, the caller adds whose value it is. Each *Text writes what its
// Parse* reads back as the same value. Thread-safety: pure.
#ifndef KVPLACE_SERVER_CONFIG_OPTION_VALUES_H_
#define KVPLACE_SERVER_CONFIG_OPTION_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kvplace {

// Decimal digits only.
absl::StatusOr<uint64_t> ParseCount(absl::string_view text);

// A whole number with B, KiB, MiB, GiB or TiB; without a unit it is bytes.
absl::StatusOr<uint64_t> ParseSize(absl::string_view text);
std::string SizeText(uint64_t bytes);

// Go's form, as in 250ms, 1.5s or 1m30s: a number needs its unit. Never
// negative or infinite.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);
std::string DurationText(absl::Duration duration);

// on, true, yes; off, false, no.
absl::StatusOr<bool> ParseSwitch(absl::string_view text);
std::string SwitchText(bool value);

// name=number, with a name that is not empty.
absl::StatusOr<std::pair<std::string, double>> ParseParameter(
    absl::string_view text);
// A finite number.
absl::StatusOr<double> ParseNumber(absl::string_view text);
// The shortest text that reads back as the same number.
std::string NumberText(double value);

// Those of `known` that look like `word`, most alike first: at most three, at a
// third of the letters changed at most, or beginning with it.
std::vector<std::string> Nearest(absl::string_view word,
                                 const std::vector<std::string>& known);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_OPTION_VALUES_H_
