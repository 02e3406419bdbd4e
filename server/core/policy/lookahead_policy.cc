#include "server/core/policy/lookahead_policy.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "server/core/policy/phase_moves.h"

namespace kvplace {
namespace {

// Above the last step of any block.
constexpr double kWanted = 1e300;

struct Wish {
  uint32_t uses;
  uint64_t next;
  WishKind kind;
  BlockId block;

  // Most wanted first.
  friend bool operator<(const Wish& a, const Wish& b) {
    return std::tie(b.uses, a.next, a.block) <
           std::tie(a.uses, b.next, b.block);
  }
};

}  // namespace

LookaheadPolicy::LookaheadPolicy(const Future* future,
                                 const LookaheadOptions& options)
    : future_(*future),
      options_(options),
      traits_{.name = options.name,
              .clairvoyant = true,
              .default_delay_steps = 0,
              .index = VictimIndex::kRank,
              .rank_window_steps = options.window_steps} {}

uint32_t LookaheadPolicy::Uses(const DeviceModel& model, BlockId block) const {
  return future_.ReadsWithin(
      block, uint64_t{options_.window_steps} * model.config().groups.size());
}

double LookaheadPolicy::Rank(const DeviceModel& model, BlockId block) const {
  if (Uses(model, block) > 0) return kWanted;
  if (!model.stats().ever_read(block)) return UnreadRank(model, block);
  return static_cast<double>(model.stats().last_read(block).value());
}

void LookaheadPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                           StandingOrder* order) const {
  if (!request.phase_known) return PhaseMoves::OrderForStart(order);
  std::vector<Wish> wishes;
  const auto wish = [&](BlockId block, WishKind kind) {
    const uint32_t uses = Uses(model, block);
    if (uses == 0) return;
    wishes.push_back({uses, future_.NextRead(block), kind, block});
  };
  for (const BlockId block : request.misses) wish(block, WishKind::kMiss);
  std::sort(wishes.begin(), wishes.end());
  const auto most = static_cast<size_t>(
      std::ceil(options_.share * static_cast<double>(request.misses.size())));
  if (wishes.size() > most) wishes.resize(most);
  for (const BlockId block : request.next_births) {
    wish(block, WishKind::kBirth);
  }
  std::sort(wishes.begin(), wishes.end());

  PhaseMoves moves(model, request, order);
  RankHeap::Walk victims(*model.orders().ranks, 0);
  for (const Wish& wanted : wishes) {
    if (moves.room() <= 0) {
      const BlockId victim = victims.Next();
      if (victim == kNoBlock || Uses(model, victim) > 0) break;
      moves.Evict(victim);
    }
    moves.BringIn(wanted.block, wanted.kind);
  }
  moves.Finish();
}

}  // namespace kvplace
