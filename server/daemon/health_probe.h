// `kvplaced --probe`: a client of gRPC's health protocol, for images that have
// no shell and no other tool.
#ifndef KVPLACE_SERVER_DAEMON_HEALTH_PROBE_H_
#define KVPLACE_SERVER_DAEMON_HEALTH_PROBE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/config/command_line.h"
#include "server/config/options.h"

namespace kvplace {

// "SERVING", "NOT_SERVING", ... as the server says. Errors are those of the
// call (UNAVAILABLE, DEADLINE_EXCEEDED, NOT_FOUND: no such service) or of
// credentials; the message names the address.
absl::StatusOr<std::string> Probe(const Options& options,
                                  const ProbeRequest& request);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_HEALTH_PROBE_H_
