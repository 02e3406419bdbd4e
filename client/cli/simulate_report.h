// What `kvplacectl simulate` prints: kvplace.simulate/1 as JSON, CSV or a
// table.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_SIMULATE_REPORT_H_
#define KVPLACE_CLIENT_CLI_SIMULATE_REPORT_H_

#include <optional>
#include <ostream>
#include <vector>

#include "server/core/bound/hindsight.h"
#include "server/core/topology.h"
#include "server/replay/simulation.h"
#include "server/replay/workload.h"

namespace kvplace {

struct SimulationReport {
  const Workload* workload = nullptr;
  const DeviceConfig* device = nullptr;
  // Unset: not asked for.
  std::optional<double> roofline_seconds;
  std::optional<HindsightResult> hindsight;
  // Of the hindsight's schedule, with the hindsight.
  std::vector<Seconds> hindsight_step_seconds;
  std::vector<SimulationResult> results;
};

// One JSON document. Doubles read back exactly; what was not computed, or is
// not a number (an infinite bandwidth), is null.
void PrintJson(const SimulationReport& report, std::ostream& out);
// A heading and one line per result.
void PrintCsv(const SimulationReport& report, std::ostream& out);
// For people.
void PrintTable(const SimulationReport& report, std::ostream& out);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SIMULATE_REPORT_H_
