#include "server/core/policy/shadow_price_policy.h"

#include <algorithm>

namespace kvplace {

ShadowPricePolicy::ShadowPricePolicy(const RankingOptions& options)
    : traits_{.name = "shadow-price",
              .index = VictimIndex::kValue,
              .ranking = options} {}

void ShadowPricePolicy::Plan(const DeviceModel& model,
                             const PlanRequest& request,
                             StandingOrder* order) const {
  const BlockRanking& ranking = *model.orders().ranking;
  if (ranking.leader() == Leader::kStatic) return;
  for (GroupOrder& group : order->groups) group.new_block_tier = Tier::kHbm;
  ranking.AppendVictims(model.residency(), request.max_evictions,
                        &order->evict_queue);
  if (request.phase_known) {
    PlanPhase(model, request, order);
  } else {
    // Room for what a step brings in without any eviction.
    const Residency& ledger = model.residency();
    const bool free = (ledger.capacity() - ledger.resident()).count() >
                      ledger.capacity().count() / 16;
    PlanPromotions(model, free, request.max_evictions, order);
  }
}

void ShadowPricePolicy::PlanPromotions(const DeviceModel& model, bool free,
                                       size_t longest, StandingOrder* order) {
  const BlockRanking& ranking = *model.orders().ranking;
  const auto groups = static_cast<uint32_t>(order->groups.size());
  for (uint32_t g = 0; g < groups; ++g) {
    order->groups[g].promote_all = free || ranking.AdmitsAll(GroupId(g));
  }
  if (free) return;
  ranking.VisitWanted(
      model.blocks(), model.residency(), order->evict_queue,
      [&](BlockId block, GroupId group) {
        order->groups[group.value()].promote_if_read.push_back(block);
        return --longest > 0;
      });
}

void ShadowPricePolicy::PlanPhase(const DeviceModel& model,
                                  const PlanRequest& request,
                                  StandingOrder* order) {
  const BlockRanking& ranking = *model.orders().ranking;
  GroupOrder& group = order->groups[request.group.value()];
  const bool free = request.max_evictions == 0;
  const int32_t threshold = ranking.Threshold(request.group, free);
  for (const BlockId block : request.misses) {
    if (ranking.KeyIfRead(block, request.group) >= threshold) {
      group.promote_if_read.push_back(block);
    }
  }
}

}  // namespace kvplace
