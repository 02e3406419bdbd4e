#include "server/core/policy/belady_policy.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "server/core/policy/phase_moves.h"

namespace kvplace {

const PolicyTraits& BeladyPolicy::traits() const {
  static constexpr PolicyTraits kTraits{.name = "belady",
                                        .clairvoyant = true,
                                        .default_delay_steps = 0,
                                        .index = VictimIndex::kRank};
  return kTraits;
}

double BeladyPolicy::Rank(const DeviceModel& /*model*/, BlockId block) const {
  // Farthest first. Phases are far below 2^53.
  const uint64_t next = future_.NextRead(block);
  return next == Future::kNever ? -1e300 : -static_cast<double>(next);
}

void BeladyPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                        StandingOrder* order) const {
  if (!request.phase_known) return PhaseMoves::OrderForStart(order);
  // Who wants HBM, most urgent first: new blocks and this phase's misses.
  struct Wish {
    uint64_t next;
    WishKind kind;
    BlockId block;
  };
  std::vector<Wish> wishes;
  for (const BlockId block : request.next_births) {
    wishes.push_back({future_.NextRead(block), WishKind::kBirth, block});
  }
  for (const BlockId block : request.misses) {
    const uint64_t next = future_.NextRead(block);
    if (next != Future::kNever) {
      wishes.push_back({next, WishKind::kMiss, block});
    }
  }
  std::sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
    return std::tie(a.next, a.kind, a.block) <
           std::tie(b.next, b.kind, b.block);
  });
  PhaseMoves moves(model, request, order);
  RankHeap::Walk farthest(*model.orders().ranks, 0);
  for (const Wish& wish : wishes) {
    if (moves.room() <= 0) {
      const BlockId victim = farthest.Next();
      if (victim == kNoBlock || future_.NextRead(victim) <= wish.next) break;
      moves.Evict(victim);
    }
    moves.BringIn(wish.block, wish.kind);
  }
  moves.Finish();
}

}  // namespace kvplace
