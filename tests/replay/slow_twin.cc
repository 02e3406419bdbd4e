#include "tests/replay/slow_twin.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace kvplace {
namespace {

// A device that promotes every miss and puts births into HBM, and its history.
class PromoteAll {
 public:
  PromoteAll(const Workload& workload, uint64_t capacity, uint32_t delay)
      : workload_(workload), capacity_(capacity), delay_(delay) {}
  virtual ~PromoteAll() = default;

  TwinRun Run() {
    TwinRun run;
    run.start = TwinStart(workload_, capacity_);
    now_.live = TwinBlocks(workload_.initial.begin(), workload_.initial.end());
    now_.hbm = TwinBlocks(run.start.begin(), run.start.end());
    now_.recency = run.start;
    std::sort(
        now_.recency.begin(), now_.recency.end(),
        [this](BlockId a, BlockId b) { return UnreadKey(a) < UnreadKey(b); });
    at_start_ = now_;
    for (uint32_t step = 0; step < workload_.steps; ++step) {
      if (delay_ > 0) {
        const int64_t heard = int64_t{step} - delay_;
        queue_ = Queue(heard < 0 ? at_start_ : ends_[heard], heard);
        arrived_unlisted_.clear();
      }
      for (uint32_t g = 0; g < workload_.groups; ++g) {
        run.phases.push_back(Phase(size_t{step} * workload_.groups + g));
      }
      ends_.push_back(now_);
    }
    return run;
  }

 protected:
  struct State {
    TwinBlocks live, hbm;
    // Of the blocks in HBM, oldest first.
    std::vector<BlockId> recency;
  };

  // What goes first, known of steps up to `heard` (delay >= 1).
  virtual std::vector<BlockId> Queue(const State& state, int64_t heard) = 0;
  // The same in phase `phase` of which everything is known (delay 0).
  virtual std::vector<BlockId> QueueNow(const State& state, size_t phase) = 0;
  // Whether blocks that the queue does not name go before it (delay >= 1).
  virtual bool UnlistedFirst() const = 0;

  // Newest pages are younger, page 0 the youngest.
  std::tuple<bool, uint32_t, BlockId> UnreadKey(BlockId block) const {
    return {workload_.PageOf(block) == 0, workload_.PageOf(block), block};
  }
  bool ReadIn(BlockId block, size_t phase) const {
    return Has(workload_.reads[phase], block);
  }
  // Steps up to `heard` that read the block.
  std::vector<uint32_t> Reads(BlockId block, int64_t heard) const {
    std::vector<uint32_t> steps;
    for (int64_t step = 0; step <= heard; ++step) {
      const auto phase = static_cast<size_t>(step) * workload_.groups +
                         workload_.GroupOf(block).value();
      if (reads_known_.count({phase, block}) > 0) {
        steps.push_back(static_cast<uint32_t>(step));
      }
    }
    return steps;
  }

  const Workload& workload_;

 private:
  void Touch(BlockId block) {
    std::erase(now_.recency, block);
    now_.recency.push_back(block);
  }
  void Out(BlockId block) {
    now_.hbm.erase(block);
    std::erase(now_.recency, block);
  }
  void In(BlockId block) {
    now_.hbm.insert(block);
    Touch(block);
  }
  // A block that the phase has read: among its other reads.
  void InAfterRead(BlockId block, size_t phase) {
    now_.hbm.insert(block);
    auto at = now_.recency.end();
    while (at != now_.recency.begin() && ReadIn(at[-1], phase) &&
           block < at[-1]) {
      --at;
    }
    now_.recency.insert(at, block);
  }

  TwinPhase Phase(size_t p) {
    TwinPhase phase;
    for (const BlockId block : workload_.births[p]) {
      const bool room = now_.hbm.size() < capacity_;
      now_.live.insert(block);
      if (room) In(block);
      (room ? phase.new_hbm : phase.new_dram).push_back(block);
    }
    for (const BlockId block : workload_.reads[p]) {
      reads_known_.insert({p, block});
      const bool hit = now_.hbm.count(block) > 0;
      if (hit) Touch(block);
      (hit ? phase.read_hbm : phase.read_dram).push_back(block);
    }
    for (const BlockId block : workload_.freed[p]) {
      Out(block);
      now_.live.erase(block);
    }
    std::vector<BlockId> misses;
    for (const BlockId block : phase.read_dram) {
      if (now_.live.count(block) > 0) misses.push_back(block);
    }
    const size_t births =
        p + 1 < workload_.phases() ? workload_.births[p + 1].size() : 0;
    for (const BlockId victim : Victims(p)) {
      if (now_.hbm.size() + misses.size() + births <= capacity_) break;
      phase.evicted.push_back(victim);
      Out(victim);
    }
    for (const BlockId block : misses) {
      if (now_.hbm.size() + births >= capacity_) break;
      phase.promoted.push_back(block);
      InAfterRead(block, p);
      if (!Has(queue_, block)) arrived_unlisted_.push_back(block);
    }
    return phase;
  }

