// Tiers, ranges of blocks and of handles, and what a phase read, on the wire.
//
// Untrusted input: INVALID_ARGUMENT names the field; the caller puts the path
// to it in front (see Within). Thread-safety: pure functions.
#ifndef KVPLACE_SERVER_CONVERT_BLOCKS_H_
#define KVPLACE_SERVER_CONVERT_BLOCKS_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/block_table.h"
#include "server/core/ids.h"
#include "server/core/topology.h"

namespace kvplace {

// The same status with words in front of its message; OK stays OK.
template <typename... Words>
absl::Status Within(const absl::Status& status, const Words&... words) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(words..., status.message()));
}

// kNone becomes UNSPECIFIED.
v1::Tier TierToProto(Tier tier);
// INVALID_ARGUMENT: neither HBM nor DRAM.
absl::StatusOr<Tier> TierFromProto(v1::Tier tier);

// Checks what does not depend on what is alive: group and handles within
// range, at least one block, a tier.
absl::StatusOr<BlockRange> BlockRangeFromProto(const v1::BlockRange& range,
                                               uint32_t groups,
                                               uint32_t handles);
void BlockRangeToProto(const BlockRange& range, v1::BlockRange* out);

// INVALID_ARGUMENT: empty, or out of range.
absl::StatusOr<HandleRange> HandleRangeFromProto(const v1::HandleRange& range,
                                                 uint32_t handles);
// Appends ranges that hold `blocks`, which must be ascending.
void AppendHandleRanges(
    std::span<const BlockId> blocks,
    google::protobuf::RepeatedPtrField<v1::HandleRange>* out);

// What one phase read, for the wire.
struct ReadSet {
  GroupId group;
  // Ascending, disjoint.
  std::span<const BlockId> reads;
  std::span<const BlockId> near_misses;
  // Empty, or one byte per read and then one per near miss.
  std::span<const uint8_t> masses;
  // If `reads` are all live blocks of these sequences in the group (dense
  // attention), these; otherwise empty.
  std::span<const SequenceId> whole_sequences;
};

// Writes `reads` in the smallest of the three encodings (of equals: the list of
// sequences, then the list of handles, then the bitmap). With masses never as a
// list of sequences, whose order need not be that of the masses.
void EncodeReads(const ReadSet& reads, v1::GroupReads* out);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_BLOCKS_H_
