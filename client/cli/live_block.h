// What `kvplacectl explain --node` prints.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_LIVE_BLOCK_H_
#define KVPLACE_CLIENT_CLI_LIVE_BLOCK_H_

#include <ostream>

#include "kvplace/v1/admin.pb.h"

namespace kvplace {

// Lines for people, or kvplace.block/1.
void PrintBlock(const v1::ExplainBlockResponse& block, bool json,
                std::ostream& out);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_LIVE_BLOCK_H_
