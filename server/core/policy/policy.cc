#include "server/core/policy/policy.h"

#include "absl/container/flat_hash_set.h"

namespace kvplace {

double UnreadRank(const DeviceModel& model, BlockId block) {
  // Pages are below 2^32, so the ranks are exact and below any LogCount, which
  // is >= 0.
  constexpr double kNewestPage = -4294967296.0;
  const uint32_t page = model.blocks().page(block);
  return page == 0 ? -1.0 : kNewestPage - 1.0 + page;
}

void AppendOldest(const DeviceModel& model, size_t count,
                  std::vector<BlockId>* queue) {
  const RecencyList& recency = *model.orders().recency;
  const size_t most = queue->size() + count;
  recency.AppendOldest(count, queue);
  if (recency.all_placed()) return;
  const auto append = [&](BlockId block) {
    if (queue->size() < most && recency.contains(block)) {
      queue->push_back(block);
    }
  };
  for (const GroupId group : model.read_sets().ByAge()) {
    for (const BlockId block : model.read_sets().set(group)) {
      if (queue->size() == most) return;
      if (model.stats().in_set_of(block, group)) append(block);
    }
  }
  absl::flat_hash_set<BlockId> seen;
  for (const absl::Span<const BlockId> blocks : model.new_residents()) {
    for (const BlockId block : blocks) {
      if (queue->size() == most) return;
      if (recency.held(block) && !model.stats().in_set(block) &&
          seen.insert(block).second) {
        append(block);
      }
    }
  }
}

}  // namespace kvplace
