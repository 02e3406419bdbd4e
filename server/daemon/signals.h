// Signals as values: blocked in every thread and taken by one that waits for
// them, so that no code of ours ever runs in a signal handler.
#ifndef KVPLACE_SERVER_DAEMON_SIGNALS_H_
#define KVPLACE_SERVER_DAEMON_SIGNALS_H_

#include <optional>

#include "absl/time/time.h"

namespace kvplace {

// Call it before any thread is started: they inherit the mask. SIGTERM, SIGINT
// and SIGHUP wait for WaitForSignal; SIGPIPE is ignored, writes say EPIPE.
void BlockSignals();

// The next of these signals, or nothing after `timeout`.
std::optional<int> WaitForSignal(absl::Duration timeout);

// From now on these signals do what they do to a process that never asked for
// them: end it. For the last stretch, when nobody waits for them any more.
void UnblockSignals();

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_SIGNALS_H_
