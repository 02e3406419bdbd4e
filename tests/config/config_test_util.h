// Loads options from flags and the text of a file.
#ifndef KVPLACE_TESTS_CONFIG_CONFIG_TEST_UTIL_H_
#define KVPLACE_TESTS_CONFIG_CONFIG_TEST_UTIL_H_

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "server/config/command_line.h"
#include "server/config/load_options.h"

namespace kvplace {

inline std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

inline absl::StatusOr<EffectiveOptions> Load(std::vector<std::string> flags,
                                             const std::string& yaml = "") {
  if (!yaml.empty()) {
    flags.push_back("--config=" + WriteFile("kvplaced.yaml", yaml));
  }
  const absl::StatusOr<Invocation> invocation = ParseCommandLine(flags);
  if (!invocation.ok()) return invocation.status();
  return LoadOptions(*invocation);
}

// The message of an error, without the folder of the test's file.
inline std::string Problem(std::vector<std::string> flags,
                           const std::string& yaml = "") {
  const absl::StatusOr<EffectiveOptions> loaded = Load(std::move(flags), yaml);
  if (loaded.ok()) return "no problem";
  std::string message(loaded.status().message());
  const std::string folder = ::testing::TempDir() + "/";
  for (size_t at; (at = message.find(folder)) != std::string::npos;) {
    message.erase(at, folder.size());
  }
  return message;
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_CONFIG_CONFIG_TEST_UTIL_H_
