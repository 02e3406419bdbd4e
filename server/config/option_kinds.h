// Makes entries of the option table by kind of value. Each takes what the entry
// says about itself and a way to the field: a generic lambda that turns
// Options, const or not, into a reference.
//
// Thread-safety: pure.
#ifndef KVPLACE_SERVER_CONFIG_OPTION_KINDS_H_
#define KVPLACE_SERVER_CONFIG_OPTION_KINDS_H_

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/listen_address.h"
#include "server/config/option_table.h"
#include "server/config/option_values.h"

namespace kvplace {

// What every entry says about itself.
struct About {
  std::string name;
  std::string group;
  std::string help;
  bool reloadable = false;
};

inline OptionSpec MakeSpec(About about, std::string value,
                           std::string expected) {
  OptionSpec spec;
  spec.name = std::move(about.name);
  spec.group = std::move(about.group);
  spec.help = std::move(about.help);
  spec.reloadable = about.reloadable;
  spec.value = std::move(value);
  spec.expected = std::move(expected);
  return spec;
}

// `parse` makes a StatusOr of a value, `format` its text; a value that is not
// in least..most is refused.
template <typename T, typename Parse, typename Format, typename Field>
OptionSpec RangeOption(About about, std::string value, std::string noun,
                       T least, T most, Parse parse, Format format,
                       Field field) {
  OptionSpec spec =
      MakeSpec(std::move(about), std::move(value),
               absl::StrCat(noun, format(least), "..", format(most)));
  spec.set = [parse, least, most, field, expected = spec.expected](
                 absl::string_view text, Options* options) -> absl::Status {
    const absl::StatusOr<T> parsed = parse(text);
    if (!parsed.ok() || *parsed < least || *parsed > most) {
      return absl::InvalidArgumentError(absl::StrCat("expected ", expected));
    }
    auto& target = field(*options);
    target = static_cast<std::decay_t<decltype(target)>>(*parsed);
    return absl::OkStatus();
  };
  spec.get = [format, field](const Options& options) {
    return std::vector<std::string>{format(static_cast<T>(field(options)))};
  };
  return spec;
}

template <typename Field>
OptionSpec CountOption(About about, uint64_t least, uint64_t most,
                       Field field) {
  return RangeOption<uint64_t>(
      std::move(about), "N", "", least, most, ParseCount,
      [](uint64_t n) { return absl::StrCat(n); }, field);
}

template <typename Field>
OptionSpec NumberOption(About about, double least, double most, Field field) {
  return RangeOption<double>(std::move(about), "NUMBER", "", least, most,
                             ParseNumber, NumberText, field);
}

template <typename Field>
OptionSpec SizeOption(About about, uint64_t least, uint64_t most, Field field) {
  return RangeOption<uint64_t>(std::move(about), "SIZE", "a size in ", least,
                               most, ParseSize, SizeText, field);
}

template <typename Field>
OptionSpec DurationOption(About about, absl::Duration least,
                          absl::Duration most, Field field) {
  return RangeOption<absl::Duration>(std::move(about), "DURATION",
                                     "a duration in ", least, most,
                                     ParseDuration, DurationText, field);
}

// One of some words: `parse` reads them, `name` says them.
template <typename Parse, typename Name, typename Field>
OptionSpec WordOption(About about, const std::vector<std::string>& words,
                      Parse parse, Name name, Field field) {
  OptionSpec spec =
      MakeSpec(std::move(about), absl::StrJoin(words, "|"),
               absl::StrCat("one of ", absl::StrJoin(words, ", ")));
  spec.set = [parse, field, expected = spec.expected](
                 absl::string_view text, Options* options) -> absl::Status {
    const auto parsed = parse(text);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("expected ", expected));
    }
    field(*options) = *parsed;
    return absl::OkStatus();
  };
  spec.get = [name, field](const Options& options) {
    return std::vector<std::string>{std::string(name(field(options)))};
  };
  return spec;
}

template <typename Field>
OptionSpec SwitchOption(About about, Field field) {
  return WordOption(std::move(about), {"on", "off"}, ParseSwitch, SwitchText,
                    field);
}

// Any text that `check` says OK to.
template <typename Check, typename Field>
OptionSpec TextOption(About about, std::string value, std::string expected,
                      Check check, Field field) {
  OptionSpec spec =
      MakeSpec(std::move(about), std::move(value), std::move(expected));
  spec.set = [check, field, expected = spec.expected](
                 absl::string_view text, Options* options) -> absl::Status {
    if (!check(text)) {
      return absl::InvalidArgumentError(absl::StrCat("expected ", expected));
    }
    field(*options) = std::string(text);
    return absl::OkStatus();
  };
  spec.get = [field](const Options& options) {
    return std::vector<std::string>{field(options)};
  };
  return spec;
}

// A path, or nothing.
template <typename Field>
OptionSpec PathOption(About about, Field field) {
  return TextOption(
      std::move(about), "PATH", "a path without control characters",
      [](absl::string_view text) {
        for (const char c : text) {
          if (static_cast<unsigned char>(c) < ' ') return false;
        }
        return text.size() < 4096;
      },
      field);
}

// host:port, or one more word.
template <typename Field>
OptionSpec AddressOption(About about, std::string word, Field field) {
  const std::string expected =
      word.empty() ? "host:port, port 0 for any"
                   : absl::StrCat("host:port, port 0 for any, or ", word);
  return TextOption(
      std::move(about), "HOST:PORT", expected,
      [word](absl::string_view text) {
        return (!word.empty() && text == word) || ParseListenAddress(text).ok();
      },
      field);
}

// host:port, or off; nothing means off too, so that a file can leave it open.
template <typename Field>
OptionSpec OptionalAddressOption(About about, Field field) {
  return TextOption(
      std::move(about), "HOST:PORT", "host:port, port 0 for any, or off",
      [](absl::string_view text) {
        return text.empty() || text == "off" || ParseListenAddress(text).ok();
      },
      field);
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_OPTION_KINDS_H_
