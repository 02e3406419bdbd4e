// The window made of a ring of steps against one made, slowly and obviously,
// of the whole history, on random sessions that use handles again and again.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "server/core/bound/rolling_bound.h"
#include "server/core/bound/step_ring.h"
#include "server/replay/workload.h"
#include "tests/testing/random_workload.h"
#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

// Everything about a block but its number: birth, end, size, uses, writes.
using BlockHistory =
    std::tuple<uint32_t, uint32_t, int64_t,
               std::vector<std::pair<uint32_t, bool>>, std::vector<uint32_t>>;

std::vector<BlockHistory> HistoriesOf(const AccessWindow& window) {
  std::vector<BlockHistory> out;
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    std::vector<std::pair<uint32_t, bool>> uses;
    for (const BlockUse use : window.uses(i)) {
      uses.emplace_back(use.phase(), use.read());
    }
    const auto writes = window.writes(i);
    out.emplace_back(window.block(i).born, window.block(i).last,
                     window.block_bytes(i).count(), uses,
                     std::vector<uint32_t>(writes.begin(), writes.end()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The same of steps [first, end) of the workload, whose ids are never used
// twice.
std::vector<BlockHistory> SlowHistories(const Workload& w,
                                        const DeviceConfig& device,
                                        uint32_t first, uint32_t end) {
  const size_t from = size_t{first} * w.groups;
  const size_t to = size_t{end} * w.groups;
  std::vector<BlockHistory> out;
  for (uint32_t id = 0; id < w.id_space(); ++id) {
    const GroupConfig& group = device.groups[w.GroupOf(BlockId(id)).value()];
    uint32_t born = 0;
    auto last = static_cast<uint32_t>(to - from - 1);
    // By phase: whether it is read, and bytes written.
    std::map<uint32_t, std::pair<bool, uint32_t>> uses;
    for (size_t p = from; p < to; ++p) {
      const auto at = static_cast<uint32_t>(p - from);
      const auto has = [id](std::span<const BlockId> list) {
        return std::find(list.begin(), list.end(), BlockId(id)) != list.end();
      };
      if (has(w.births[p])) born = at;
      if (has(w.freed[p])) last = at;
      if (has(w.reads[p])) uses[at].first = true;
      if (device.mode != ResidencyMode::kExclusive) continue;
      for (const KvWrite& write : w.kv_writes[p]) {
        const Bytes bytes = group.kv_bytes_per_token * write.tokens;
        if (write.block != BlockId(id) || bytes == Bytes(0)) continue;
        uses[at].second += static_cast<uint32_t>(bytes.count());
      }
    }
    if (uses.empty()) continue;
    std::vector<std::pair<uint32_t, bool>> list;
    std::vector<uint32_t> writes;
    for (const auto& [phase, use] : uses) {
      list.emplace_back(phase, use.first);
      if (device.mode == ResidencyMode::kExclusive) {
        writes.push_back(use.second);
      }
    }
    out.emplace_back(born, last, group.block_bytes.count(), list, writes);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Gives blocks of a workload handles, lowest free one first or any.
class Handles {
 public:
  Handles(const Workload& w, std::mt19937_64* random)
      : random_(*random), handle_(w.id_space()) {
    for (uint32_t h = 0; h < w.id_space(); ++h) free_.push_back(h);
    for (const BlockId id : w.initial) Give(id);
  }
  BlockId Give(BlockId id) {
    // The free list is a stack with a disturbance, so handles come back soon.
    const size_t at =
        free_.size() - 1 - random_() % std::min<size_t>(3, free_.size());
    std::swap(free_[at], free_.back());
    handle_[id.value()] = free_.back();
    free_.pop_back();
    return Of(id);
  }
  BlockId Of(BlockId id) const { return BlockId(handle_[id.value()]); }
  void Free(BlockId id) { free_.push_back(handle_[id.value()]); }

 private:
  std::mt19937_64& random_;
  std::vector<uint32_t> handle_;
  std::vector<uint32_t> free_;
};

void PushStep(const Workload& w, uint32_t step, Handles* handles,
              StepRing* ring) {
  StepRecord& record = ring->Begin();
  for (uint32_t g = 0; g < w.groups; ++g) {
    const size_t p = size_t{step} * w.groups + g;
    std::vector<BlockRange> births;
    for (const BlockId id : w.births[p]) {
      BlockRange range;
      range.first = handles->Give(id);
      range.count = 1;
      births.push_back(range);
    }
    std::vector<BlockId> reads, freed;
    std::vector<KvWrite> writes;
    for (const BlockId id : w.reads[p]) reads.push_back(handles->Of(id));
    std::sort(reads.begin(), reads.end());
    for (const KvWrite& write : w.kv_writes[p]) {
      writes.push_back({handles->Of(write.block), write.tokens});
    }
    for (const BlockId id : w.freed[p]) {
      freed.push_back(handles->Of(id));
      handles->Free(id);
    }
    std::sort(freed.begin(), freed.end());
    PhaseUpdate phase;
    phase.reads = reads;
    phase.kv_writes = writes;
    phase.freed = freed;
    record.AddPhase(births, phase);
  }
  ring->Commit(Seconds(1));
}

TEST(StepWindowTwinTest, AWindowIsWhatTheWholeHistorySays) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    RandomWorkloadOptions options;
    options.sequences = 2 + seed % 6;
    options.groups = 1 + seed % 3;
    options.steps = 12;
    options.end_share = 0.8;
    options.free_share = 0.1;
    const Workload w = RandomWorkload(options, random);
    DeviceConfig device = SmallDevice(
        options.groups, static_cast<uint32_t>(w.id_space() / w.groups), 5);
    if (seed % 2 == 0) device.mode = ResidencyMode::kExclusive;
    if (seed % 3 == 0) device.groups[0].block_bytes = Bytes(640);
    StepRing ring(1 + static_cast<uint32_t>(seed % 7), 1 << 20);
    Handles handles(w, &random);
    std::vector<uint32_t> numbers;
    for (uint32_t step = 0; step < w.steps; ++step) {
      PushStep(w, step, &handles, &ring);
      const uint32_t first = step + 1 - ring.steps();
      const AccessWindow window = WindowOfSteps(device, ring.Share(), &numbers);
      ASSERT_EQ(window.phases(), ring.steps() * w.groups);
      EXPECT_EQ(HistoriesOf(window), SlowHistories(w, device, first, step + 1));
      for (uint32_t p = 0; p < window.phases(); ++p) {
        const size_t at = size_t{first} * w.groups + p;
        const GroupConfig& group = device.groups[at % w.groups];
        Bytes new_kv;
        for (const KvWrite& write : w.kv_writes[at]) {
          new_kv += group.kv_bytes_per_token * write.tokens;
        }
        EXPECT_EQ(window.new_kv()[p], new_kv);
        EXPECT_EQ(window.read_bytes()[p],
                  group.block_bytes * static_cast<int64_t>(w.reads[at].size()));
      }
    }
  }
}

}  // namespace
}  // namespace kvplace
