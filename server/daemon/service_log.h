// Turns the one-line messages of service and recorder into lines of the
// structured log: "n0/3 epoch 7: resync: sequence_gap: ..." becomes the message
// with the fields node, device and epoch and the cause "resync".
//
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_DAEMON_SERVICE_LOG_H_
#define KVPLACE_SERVER_DAEMON_SERVICE_LOG_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/config/structured_log.h"
#include "server/service/service_options.h"

namespace kvplace {

struct ServiceLine {
  // First word of the message, [a-z_]+; "service" if it has none.
  std::string cause;
  std::string message;
  // Empty where the line is not about a node.
  std::string node;
  std::optional<uint32_t> device;
  std::optional<uint64_t> epoch;
};
ServiceLine ParseServiceLine(absl::string_view line);

// `log` outlives the function.
LogFunction LogInto(StructuredLog* log);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_SERVICE_LOG_H_
