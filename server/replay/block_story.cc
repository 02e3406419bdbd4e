#include "server/replay/block_story.h"

#include <algorithm>
#include <ranges>

namespace kvplace {
namespace {

template <typename List>
bool Has(const List& list, BlockId block) {
  return std::ranges::find(list, block) != list.end();
}

}  // namespace

absl::string_view Name(Why why) {
  switch (why) {
    case Why::kNothing:
      return "nothing";
    case Why::kWorthIt:
      return "worth_it";
    case Why::kWasWorthIt:
      return "was_worth_it";
    case Why::kGroupAdmitsAll:
      return "group_admits_all";
    case Why::kRoom:
      return "room";
    case Why::kRule:
      return "rule";
    case Why::kNotWorthIt:
      return "not_worth_it";
    case Why::kHbmBinds:
      return "hbm_binds";
    case Why::kNotListed:
      return "not_listed";
    case Why::kWasInHbm:
      return "was_in_hbm";
    case Why::kUnheard:
      return "unheard";
    case Why::kNoRoom:
      return "no_room";
    case Why::kEnds:
      return "ends";
    case Why::kPrefetch:
      return "prefetch";
    case Why::kMakesRoom:
      return "makes_room";
    case Why::kRebalance:
      return "rebalance";
    case Why::kSpared:
      return "spared";
    case Why::kBornNoRoom:
      return "born_no_room";
    case Why::kBornInDram:
      return "born_in_dram";
  }
  return "unknown";
}

BlockStory::BlockStory(const Workload& workload, BlockId block, uint32_t every)
    : workload_(workload),
      block_(block),
      group_(workload.GroupOf(block)),
      every_(every) {}

void BlockStory::OnStart(const std::vector<BlockId>& initial_hbm) {
  if (std::ranges::binary_search(workload_.initial, block_)) {
    start_ = std::ranges::binary_search(initial_hbm, block_) ? Tier::kHbm
                                                             : Tier::kDram;
  }
  tier_ = start_;
}

void BlockStory::OnOrder(const OrderInForce& order) {
  const bool first = order_ == nullptr;
  order_ = &order.order;
  phase_known_ = order.phase_known;
  worth_ = WorthOf(order.model, block_);
  planned_tier_ = order.model.residency().tier(block_);
  if (first) birth_wanted_in_hbm_ = WantedInHbm();
}

bool BlockStory::WantedInHbm() const {
  return order_->groups[group_.value()].new_block_tier == Tier::kHbm &&
         !Has(order_->new_in_dram, block_);
}

void BlockStory::OnPhase(size_t phase, const PhaseOutcome& outcome) {
  BlockMoment moment = See(phase, outcome);
  const bool due = every_ != 0 && moment.before != Tier::kNone &&
                   phase % workload_.groups == group_.value() &&
                   phase / workload_.groups % every_ == 0;
  if (moment.eventful() || due) {
    moment.worth = worth_;
    moment.place = PlaceIn(*order_, group_, block_);
    moment.why = WhyOf(moment, outcome);
    Count(moment);
    moments_.push_back(moment);
  }
  tier_ = moment.after;
  birth_wanted_in_hbm_ = WantedInHbm();
}

BlockMoment BlockStory::See(size_t phase, const PhaseOutcome& outcome) const {
  BlockMoment moment;
  moment.phase = phase;
  moment.before = moment.after = tier_;
  const auto births = workload_.births[phase];
  if (std::ranges::binary_search(births, block_)) {
    moment.born_in = Has(outcome.new_hbm, block_) ? Tier::kHbm : Tier::kDram;
    moment.after = moment.born_in;
  }
  const Tier during = moment.after;
  const auto reads = workload_.reads[phase];
  if (std::ranges::binary_search(reads, block_)) {
    moment.read_from = Has(outcome.read_hbm, block_) ? Tier::kHbm : Tier::kDram;
    moment.routed = during == Tier::kHbm && moment.read_from == Tier::kDram;
  }
  moment.evicted = Has(outcome.evicted, block_);
  moment.promoted = Has(outcome.promoted, block_);
  moment.prefetched = Has(outcome.prefetched, block_);
  if (moment.evicted) moment.after = Tier::kDram;
  if (moment.promoted || moment.prefetched) moment.after = Tier::kHbm;
  const auto freed = workload_.freed[phase];
  if (std::ranges::binary_search(freed, block_)) {
    moment.ended = true;
    moment.after = Tier::kNone;
  }
  return moment;
}

void BlockStory::Count(const BlockMoment& moment) {
  counts_.hbm_reads += moment.read_from == Tier::kHbm;
  counts_.dram_reads += moment.read_from == Tier::kDram;
  counts_.promotions += moment.promoted;
  counts_.prefetches += moment.prefetched;
  counts_.evictions += moment.evicted;
}

Why BlockStory::WhyOf(const BlockMoment& moment,
                      const PhaseOutcome& outcome) const {
  if (moment.evicted) {
    return order_->evict_reason == MoveReason::kRebalance ? Why::kRebalance
                                                          : Why::kMakesRoom;
  }
  if (moment.prefetched) return Why::kPrefetch;
  if (moment.promoted) return WhyPromoted(moment);
  if (moment.read_from == Tier::kDram && !moment.routed) {
    return WhyStayed(moment);
  }
  if (moment.read_from != Tier::kNone && TurnHadCome(moment, outcome)) {
    return Why::kSpared;
  }
  if (moment.born_in == Tier::kDram) {
    return birth_wanted_in_hbm_ ? Why::kBornNoRoom : Why::kBornInDram;
  }
  return Why::kNothing;
}

Why BlockStory::WhyPromoted(const BlockMoment& moment) const {
  const std::optional<BlockWorth>& worth = moment.worth;
  if (!worth) return Why::kRule;
  if (moment.place.promote_all) {
    return worth->group_admits_all ? Why::kGroupAdmitsAll : Why::kRoom;
  }
  if (!worth->needed) return Why::kRule;
  if (*worth->value_if_read >= *worth->needed) return Why::kWorthIt;
  // An order for one phase compares with what is needed in it: nothing, where
  // there is room. One for a step goes by a ranking, which is older.
  return phase_known_ ? Why::kRoom : Why::kWasWorthIt;
}

Why BlockStory::WhyStayed(const BlockMoment& moment) const {
  if (moment.ended) return Why::kEnds;
  if (moment.place.promote_all || moment.place.promote_place) {
    return Why::kNoRoom;
  }
  if (planned_tier_ == Tier::kHbm) return Why::kWasInHbm;
  if (planned_tier_ == Tier::kNone) return Why::kUnheard;
  const std::optional<BlockWorth>& worth = moment.worth;
  if (!worth || !worth->needed) return Why::kRule;
  if (*worth->value_if_read >= *worth->needed) return Why::kNotListed;
  return worth->hbm_binds ? Why::kHbmBinds : Why::kNotWorthIt;
}

bool BlockStory::TurnHadCome(const BlockMoment& moment,
                             const PhaseOutcome& outcome) const {
  if (!moment.place.evict_place || outcome.evicted.empty()) return false;
  const auto& queue = order_->evict_queue;
  const auto after =
      queue.begin() + static_cast<ptrdiff_t>(*moment.place.evict_place);
  return std::find(after, queue.end(), outcome.evicted.back()) != queue.end();
}

}  // namespace kvplace
