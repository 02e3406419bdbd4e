#include "server/replay/start_placement.h"

#include <algorithm>
#include <utility>

namespace kvplace {

std::vector<BlockId> OnlineStart(const Workload& workload, uint64_t capacity) {
  // Initial pages of each (sequence, group) that is alive, newest first.
  std::vector<std::vector<BlockId>> pages(size_t{workload.sequences} *
                                          workload.groups);
  for (const BlockId block : workload.initial) {
    pages[block.value() / workload.pages_max].push_back(block);
  }
  const auto alive = static_cast<uint64_t>(std::count(
      workload.live_at_start.begin(), workload.live_at_start.end(), true));
  const uint64_t kept_free = alive * workload.groups;
  const uint64_t limit = capacity > kept_free ? capacity - kept_free : 0;

  std::vector<BlockId> start;
  const auto take = [&](BlockId block) {
    if (start.size() < limit) start.push_back(block);
  };
  for (std::vector<BlockId>& of_one : pages) {
    if (of_one.empty() || workload.PageOf(of_one.front()) != 0) continue;
    take(of_one.front());
    of_one.erase(of_one.begin());
  }
  for (bool any = true; any && start.size() < limit;) {
    any = false;
    for (std::vector<BlockId>& of_one : pages) {
      if (of_one.empty()) continue;
      any = true;
      take(of_one.back());
      of_one.pop_back();
    }
  }
  std::sort(start.begin(), start.end());
  return start;
}

ClairvoyantPlacement ClairvoyantStart(const Workload& workload,
                                      const Future& future, uint64_t capacity) {
  struct Candidate {
    uint64_t next;
    bool initial;
    BlockId block;
    auto operator<=>(const Candidate&) const = default;
  };
  std::vector<Candidate> by_next;
  by_next.reserve(workload.initial.size());
  for (const BlockId block : workload.initial) {
    by_next.push_back({future.NextRead(block), true, block});
  }
  if (workload.phases() > 0) {
    for (const BlockId block : workload.births[0]) {
      by_next.push_back({future.NextRead(block), false, block});
    }
  }
  std::sort(by_next.begin(), by_next.end());
  ClairvoyantPlacement start;
  for (size_t i = 0; i < by_next.size(); ++i) {
    const Candidate& c = by_next[i];
    const bool in_hbm = i < capacity && c.next != Future::kNever;
    if (c.initial && in_hbm) start.hbm.push_back(c.block);
    if (!c.initial && !in_hbm) start.new_in_dram.push_back(c.block);
  }
  std::sort(start.hbm.begin(), start.hbm.end());
  return start;
}

}  // namespace kvplace
