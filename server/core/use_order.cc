#include "server/core/use_order.h"

#include <algorithm>
#include <tuple>

#include "absl/container/flat_hash_set.h"

namespace kvplace {

void UseOrder::Clear() {
  sets_.Clear();
  places_.Clear();
  for (Arrivals& arrivals : arrivals_) arrivals.blocks.clear();
}

void UseOrder::Arrive(BlockId block, GroupId group, uint32_t step,
                      const AccessStats& stats) {
  Settle(group, step, stats);
  const bool held = places_.held(block);
  places_.Touch(block);
  if (held) return;
  places_.Hold(block);
  Arrivals& arrivals = arrivals_[group.value()];
  if (arrivals.blocks.empty()) arrivals.time = sets_.Now();
  arrivals.blocks.push_back({block, step});
}

void UseOrder::Settle(GroupId group, uint32_t step, const AccessStats& stats) {
  std::vector<Arrival>& blocks = arrivals_[group.value()].blocks;
  if (blocks.empty()) return;
  const auto first_new =
      std::find_if(blocks.begin(), blocks.end(),
                   [step](const Arrival& a) { return a.step >= step; });
  std::for_each(blocks.begin(), first_new, [&](const Arrival& a) {
    if (!stats.in_set(a.block)) places_.Release(a.block);
  });
  blocks.erase(blocks.begin(), first_new);
}

void UseOrder::AppendOldest(size_t count, const AccessStats& stats,
                            std::vector<BlockId>* out) const {
  const size_t most = out->size() + count;
  places_.AppendOldest(count, out);
  if (out->size() == most || places_.all_placed()) return;
  // Time, whether it is of the group's set, and the group.
  std::vector<std::tuple<uint64_t, bool, uint32_t>> rest;
  for (uint32_t g = 0; g < arrivals_.size(); ++g) {
    if (!arrivals_[g].blocks.empty()) {
      rest.emplace_back(arrivals_[g].time, false, g);
    }
    if (!sets_.set(GroupId(g)).empty()) {
      rest.emplace_back(sets_.time(GroupId(g)), true, g);
    }
  }
  std::sort(rest.begin(), rest.end());
  absl::flat_hash_set<BlockId> seen;
  for (const auto& [time, is_set, g] : rest) {
    if (is_set) {
      for (const BlockId block : sets_.set(GroupId(g))) {
        if (out->size() == most) return;
        if (places_.contains(block) && stats.in_set_of(block, GroupId(g))) {
          out->push_back(block);
        }
      }
      continue;
    }
    for (const Arrival& a : arrivals_[g].blocks) {
      if (out->size() == most) return;
      if (places_.contains(a.block) && places_.held(a.block) &&
          !stats.in_set(a.block) && seen.insert(a.block).second) {
        out->push_back(a.block);
      }
    }
  }
}

}  // namespace kvplace
