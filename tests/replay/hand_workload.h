// Workloads written down phase by phase.
#ifndef KVPLACE_TESTS_REPLAY_HAND_WORKLOAD_H_
#define KVPLACE_TESTS_REPLAY_HAND_WORKLOAD_H_

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "server/replay/workload.h"
#include "tests/testing/small_device.h"

namespace kvplace {

struct HandPhase {
  std::vector<BlockId> births, reads, freed;
};

struct HandWorkload {
  uint32_t sequences = 1;
  uint32_t groups = 1;
  uint32_t pages_max = 8;
  std::vector<BlockId> initial;
  // One per phase; as many as whole steps of `groups` phases.
  std::vector<HandPhase> phases;

  // Blocks are those of SmallDevice; each birth brings one token.
  Workload Make() const {
    Workload workload;
    workload.sources = {"hand"};
    workload.sequences = sequences;
    workload.groups = groups;
    workload.pages_max = pages_max;
    workload.page_tokens = 4;
    workload.kv_bytes_per_token = kSmallToken;
    workload.steps = static_cast<uint32_t>(phases.size()) / groups;
    workload.live_at_start.assign(sequences, false);
    workload.initial = initial;
    std::set<BlockId> live(initial.begin(), initial.end());
    workload.blocks = live.size();
    for (const BlockId block : initial) {
      workload.live_at_start[workload.SequenceOf(block)] = true;
    }
    for (size_t p = 0; p < phases.size(); ++p) {
      for (const BlockId block : phases[p].births) {
        workload.births.Push(block);
        workload.kv_writes.Push({block, 1});
        live.insert(block);
        if (p < groups) {
          workload.live_at_start[workload.SequenceOf(block)] = true;
        }
      }
      for (const BlockId block : phases[p].reads) workload.reads.Push(block);
      for (const BlockId block : phases[p].freed) workload.freed.Push(block);
      workload.blocks += phases[p].births.size();
      workload.peak_live_blocks =
          std::max<uint64_t>(workload.peak_live_blocks, live.size());
      for (const BlockId block : phases[p].freed) live.erase(block);
      workload.births.Close();
      workload.kv_writes.Close();
      workload.reads.Close();
      workload.freed.Close();
      workload.near_misses.Close();
    }
    return workload;
  }
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_REPLAY_HAND_WORKLOAD_H_
