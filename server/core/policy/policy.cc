#include "server/core/policy/policy.h"

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
  model.orders().recency->AppendOldest(count, model.stats(), queue);
}

}  // namespace kvplace
