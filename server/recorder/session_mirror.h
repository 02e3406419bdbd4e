// What a recorded session has alive and where, followed from its messages
// alone, so that a new file can begin in the middle of a session with an
// inventory.
//
// It believes what the service accepted, but checks all the same: what does not
// fit puts it out of sync until the next inventory. Memory: 16 bytes per handle
// and 4 per live block. Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_RECORDER_SESSION_MIRROR_H_
#define KVPLACE_SERVER_RECORDER_SESSION_MIRROR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvplace/v1/session.pb.h"
#include "server/core/ids.h"

namespace kvplace {

class SessionMirror {
 public:
  // INVALID_ARGUMENT: no groups, or more handles than a session can have.
  static absl::StatusOr<std::unique_ptr<SessionMirror>> Create(
      const v1::Hello& hello);

  // The inventory is whole and nothing was missed since: WriteInventory would
  // tell the truth.
  bool in_sync() const { return state_ == State::kInSync; }
  // A MoveReport waits for its Step: an inventory now would lie between both.
  bool holds_report() const { return report_.has_value(); }
  // The step after the last one that was applied.
  int64_t next_step() const { return next_step_; }
  uint64_t live_blocks() const { return live_; }

  // A message was missed: out of sync until the next inventory.
  void Lose();

  // Each returns why it fell out of sync; nothing is asked of messages while it
  // is out of sync, they are ignored.
  absl::Status OnInventory(const v1::Inventory& chunk);
  absl::Status OnStep(const v1::Step& step);
  absl::Status OnMoveReport(const v1::MoveReport& report);

  // Calls `emit` with the chunks of an inventory of everything alive, in order
  // of sequence, group and page; the last one is marked. REQUIRES: in_sync().
  void WriteInventory(
      const std::function<void(const v1::Inventory&)>& emit) const;

  // Ranges of one chunk.
  static constexpr int kChunkRanges = 8192;

 private:
  enum class State : uint8_t { kEmpty, kReceiving, kInSync };

  struct Block {
    uint64_t sequence = 0;
    uint32_t page = 0;
    uint16_t group = 0;
    // v1::TIER_UNSPECIFIED: not alive.
    uint8_t tier = 0;
  };
  struct Sequence {
    // Handles it was given; some may have ended since.
    std::vector<uint32_t> handles;
    uint32_t live = 0;
  };

  SessionMirror(uint32_t groups, uint32_t handles, int64_t next_step);

  void Clear();
  // Falls out of sync and says why.
  absl::Status Broken(absl::Status why);
  absl::Status Allocate(const v1::BlockRange& range);
  absl::Status Free(const v1::HandleRange& range);
  void EndSequence(uint64_t sequence);
  void End(uint32_t handle);
  absl::Status ApplyReport();
  absl::Status Move(const std::string& list, v1::Tier to);
  absl::Status ApplyStep(const v1::Step& step);

  const uint32_t groups_;
  State state_ = State::kEmpty;
  int64_t next_step_;
  uint64_t live_ = 0;
  // By handle.
  std::vector<Block> blocks_;
  absl::flat_hash_map<uint64_t, Sequence> sequences_;
  std::optional<v1::MoveReport> report_;
  // Scratch.
  std::vector<BlockId> moved_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_RECORDER_SESSION_MIRROR_H_
