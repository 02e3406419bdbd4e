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

std::vector<BlockId> ClairvoyantStart(const Workload& workload,
                                      const Future& future, uint64_t capacity) {
  const uint64_t births = workload.phases() > 0 ? workload.births[0].size() : 0;
  const uint64_t limit = capacity > births ? capacity - births : 0;
  std::vector<std::pair<uint64_t, BlockId>> by_next;
  by_next.reserve(workload.initial.size());
  for (const BlockId block : workload.initial) {
    by_next.emplace_back(future.NextRead(block), block);
  }
  std::sort(by_next.begin(), by_next.end());
  std::vector<BlockId> start;
  for (const auto& [next, block] : by_next) {
    if (start.size() >= limit || next == Future::kNever) break;
    start.push_back(block);
  }
  std::sort(start.begin(), start.end());
  return start;
}

}  // namespace kvplace
