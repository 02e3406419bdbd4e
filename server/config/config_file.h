// Reads the YAML file: one map whose keys are the options' names.
//
//   listen: 0.0.0.0:50551
//   policy: lfu
//   policy-param: {decay: 0.9}
//
// INVALID_ARGUMENT: "kvplaced.yaml:3: no option "max-sesions", did you mean
// max-sessions?", and likewise for a key given twice, a value that is no text
// or number, or what is not YAML. NOT_FOUND and the like: the file cannot be
// read. Thread-safety: pure, but for reading the file.
#ifndef KVPLACE_SERVER_CONFIG_CONFIG_FILE_H_
#define KVPLACE_SERVER_CONFIG_CONFIG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kvplace {

// One value as it is written; an option that is a map has one for each entry,
// as name=number.
struct FileSetting {
  std::string option;
  std::string value;
  // From 1.
  int line = 0;
};

// In the order of the file; the options exist, their values are not looked at.
absl::StatusOr<std::vector<FileSetting>> ReadConfigFile(
    const std::string& path);
// The same of a text; `name` stands for the file in errors.
absl::StatusOr<std::vector<FileSetting>> ParseConfig(const std::string& name,
                                                     const std::string& text);

// "did you mean listen?" or, if nothing looks like `word`, "known are: ...".
std::string Suggestion(absl::string_view word);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_CONFIG_FILE_H_
