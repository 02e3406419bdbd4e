// Makes one message out of several steps while the server asks for fewer.
//
// At interval 1 every step passes through as it is. At interval k the steps of
// a window are joined: births and new tokens add up, moves are netted, and the
// reads are those of the window's last step, which stands for them all. Blocks
// born in the window are reported as born in DRAM and moved in its last phase:
// so the server's ledger never sees more in HBM than there was. What is lost is
// when within the window things happened; where blocks end up is exact.
//
// A window ends early with a step that frees blocks: handles are free to be
// used again after it, and a message cannot say "freed, then allocated".
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CPP_STEP_SAMPLER_H_
#define KVPLACE_CLIENT_CPP_STEP_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "client/cpp/sample_window.h"
#include "client/cpp/step_data.h"

namespace kvplace::client {

// A Step message to come, and the MoveReport before it.
struct StepSample {
  StepData step;
  // Unless has_moves, there is no report.
  bool has_moves = false;
  MoveReport moves;
  // Decode steps it stands for, >= 1.
  uint32_t decode_steps = 1;
};

class StepSampler {
 public:
  // `groups` of the device, >= 1; `shift` as of SampleWindow.
  explicit StepSampler(uint32_t groups, uint64_t shift = 0)
      : groups_(groups), window_(shift) {}

  // One message per `steps` >= 1.
  void SetInterval(uint32_t steps) { window_.SetInterval(steps); }
  uint32_t interval() const { return window_.interval(); }

  // Takes a step; a sample, if one is due. `freed`: all blocks that ended with
  // it (BlockMirror::Apply).
  std::optional<StepSample> Add(StepData step, std::optional<MoveReport> moves,
                                const std::vector<BlockId>& freed);

  // Ends an open window now; its sample, if there was one.
  std::optional<StepSample> Flush();
  // Forgets an open window: an inventory says it all.
  void Reset();

 private:
  struct Moved {
    Tier before = Tier::kNone;
    Tier now = Tier::kNone;
    bool prefetched = false;
  };

  void Join(StepData* step, const std::optional<MoveReport>& moves);
  void NoteMoves(const MoveReport& moves);
  void NoteMove(BlockId block, Tier before, Tier now, bool prefetched);
  StepSample Close(StepData step, std::optional<MoveReport> moves,
                   const std::vector<BlockId>& freed);

  const uint32_t groups_;
  SampleWindow window_;

  // Of the open window: the last step.
  StepData last_;
  std::optional<MoveReport> last_moves_;
  std::vector<BlockRange> allocated_;
  std::vector<SequenceStep> sequences_;
  absl::flat_hash_map<BlockId, Moved> moved_;
  // In order of first move, so that the same run gives the same messages.
  std::vector<BlockId> order_;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_STEP_SAMPLER_H_
