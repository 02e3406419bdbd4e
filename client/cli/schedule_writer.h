// The schedule of one simulated run as JSON lines (kvplace.schedule/1), so that
// anyone can check it with code of their own; see docs/cli.md.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CLI_SCHEDULE_WRITER_H_
#define KVPLACE_CLIENT_CLI_SCHEDULE_WRITER_H_

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/core/ids.h"
#include "server/replay/emulated_device.h"
#include "server/replay/workload.h"

namespace kvplace {

class ScheduleWriter {
 public:
  // `workload` must outlive it.
  ScheduleWriter(const Workload& workload, uint64_t capacity_blocks);

  // Starts the file anew; errors name it.
  absl::Status Open(const std::string& path);
  // The heading line, then one line per phase, in order.
  void WriteStart(const std::vector<BlockId>& initial_hbm);
  void WritePhase(size_t phase, const PhaseOutcome& outcome);
  // Flushes; DATA_LOSS naming the file if anything was not written.
  absl::Status Close();

 private:
  void AppendIds(const char* key, absl::Span<const BlockId> ids);

  const Workload& workload_;
  const uint64_t capacity_blocks_;
  std::string path_;
  std::ofstream file_;
  std::string line_;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SCHEDULE_WRITER_H_
