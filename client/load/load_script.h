// What the workers of a load say, written before the clock runs: a Hello, an
// inventory in one message, and a round of steps that is gone through again and
// again.
//
// All sequences of a device have 256 pages, or fewer in small groups. A step
// reads the same number of blocks of each group: nine tenths of them are the
// same in every step and begin in HBM as far as it holds them, the others are
// drawn anew for each step of the round. Nothing is written, moved or freed, so
// that every step is like the one before.
//
// Thread-safety: constant after construction. Memory: the messages of one
// round, shared by all sessions.
#ifndef KVPLACE_CLIENT_LOAD_LOAD_SCRIPT_H_
#define KVPLACE_CLIENT_LOAD_LOAD_SCRIPT_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "client/cpp/session_options.h"
#include "client/load/load_options.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/core/block_table.h"

namespace kvplace::load {

class LoadScript {
 public:
  // REQUIRES: Validate(options) is OK.
  explicit LoadScript(const LoadOptions& options);

  grpc::ByteBuffer Hello(const std::string& node, uint32_t device,
                         uint64_t incarnation) const;
  grpc::ByteBuffer Inventory(uint64_t sequence_number) const;
  // The step `step`, standing for `decode_steps`.
  grpc::ByteBuffer Step(uint64_t sequence_number, int64_t step,
                        uint32_t decode_steps) const;
  static grpc::ByteBuffer Heartbeat(uint64_t sequence_number);

  // Of a step's message, mean of the round.
  double step_bytes() const { return step_bytes_; }

 private:
  // A prime, so that a worker that sends every second, fourth ... step sends
  // all of them in turn, too.
  static constexpr uint32_t kRound = 17;

  void Place(const LoadOptions& options);
  // The handles that step `round` reads in a group, ascending.
  std::vector<BlockId> Reads(uint32_t group);
  grpc::Slice EncodeReads(const LoadOptions& options);

  client::SessionOptions session_;
  uint32_t each_;
  uint32_t pages_;
  // Blocks that a step reads, by group.
  std::vector<uint32_t> wanted_;
  // Handles that every step reads, by group.
  std::vector<std::vector<BlockId>> steady_;
  std::mt19937_64 random_;

  std::string inventory_;
  std::vector<grpc::Slice> steps_;
  double step_bytes_ = 0;
};

}  // namespace kvplace::load

#endif  // KVPLACE_CLIENT_LOAD_LOAD_SCRIPT_H_
