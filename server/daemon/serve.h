// kvplaced as a process: from checked options to its exit status.
#ifndef KVPLACE_SERVER_DAEMON_SERVE_H_
#define KVPLACE_SERVER_DAEMON_SERVE_H_

#include "server/config/command_line.h"
#include "server/config/options.h"

namespace kvplace {

// Serves until SIGTERM or SIGINT, then drains. Returns 0 after a drain, 2 if it
// could not begin to serve; the log's last line says why. A second signal ends
// the process at once, with 128 and the signal's number. REQUIRES: no thread
// was started yet.
int Serve(const Invocation& invocation, const Options& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_SERVE_H_
