#include "client/cpp/session_options.h"

#include "absl/strings/str_cat.h"
#include "server/convert/hello.h"

namespace kvplace::client {
namespace {

absl::Status CheckPositive(const char* field, absl::Duration value) {
  if (value > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, " is ", absl::FormatDuration(value), ", expected > 0"));
}

}  // namespace

absl::Status Validate(const SessionOptions& options) {
  if (options.target.empty()) {
    return absl::InvalidArgumentError(
        "target is empty, expected host:port of kvplaced");
  }
  if (options.device_index >= kMaxDevicesPerNode) {
    return absl::InvalidArgumentError(
        absl::StrCat("device_index is ", options.device_index,
                     ", expected below ", kMaxDevicesPerNode));
  }
  if (options.queue_limit == 0) {
    return absl::InvalidArgumentError("queue_limit is 0, expected >= 1");
  }
  for (absl::Status s :
       {CheckNodeId("node_id", options.node_id),
        Validate(options.device, UINT32_MAX, /*allow_infinite=*/false),
        Validate(options.backoff),
        CheckPositive("refused_retry", options.refused_retry),
        CheckPositive("hello_timeout", options.hello_timeout),
        CheckPositive("write_timeout", options.write_timeout)}) {
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace kvplace::client
