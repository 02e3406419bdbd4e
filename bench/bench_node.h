// A device for benchmarks of the core, and what its worker reads: the same
// bytes for the same seed, on any machine.
//
// A step reads a share of the blocks of each group, nine tenths of them the
// same in every step. HBM holds a quarter of the blocks and begins with those
// of the lowest handles. Nothing moves: plans are made and not executed.
#ifndef KVPLACE_BENCH_BENCH_NODE_H_
#define KVPLACE_BENCH_BENCH_NODE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kvplace/v1/session.pb.h"
#include "server/convert/read_decoder.h"
#include "server/core/device_model.h"
#include "server/core/planner.h"
#include "server/core/policy/policy.h"
#include "server/core/topology.h"

namespace kvplace {

enum class BenchEncoding : uint8_t { kDelta, kBitmap, kAll };

// A round of steps, encoded. Thread-safety: constant after construction.
class BenchReads {
 public:
  static constexpr uint32_t kGroups = 32;
  static constexpr uint32_t kRound = 4;

  // A step reads `reads` of `blocks`, both multiples of kGroups; kAll: at least
  // as many, in whole sequences.
  BenchReads(uint32_t blocks, uint32_t reads, BenchEncoding encoding);

  const std::vector<v1::GroupReads>& step(uint64_t number) const {
    return steps_[number % kRound];
  }
  uint32_t blocks() const { return blocks_; }
  // Blocks that a step reads.
  uint32_t reads() const { return reads_; }

 private:
  const uint32_t blocks_;
  uint32_t reads_;
  std::vector<std::vector<v1::GroupReads>> steps_;
};

DeviceConfig BenchDevice(uint32_t blocks);

class BenchNode {
 public:
  // `reads` outlives the node.
  BenchNode(const std::string& policy, const BenchReads* reads);

  // Decodes the next step's reads and does nothing with them.
  void DecodeOnly();
  // Decodes and hears of the next step's reads.
  void Hear();
  // The plan for the next step, and its message.
  void MakePlan();
  // What is done when the plan is out.
  void Background() { model_.Refresh(); }

 private:
  const BenchReads* const reads_;
  const std::unique_ptr<const Policy> policy_;
  DeviceModel model_;
  ReadDecoder decoder_;
  Planner planner_;
  Plan plan_;
  v1::Plan message_;
  int64_t step_ = -1;
};

}  // namespace kvplace

#endif  // KVPLACE_BENCH_BENCH_NODE_H_
