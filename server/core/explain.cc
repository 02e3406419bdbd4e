#include "server/core/explain.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace kvplace {
namespace {

// Keys are log2(value) in 1/1024 octaves (block_ranking.h); the least stands
// for 0.
double ValueOfKey(int32_t key) {
  if (key <= std::numeric_limits<int16_t>::min()) return 0;
  return std::exp2(key / 1024.0);
}

std::optional<size_t> Place(const std::vector<BlockId>& list, BlockId block) {
  const auto at = std::find(list.begin(), list.end(), block);
  if (at == list.end()) return std::nullopt;
  return static_cast<size_t>(at - list.begin()) + 1;
}

}  // namespace

std::optional<BlockWorth> WorthOf(const DeviceModel& model, BlockId block) {
  if (!model.orders().ranking || !model.blocks().alive(block)) {
    return std::nullopt;
  }
  const BlockRanking& ranking = *model.orders().ranking;
  const GroupId group = model.blocks().group(block);
  BlockWorth worth;
  worth.rule = ranking.leader();
  worth.read_probability = ranking.ReadProbability(block, group);
  worth.theta = ranking.prices().theta(group);
  worth.price = ranking.prices().price(group);
  worth.group_admits_all = ranking.AdmitsAll(group);
  if (worth.rule != Leader::kValues) return worth;
  const int32_t needed = ranking.Threshold(group, /*free=*/false);
  // With room there is nothing to displace: the promotion's cost is left.
  const int32_t cost = ranking.Threshold(group, /*free=*/true);
  worth.value_if_read = ValueOfKey(ranking.KeyIfRead(block, group));
  worth.needed = ValueOfKey(needed);
  worth.hbm_binds = *worth.needed > 0 && needed == cost;
  return worth;
}

PlaceInOrder PlaceIn(const StandingOrder& order, GroupId group, BlockId block) {
  const GroupOrder& of_group = order.groups[group.value()];
  PlaceInOrder place;
  place.promote_all = of_group.promote_all;
  place.promote_place = Place(of_group.promote_if_read, block);
  place.promote_list = of_group.promote_if_read.size();
  place.evict_place = Place(order.evict_queue, block);
  place.evict_queue = order.evict_queue.size();
  return place;
}

}  // namespace kvplace
