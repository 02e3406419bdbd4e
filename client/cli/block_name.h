// How a person names a block of a trace: by its id, as schedules list it, or as
// SEQUENCE/GROUP/PAGE, which does not change with the steps that are looked at.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_BLOCK_NAME_H_
#define KVPLACE_CLIENT_CLI_BLOCK_NAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/core/ids.h"
#include "server/replay/workload.h"

namespace kvplace {

struct BlockName {
  // Or, without it, the other three.
  std::optional<uint32_t> id;
  uint32_t sequence = 0;
  uint32_t group = 0;
  uint32_t page = 0;
};

// "1234" or "0/3/17". INVALID_ARGUMENT.
absl::StatusOr<BlockName> ParseBlockName(const std::string& text);

// NOT_FOUND: no such block in the workload, with what there is.
absl::StatusOr<BlockId> FindBlock(const Workload& workload,
                                  const BlockName& name);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_BLOCK_NAME_H_