  // What may go at the end of the phase, first first.
  std::vector<BlockId> Victims(size_t p) {
    if (delay_ == 0) return QueueNow(now_, p);
    std::vector<BlockId> victims;
    if (UnlistedFirst()) victims = arrived_unlisted_;
    victims.insert(victims.end(), queue_.begin(), queue_.end());
    std::erase_if(victims, [&](BlockId block) {
      return now_.hbm.count(block) == 0 || ReadIn(block, p);
    });
    return victims;
  }

  const uint64_t capacity_;
  const uint32_t delay_;
  State now_, at_start_;
  // By step, as it ended.
  std::vector<State> ends_;
  std::set<std::pair<size_t, BlockId>> reads_known_;
  std::vector<BlockId> queue_, arrived_unlisted_;
};

class Lru final : public PromoteAll {
 public:
  using PromoteAll::PromoteAll;

 private:
  std::vector<BlockId> Queue(const State& state, int64_t /*heard*/) override {
    return state.recency;
  }
  std::vector<BlockId> QueueNow(const State& state, size_t /*phase*/) override {
    return state.recency;  // what this phase read is at its end
  }
  bool UnlistedFirst() const override { return false; }
};

class Lfu final : public PromoteAll {
 public:
  using PromoteAll::PromoteAll;

 private:
  // sum of (4/5)^(heard - s) times 5^heard: a whole number.
  using Count = unsigned __int128;
  static Count Power(unsigned base, uint32_t exponent) {
    Count power = 1;
    for (uint32_t i = 0; i < exponent; ++i) power *= base;
    return power;
  }
  Count CountOf(BlockId block, int64_t heard) const {
    Count count = 0;
    for (const uint32_t s : Reads(block, heard)) {
      count += Power(4, static_cast<uint32_t>(heard) - s) * Power(5, s);
    }
    return count;
  }
  // Orders blocks; without the handle, which breaks ties.
  using Rank = std::tuple<Count, bool, uint32_t>;
  Rank RankOf(BlockId block, int64_t heard) const {
    const Count count = CountOf(block, heard);
    if (count > 0) return {count, false, 0};
    return {count, workload_.PageOf(block) == 0, workload_.PageOf(block)};
  }
  std::vector<BlockId> Sorted(std::vector<BlockId> blocks,
                              int64_t heard) const {
    std::sort(blocks.begin(), blocks.end(), [&](BlockId a, BlockId b) {
      return std::pair(RankOf(a, heard), a) < std::pair(RankOf(b, heard), b);
    });
    return blocks;
  }

  std::vector<BlockId> Queue(const State& state, int64_t heard) override {
    if (state.hbm.empty()) return {};
    std::vector<BlockId> queue(state.hbm.begin(), state.hbm.end());
    Rank lowest = RankOf(queue[0], heard);
    for (const BlockId block : queue) {
      lowest = std::min(lowest, RankOf(block, heard));
    }
    // Blocks in DRAM that were read, from the lowest resident up.
    for (const BlockId block : state.live) {
      if (state.hbm.count(block) == 0 && CountOf(block, heard) > 0 &&
          RankOf(block, heard) >= lowest) {
        queue.push_back(block);
      }
    }
    return Sorted(queue, heard);
  }
  std::vector<BlockId> QueueNow(const State& state, size_t phase) override {
    const auto step = static_cast<int64_t>(phase / workload_.groups);
    std::vector<BlockId> read, others;
    for (const BlockId block : state.hbm) {
      (ReadIn(block, phase) ? read : others).push_back(block);
    }
    std::vector<BlockId> queue = Sorted(others, step);
    read = Sorted(read, step);
    queue.insert(queue.end(), read.begin(), read.end());
    return queue;
  }
  bool UnlistedFirst() const override { return true; }
};

}  // namespace

