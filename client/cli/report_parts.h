// What the reports of `kvplacectl simulate` and of kvplace-worker have in
// common, so that a script that reads one reads the other.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_REPORT_PARTS_H_
#define KVPLACE_CLIENT_CLI_REPORT_PARTS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "server/core/cost_model.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

// Null where it is not finite, for JSON has no word for that.
nlohmann::ordered_json NumberJson(double value);

nlohmann::ordered_json ProfileJson(const MachineProfile& profile);
// Bytes of a run by what became of them, and the share of reads that missed
// HBM.
nlohmann::ordered_json TrafficJson(const PhaseTraffic& traffic);

// 0..1; 0 of nothing.
double ShareOf(Bytes part, Bytes whole);
// "0.931"; "-" of null.
std::string RatioText(const nlohmann::ordered_json& ratio);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_REPORT_PARTS_H_
