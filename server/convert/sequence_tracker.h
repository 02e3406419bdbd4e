// How far each sequence has been written, so that a step's new tokens can be
// booked on the blocks that they go into.
//
// New tokens of a sequence go, in each group:
//   - where the sequence stood, if it began in a step that was seen (its prompt
//     then fills its new blocks from page 0 on);
//   - otherwise, if pages began in this step, so that they start on the first
//     new page's border, or end in the last one if they are more;
//   - otherwise into the newest page.
// What exceeds the newest page's end is not booked, so no block is booked with
// more than it can hold. server/trace books recordings by the same rules.
//
// Thread-safety: one thread at a time. Memory: per sequence, bounded by twice
// the live ones; nothing per block.
#ifndef KVPLACE_SERVER_CONVERT_SEQUENCE_TRACKER_H_
#define KVPLACE_SERVER_CONVERT_SEQUENCE_TRACKER_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/block_table.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/topology.h"

namespace kvplace {

class SequenceTracker {
 public:
  explicit SequenceTracker(const DeviceConfig& device);

  // Forgets every sequence: a new inventory follows.
  void Clear();

  // A step begins: `births` are all of its births, `blocks` what was alive
  // before. INVALID_ARGUMENT: a sequence comes twice. NOT_FOUND: new tokens of
  // a sequence without blocks. The end of an unknown sequence is no error.
  absl::Status BeginStep(const v1::Step& step,
                         absl::Span<const BlockRange> births,
                         const BlockTable& blocks);
  // What the step writes into blocks of `group`; appends. `births` are those of
  // the group; `blocks` has them already.
  void AppendWrites(GroupId group, absl::Span<const BlockRange> births,
                    const BlockTable& blocks, std::vector<KvWrite>* writes);
  // The live blocks of `group` that end because their sequence does; appends.
  void AppendEnded(GroupId group, const BlockTable& blocks,
                   std::vector<BlockId>* ended) const;
  // Whether any sequence ends with the step.
  bool any_ended() const;
  // The step is over; `blocks` is what is alive now.
  void EndStep(const BlockTable& blocks);

  // New tokens heard of since the inventory.
  uint64_t TokensHeard(SequenceId sequence) const;

 private:
  struct State {
    // Tokens written since page 0; -1: its beginning was not seen.
    int64_t position = -1;
    uint64_t heard = 0;
    // Number of the step that began it, or that it last progressed in.
    uint64_t born_in = 0;
    uint64_t progressed_in = 0;
    // Its entry in progress_, if it progressed in this step.
    uint32_t entry = 0;
  };
  struct Progress {
    SequenceId sequence;
    uint32_t new_tokens = 0;
    bool ended = false;
    // Token at which they begin; -1: see `first_page`, or the newest page.
    int64_t begin = -1;
    // Pages that began in the group that was asked for last.
    uint32_t born_group = UINT32_MAX;
    uint32_t first_page = 0;
    uint32_t last_page = 0;
  };

  void NoteBirths(GroupId group, absl::Span<const BlockRange> births);
  void Spread(GroupId group, const Progress& progress, const BlockTable& blocks,
              std::vector<KvWrite>* writes) const;

  // By group.
  const std::vector<int64_t> page_tokens_;
  absl::flat_hash_map<SequenceId, State> states_;
  // Counts steps from 1; 0 is "never".
  uint64_t step_ = 0;
  std::vector<Progress> progress_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_SEQUENCE_TRACKER_H_
