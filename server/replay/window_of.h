// A recorded workload as the bounds see it.
//
// Thread-safety: a function.
#ifndef KVPLACE_SERVER_REPLAY_WINDOW_OF_H_
#define KVPLACE_SERVER_REPLAY_WINDOW_OF_H_

#include "server/core/bound/access_window.h"
#include "server/core/topology.h"
#include "server/replay/workload.h"

namespace kvplace {

// Its blocks are `added_as` the workload's ids in the order in which they
// begin: initial ones, then births by phase (see BlockOrder).
AccessWindow WindowOf(const Workload& workload, const DeviceConfig& device);

// Ids of the workload in the order in which WindowOf adds them.
std::vector<BlockId> BlockOrder(const Workload& workload);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_REPLAY_WINDOW_OF_H_
