// SIGHUP: reads flags and file again and brings into force what can be.
//
// The file is checked whole first; if anything is wrong with it, nothing
// changes. What was changed meanwhile by other means stays: the default policy
// is set only if its options differ from those read before, so that a reload
// for the log level does not undo `kvplacectl policy set`.
// Thread-safety: one thread.
#ifndef KVPLACE_SERVER_DAEMON_RELOADER_H_
#define KVPLACE_SERVER_DAEMON_RELOADER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/command_line.h"
#include "server/config/load_options.h"
#include "server/daemon/running_server.h"

namespace kvplace {

class Reloader {
 public:
  // `options`: what the server was started with. Both pointers outlive the
  // object.
  Reloader(const Invocation& invocation, const Options& options,
           RunningServer* server, const Telemetry& telemetry)
      : invocation_(invocation),
        running_(options),
        server_(*server),
        telemetry_(telemetry) {}

  // Says in the log what changed, what needs a restart, or what is wrong.
  // Returns whether the configuration was sound.
  bool Reload();

  // What is in force of the options.
  const Options& running() const { return running_; }

 private:
  absl::Status Apply(const Options& wanted,
                     const std::vector<OptionChange>& changes);
  absl::Status ApplyPolicy(const PolicySettings& settings);
  bool Fail(const absl::Status& status);

  const Invocation invocation_;
  Options running_;
  RunningServer& server_;
  const Telemetry telemetry_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_RELOADER_H_
