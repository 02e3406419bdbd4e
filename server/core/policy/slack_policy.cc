#include "server/core/policy/slack_policy.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "server/core/policy/phase_moves.h"

namespace kvplace {
namespace {

// More than the steps that the model can tell apart: ranks stay exact.
constexpr double kPerUse = 8589934592.0;  // 2^33

struct Candidate {
  // Twice what it is worth: whole for prefetches, too.
  uint32_t worth;
  WishKind kind;
  // Of prefetches: their place among the blocks in DRAM.
  int64_t place;
  BlockId block;

  // The best first.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(b.worth, a.kind, a.place, a.block) <
           std::tie(a.worth, b.kind, b.place, b.block);
  }
};

}  // namespace

SlackPolicy::SlackPolicy(const Future* future, uint32_t window_steps)
    : future_(*future),
      traits_{.name = "slack-oracle",
              .clairvoyant = true,
              .default_delay_steps = 0,
              .index = VictimIndex::kRank,
              .rank_outsiders = true,
              .rank_unread_outsiders = true,
              .rank_window_steps = window_steps} {}

uint32_t SlackPolicy::Uses(const DeviceModel& model, BlockId block) const {
  return future_.ReadsWithin(block, uint64_t{traits_.rank_window_steps} *
                                        model.config().groups.size());
}

double SlackPolicy::Rank(const DeviceModel& model, BlockId block) const {
  // The last step is -1 if it was never read.
  return Uses(model, block) * kPerUse +
         static_cast<double>(model.stats().last_read(block).value());
}

void SlackPolicy::Plan(const DeviceModel& model, const PlanRequest& request,
                       StandingOrder* order) const {
  if (!request.phase_known) return PhaseMoves::OrderForStart(order);
  std::vector<Candidate> candidates;
  const auto add = [&](BlockId block, WishKind kind) {
    const uint32_t uses = Uses(model, block);
    if (uses > 0) candidates.push_back({2 * uses, kind, 0, block});
  };
  for (const BlockId block : request.next_births) add(block, WishKind::kBirth);
  for (const BlockId block : request.misses) add(block, WishKind::kMiss);
  const int64_t each = model.config().block_bytes(request.group).count();
  int64_t budget = request.hbm_slack.count() / each;  // moves
  PhaseMoves moves(model, request, order);
  RankHeap::Walk inside(*model.orders().ranks, 0);
  BlockId victim = inside.Next();
  // No more prefetches than could be taken, in the same order as candidates.
  const uint32_t too_little =
      moves.room() > 0 || victim == kNoBlock ? 0 : 2 * Uses(model, victim);
  RankHeap::Walk outside(*model.orders().outsiders, 0);
  for (int64_t n = 0; n < budget; ++n) {
    const BlockId block = outside.Next();
    if (block == kNoBlock) break;
    const uint32_t uses = Uses(model, block);
    if (uses <= too_little) break;
    if (!std::binary_search(request.misses.begin(), request.misses.end(),
                            block)) {
      candidates.push_back({uses, WishKind::kPrefetch, n, block});
    }
  }
  std::sort(candidates.begin(), candidates.end());
  const bool evictions_count = model.config().mode == ResidencyMode::kExclusive;
  for (const Candidate& c : candidates) {
    const bool evict = moves.room() <= 0;
    const int64_t cost = (c.kind == WishKind::kBirth ? 0 : 1) +
                         (evict && evictions_count ? 1 : 0);
    if (cost > budget) continue;
    if (evict) {
      if (victim == kNoBlock || 2 * Uses(model, victim) >= c.worth) break;
      moves.Evict(victim);
      victim = inside.Next();
    }
    moves.BringIn(c.block, c.kind);
    budget -= cost;
  }
  moves.Finish();
}

}  // namespace kvplace
