// Matchers for absl::Status and StatusOr: Debian's Abseil has none.
//
//   EXPECT_THAT(Validate(device, 8, false), IsOk());
//   EXPECT_THAT(table.Add(range), StatusIs(absl::StatusCode::kAlreadyExists,
//                                          HasSubstr("handle 3")));
#ifndef KVPLACE_TESTS_TESTING_STATUS_MATCHERS_H_
#define KVPLACE_TESTS_TESTING_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

namespace kvplace {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::Matches(message)(std::string(StatusOf(arg).message()));
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_STATUS_MATCHERS_H_