std::vector<BlockId> TwinStart(const Workload& workload, uint64_t capacity) {
  uint64_t room = capacity;
  for (uint32_t s = 0; s < workload.sequences; ++s) {
    if (!workload.live_at_start[s]) continue;
    for (uint32_t g = 0; g < workload.groups; ++g) room -= room > 0 ? 1 : 0;
  }
  std::vector<BlockId> order;  // most wanted first
  for (const BlockId block : workload.initial) {
    if (workload.PageOf(block) == 0) order.push_back(block);
  }
  // How many pages of the same sequence and group are newer.
  const auto newer = [&](BlockId block) {
    uint32_t count = 0;
    for (const BlockId other : workload.initial) {
      count += other > block && other.value() / workload.pages_max ==
                                    block.value() / workload.pages_max;
    }
    return count;
  };
  std::vector<std::pair<uint32_t, BlockId>> rest;
  for (const BlockId block : workload.initial) {
    if (workload.PageOf(block) != 0) rest.emplace_back(newer(block), block);
  }
  std::sort(rest.begin(), rest.end());
  for (const auto& [round, block] : rest) order.push_back(block);
  if (order.size() > room) order.resize(room);
  std::sort(order.begin(), order.end());
  return order;
}

TwinRun TwinStatic(const Workload& workload, uint64_t capacity) {
  TwinRun run;
  run.start = TwinStart(workload, capacity);
  for (size_t p = 0; p < workload.phases(); ++p) {
    TwinPhase phase;
    phase.new_dram.assign(workload.births[p].begin(), workload.births[p].end());
    for (const BlockId block : workload.reads[p]) {
      (Has(run.start, block) ? phase.read_hbm : phase.read_dram)
          .push_back(block);
    }
    run.phases.push_back(phase);
  }
  return run;
}

TwinRun TwinLru(const Workload& workload, uint64_t capacity, uint32_t delay) {
  return Lru(workload, capacity, delay).Run();
}

TwinRun TwinLfu(const Workload& workload, uint64_t capacity, uint32_t delay) {
  return Lfu(workload, capacity, delay).Run();
}

uint64_t FewestDramReads(const Workload& workload, uint64_t capacity,
                         bool prefetch) {
  std::map<BlockId, int> bit;
  const auto mask_of = [&](const auto& list) {
    uint32_t mask = 0;
    for (const BlockId block : list) {
      const auto [it, added] = bit.emplace(block, int(bit.size()));
      mask |= 1u << it->second;
    }
    return mask;
  };
  struct Phase {
    uint32_t births, reads, freed;
  };
  uint32_t live = mask_of(workload.initial);
  std::vector<Phase> phases;
  for (size_t p = 0; p < workload.phases(); ++p) {
    phases.push_back({mask_of(workload.births[p]), mask_of(workload.reads[p]),
                      mask_of(workload.freed[p])});
  }
  phases.push_back({0, 0, 0});
  // Fewest reads by what is in HBM during the phase to come.
  constexpr uint64_t kNo = UINT64_MAX;
  const auto fits = [&](uint32_t set) {
    return static_cast<uint64_t>(std::popcount(set)) <= capacity;
  };
  std::vector<uint64_t> best(size_t{1} << bit.size(), kNo);
  live |= phases[0].births;
  for (uint32_t set = 0; set < best.size(); ++set) {
    if ((set & ~live) == 0 && fits(set)) best[set] = 0;
  }
  for (size_t p = 0; p + 1 < phases.size(); ++p) {
    const Phase& phase = phases[p];
    const uint32_t births = phases[p + 1].births;
    std::vector<uint64_t> next(best.size(), kNo);
    live &= ~phase.freed;
    for (uint32_t set = 0; set < best.size(); ++set) {
      if (best[set] == kNo) continue;
      const uint64_t cost =
          best[set] + static_cast<uint64_t>(std::popcount(phase.reads & ~set));
      const uint32_t at_hand = (set | phase.reads) & live;
      for (uint32_t to = 0; to < next.size(); ++to) {
        if ((to & ~(live | births)) != 0 || !fits(to)) continue;
        const uint32_t fetched = to & ~(at_hand | births);
        if (fetched != 0 && !prefetch) continue;
        next[to] = std::min(
            next[to], cost + static_cast<uint64_t>(std::popcount(fetched)));
      }
    }
    live |= births;
    best = std::move(next);
  }
  return *std::min_element(best.begin(), best.end());
}

}  // namespace kvplace
