// The clairvoyant rules written down as docs/policies.md says them: every block
// is looked at in every phase, and the future is read off the workload. Shares
// no code with the policies, the planner or the emulated device.
#ifndef KVPLACE_TESTS_REPLAY_ORACLE_TWIN_H_
#define KVPLACE_TESTS_REPLAY_ORACLE_TWIN_H_

#include <cstdint>

#include "server/core/units.h"
#include "server/replay/workload.h"
#include "tests/replay/twin_run.h"

namespace kvplace {

// lookahead-1 with window 1 and share 1, annealed-oracle with any.
TwinRun TwinLookahead(const Workload& workload, uint64_t capacity,
                      uint32_t window_steps, double share);

// On the machine of SmallDevice (1000, 100, 100 and 150 B/s).
TwinRun TwinSlack(const Workload& workload, uint64_t capacity, bool exclusive,
                  Bytes fixed, uint32_t window_steps);

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_ORACLE_TWIN_H_
