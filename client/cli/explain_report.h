// The history of one block in a run, for people and for scripts.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_EXPLAIN_REPORT_H_
#define KVPLACE_CLIENT_CLI_EXPLAIN_REPORT_H_

#include <ostream>

#include "server/core/topology.h"
#include "server/replay/block_story.h"
#include "server/replay/simulation.h"
#include "server/replay/workload.h"

namespace kvplace {

struct ExplainReport {
  const Workload* workload = nullptr;
  const DeviceConfig* device = nullptr;
  const SimulationResult* result = nullptr;
  const BlockStory* story = nullptr;
};

// kvplace.explain/1 (docs/cli.md).
void PrintExplainJson(const ExplainReport& report, std::ostream& out);
// A heading, then a row per moment.
void PrintExplainTable(const ExplainReport& report, std::ostream& out);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_EXPLAIN_REPORT_H_
