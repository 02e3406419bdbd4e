// Where lines of the log go: stderr, by a thread of its own.
//
// A full pipe or a slow terminal must not hold up a session, so lines wait in a
// bounded queue; when it is full the oldest are dropped and counted.
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_DAEMON_LOG_OUTPUT_H_
#define KVPLACE_SERVER_DAEMON_LOG_OUTPUT_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"

namespace kvplace {

class LogOutput {
 public:
  LogOutput();
  // Writes what is queued.
  ~LogOutput();
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;

  void Write(absl::string_view line);
  // Lines dropped since the start.
  uint64_t dropped() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_DAEMON_LOG_OUTPUT_H_
