// What a trace holds, in numbers.
#ifndef KVPLACE_SERVER_TRACE_TRACE_INFO_H_
#define KVPLACE_SERVER_TRACE_TRACE_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/core/units.h"
#include "server/replay/workload.h"

namespace kvplace {

struct GroupInfo {
  // Block reads over all steps.
  uint64_t reads = 0;
  // Share of the reads of all steps but the first that the step before read,
  // too; 0 when there are none.
  double overlap = 0;
};

struct TraceInfo {
  std::string path;
  // From the header.
  std::string writer;
  std::string source;
  // As LoadWorkload takes it: up to the first gap, say.
  uint64_t steps = 0;
  uint32_t groups = 0;
  uint32_t sequences = 0;
  uint32_t page_tokens = 0;
  Bytes kv_bytes_per_token;
  // Blocks that ever exist, and most at a time.
  uint64_t blocks = 0;
  uint64_t peak_live_blocks = 0;
  uint64_t reads = 0;
  uint64_t near_misses = 0;
  // Every read has a mass byte.
  bool masses = false;
  // Over all groups.
  double overlap = 0;
  std::vector<GroupInfo> by_group;
  uint64_t file_bytes = 0;
  std::vector<std::string> warnings;

  Bytes block_bytes() const { return kv_bytes_per_token * page_tokens; }
};

// Reads the whole file and checks it as LoadWorkload does.
absl::StatusOr<TraceInfo> ReadTraceInfo(const std::string& path);

// GroupInfo::overlap of every group.
std::vector<GroupInfo> MeasureGroups(const Workload& workload);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_TRACE_INFO_H_
