// kvplaced --probe: a health check for images without a shell.
#ifndef KVPLACE_SERVER_APP_PROBE_H_
#define KVPLACE_SERVER_APP_PROBE_H_

#include "absl/status/status.h"
#include "server/config/command_line.h"
#include "server/config/options.h"

namespace kvplace {

// OK: the server (or its service) says SERVING. UNAVAILABLE: it says otherwise,
// or cannot be asked, with the address. INVALID_ARGUMENT: the request.
absl::Status Probe(const ProbeRequest& request, const Options& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_APP_PROBE_H_
