// From .kvtrace files to the workload that a replay serves.
//
// Semantics (docs/cli.md, "Exact semantics"): the files run side by side, step
// s of all of them is one step. Steps are counted by Step records from 0,
// whatever numbers the worker gave them. Sequences are numbered file by file,
// within a file in the order in which they first appear; those that ended
// before the window are not counted. A file that ends before the run does has
// its blocks freed in its last step. A recording is followed up to the first
// gap or new inventory; workload.warnings tells of that and of files that were
// cut off.
#ifndef KVPLACE_SERVER_TRACE_WORKLOAD_LOADER_H_
#define KVPLACE_SERVER_TRACE_WORKLOAD_LOADER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "server/replay/workload.h"

namespace kvplace {

struct WorkloadOptions {
  // Steps [first_step, end_step), renumbered from 0; absent: to the end of the
  // longest file. What exists before first_step is initial.
  int64_t first_step = 0;
  std::optional<int64_t> end_step;
  // Fill read_masses and near_misses. They stay empty when a file recorded
  // none; a file that recorded them for a part of its reads only is treated so
  // too, and warned of.
  bool masses = false;
};

// The files are untrusted; errors name the file, the record and the field.
// Besides what KvtraceReader reports, INVALID_ARGUMENT: a record that breaks
// the contract (a handle that is not alive is read, one that is alive is
// allocated, a group out of range, ...), files that do not fit together, or
// more than 2^32 - 2 ids. OUT_OF_RANGE: no file has the steps that were asked
// for. RESOURCE_EXHAUSTED: more blocks, phases or reads than this program
// follows. REQUIRES at least one file. Memory: 8 bytes per read while it loads.
absl::StatusOr<Workload> LoadWorkload(std::span<const std::string> files,
                                      const WorkloadOptions& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_WORKLOAD_LOADER_H_
