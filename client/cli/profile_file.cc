#include "client/cli/profile_file.h"

#include <yaml-cpp/yaml.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

struct BandwidthKey {
  absl::string_view key;
  BytesPerSecond MachineProfile::*field;
};

constexpr BandwidthKey kBandwidths[] = {
    {"hbm_bytes_per_second", &MachineProfile::hbm},
    {"link_read_bytes_per_second", &MachineProfile::link_read},
    {"link_write_bytes_per_second", &MachineProfile::link_write},
    {"dram_bytes_per_second", &MachineProfile::dram},
};

absl::Status At(const std::string& file, const YAML::Mark& mark,
                absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, ":", mark.line + 1, ": ", what));
}

std::string ExpectedKeys() {
  std::vector<absl::string_view> keys = {"name"};
  for (const BandwidthKey& b : kBandwidths) keys.push_back(b.key);
  return absl::StrJoin(keys, ", ");
}

absl::Status ReadEntry(const std::string& file, const YAML::Node& key,
                       const YAML::Node& value, MachineProfile* profile,
                       std::vector<std::string>* found) {
  if (!key.IsScalar() || !value.IsScalar()) {
    return At(file, key.Mark(), "expected `key: value` with a plain value");
  }
  const auto& name = key.Scalar();
  for (const std::string& earlier : *found) {
    if (earlier == name) {
      return At(file, key.Mark(),
                absl::StrCat("key ", name, " is there twice"));
    }
  }
  found->push_back(name);
  if (name == "name") {
    profile->name = value.Scalar();
    return absl::OkStatus();
  }
  for (const BandwidthKey& b : kBandwidths) {
    if (b.key != name) continue;
    double number = 0;
    if (!YAML::convert<double>::decode(value, number)) {
      return At(file, value.Mark(),
                absl::StrCat(name, " is \"", value.Scalar(),
                             "\", expected a number of bytes per second > 0"));
    }
    profile->*b.field = BytesPerSecond(number);
    return absl::OkStatus();
  }
  return At(file, key.Mark(),
            absl::StrCat("unknown key ", name, ", expected ", ExpectedKeys()));
}

absl::StatusOr<MachineProfile> ReadProfile(const std::string& file) {
  YAML::Node root;
  try {
    root = YAML::LoadFile(file);
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(absl::StrCat(file, ": cannot be read"));
  } catch (const YAML::Exception& e) {
    return At(file, e.mark, e.msg);
  }
  if (!root.IsMap()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": expected a YAML map of ", ExpectedKeys()));
  }
  MachineProfile profile;
  profile.name = file;
  std::vector<std::string> found;
  for (const auto& entry : root) {
    if (auto s = ReadEntry(file, entry.first, entry.second, &profile, &found);
        !s.ok()) {
      return s;
    }
  }
  if (auto s = Validate(profile, /*allow_infinite=*/true); !s.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", s.message()));
  }
  return profile;
}

}  // namespace

absl::StatusOr<MachineProfile> LoadProfile(const std::string& name_or_file) {
  if (absl::EndsWith(name_or_file, ".yaml") ||
      absl::EndsWith(name_or_file, ".yml")) {
    return ReadProfile(name_or_file);
  }
  if (auto profile = FindProfile(name_or_file)) return *profile;
  std::vector<absl::string_view> names;
  for (const MachineProfile& p : BuiltInProfiles()) names.push_back(p.name);
  return absl::InvalidArgumentError(
      absl::StrCat("profile is \"", name_or_file, "\", expected one of ",
                   absl::StrJoin(names, ", "), " or a file ending in .yaml"));
}

}  // namespace kvplace
