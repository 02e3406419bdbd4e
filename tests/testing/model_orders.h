// The orders of victims that a DeviceModel keeps, as lists.
#ifndef KVPLACE_TESTS_TESTING_MODEL_ORDERS_H_
#define KVPLACE_TESTS_TESTING_MODEL_ORDERS_H_

#include <cstdint>
#include <vector>

#include "server/core/device_model.h"
#include "server/core/policy/policy.h"

namespace kvplace {

// The blocks in HBM, least recently used first. REQUIRES: orders().recency.
inline std::vector<BlockId> OldestFirst(const DeviceModel& model) {
  std::vector<BlockId> blocks;
  AppendOldest(model, model.blocks().handles(), &blocks);
  return blocks;
}

// Lowest rank first.
inline std::vector<BlockId> Order(const RankHeap& heap,
                                  uint32_t partition = 0) {
  std::vector<BlockId> blocks;
  heap.VisitLowest(partition, [&](BlockId block) {
    blocks.push_back(block);
    return true;
  });
  return blocks;
}

// An inventory of one block, of a device with so many handles in each group.
inline BlockRange OnePage(uint32_t handles_each, uint64_t sequence,
                          uint32_t handle, uint32_t page, Tier tier) {
  return {SequenceId(sequence),
          GroupId(handle / handles_each),
          page,
          BlockId(handle),
          1,
          tier};
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_MODEL_ORDERS_H_
