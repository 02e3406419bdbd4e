// Decodes what one phase read, in whichever of the three forms it came.
//
// Untrusted input: INVALID_ARGUMENT names the field; NOT_FOUND: a handle or
// sequence that is not live in the group.
// Thread-safety: one thread at a time. Memory is reused; 1 bit per handle.
#ifndef KVPLACE_SERVER_CONVERT_READ_DECODER_H_
#define KVPLACE_SERVER_CONVERT_READ_DECODER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/block_table.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"

namespace kvplace {

class ReadDecoder {
 public:
  explicit ReadDecoder(uint32_t handles);

  // Sets reads, near misses and masses of `update`, reads ascending. They hold
  // until the next call and as long as `reads` does. `blocks` has the phase's
  // births.
  absl::Status Decode(const v1::GroupReads& reads, const BlockTable& blocks,
                      PhaseUpdate* update);

 private:
  // Into reads_, in the order of the message.
  absl::Status List(const v1::GroupReads& reads, const BlockTable& blocks);
  absl::Status ListAll(const v1::SequenceList& all, GroupId group,
                       const BlockTable& blocks);
  absl::Status CheckNearMisses(GroupId group, const BlockTable& blocks) const;
  void SortReads();
  void SortReadsWithMasses();

  const uint32_t handles_;
  std::vector<BlockId> reads_;
  std::vector<BlockId> near_misses_;
  std::vector<uint8_t> masses_;
  std::vector<uint64_t> sequences_;
  std::vector<std::pair<BlockId, uint8_t>> pairs_;
  // One bit per handle, all clear between calls.
  std::vector<uint64_t> bits_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_READ_DECODER_H_
