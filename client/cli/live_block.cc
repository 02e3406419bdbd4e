#include "client/cli/live_block.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <string>

#include "client/cli/live_report.h"
#include "client/cli/text_table.h"
#include "server/convert/admin_json.h"

namespace kvplace {
namespace {

const char* TierName(v1::Tier tier) {
  switch (tier) {
    case v1::TIER_HBM:
      return "hbm";
    case v1::TIER_DRAM:
      return "dram";
    default:
      return "unknown";
  }
}

const char* RuleName(v1::PlacementRule rule) {
  switch (rule) {
    case v1::PLACEMENT_RULE_VALUES:
      return "values";
    case v1::PLACEMENT_RULE_LRU:
      return "lru";
    case v1::PLACEMENT_RULE_LFU:
      return "lfu";
    case v1::PLACEMENT_RULE_STATIC:
      return "static";
    default:
      return "unknown";
  }
}

template <typename T>
OrderedJson OrNull(bool has, T value) {
  return has ? OrderedJson(value) : OrderedJson(nullptr);
}

OrderedJson ToJson(const v1::BlockWorth& w) {
  return {{"rule", RuleName(w.rule())},
          {"read_probability", w.read_probability()},
          {"theta", w.theta()},
          {"price", w.price()},
          {"value", w.value()},
          {"value_if_read", OrNull(w.has_value_if_read(), w.value_if_read())},
          {"needed", OrNull(w.has_needed(), w.needed())},
          {"hbm_binds", w.hbm_binds()},
          {"group_admits_all", w.group_admits_all()}};
}

OrderedJson ToJson(const v1::BlockInOrder& o) {
  return {{"plan_id", o.plan_id()},
          {"basis_step", o.basis_step()},
          {"promote_all", o.promote_all()},
          {"promote_place", OrNull(o.has_promote_place(), o.promote_place())},
          {"promote_list", o.promote_list()},
          {"evict_place", OrNull(o.has_evict_place(), o.evict_place())},
          {"evict_queue", o.evict_queue()}};
}

OrderedJson ToJson(const v1::ExplainBlockResponse& b) {
  return {
      {"schema", "kvplace.block/1"},
      {"node_id", b.node_id()},
      {"device_index", b.device_index()},
      {"handle", b.handle()},
      {"sequence", b.sequence()},
      {"group", b.group()},
      {"page", b.page()},
      {"bytes", b.bytes()},
      {"tier", TierName(b.tier())},
      {"step", b.step()},
      {"last_read_step", OrNull(b.has_last_read_step(), b.last_read_step())},
      {"mode", ModeName(b.mode())},
      {"policy", b.policy()},
      {"worth", b.has_worth() ? ToJson(b.worth()) : OrderedJson(nullptr)},
      {"order", b.has_order() ? ToJson(b.order()) : OrderedJson(nullptr)}};
}

// Why a read would not, or would, promote it.
std::string WorthWords(const v1::ExplainBlockResponse& b) {
  const v1::BlockWorth& w = b.worth();
  if (!b.has_worth()) return fmt::format("by the rule of {}", b.policy());
  if (w.rule() != v1::PLACEMENT_RULE_VALUES) {
    return fmt::format("the guard follows {}", RuleName(w.rule()));
  }
  if (w.needed() <= 0) return "nothing is displaced";
  return fmt::format("{}worth {} what it must be",
                     w.hbm_binds() ? "HBM binds in its group; " : "",
                     TimesText(w.value_if_read() / w.needed()));
}

std::string OutlookInDram(const v1::ExplainBlockResponse& b) {
  const v1::BlockInOrder& o = b.order();
  if (o.promote_all()) {
    return "if read next, it is promoted: whatever its group misses is";
  }
  if (o.has_promote_place()) {
    return fmt::format("if read next, it is promoted: place {} of {}, {}",
                       o.promote_place(), o.promote_list(), WorthWords(b));
  }
  return fmt::format("if read next, it stays in DRAM: not on the list, {}",
                     WorthWords(b));
}

std::string Outlook(const v1::ExplainBlockResponse& b) {
  if (!b.has_order()) {
    return b.mode() == v1::MODE_OBSERVE ? "no orders are made in observe mode"
                                        : "no order has been made yet";
  }
  const std::string from = fmt::format(
      "order {}, of step {}: ", b.order().plan_id(), b.order().basis_step());
  if (b.tier() != v1::TIER_HBM) return from + OutlookInDram(b);
  if (!b.order().has_evict_place()) {
    return fmt::format("{}not among the {} in line for eviction", from,
                       b.order().evict_queue());
  }
  return fmt::format("{}place {} of {} in line for eviction", from,
                     b.order().evict_place(), b.order().evict_queue());
}

void PrintWorth(const v1::BlockWorth& w, std::ostream& out) {
  fmt::print(out,
             "read in the next step with {:.3g}, price {:.3g} (theta {:.3g}): "
             "value {:.3g}\n",
             w.read_probability(), w.price(), w.theta(), w.value());
  if (w.has_value_if_read() && w.has_needed()) {
    fmt::print(out, "once read {:.3g}, needed for a promotion {:.3g}\n",
               w.value_if_read(), w.needed());
  }
}

}  // namespace

void PrintBlock(const v1::ExplainBlockResponse& b, bool json,
                std::ostream& out) {
  if (json) {
    out << ToJson(b).dump(2) << "\n";
    return;
  }
  fmt::print(out, "{}/{} handle {}: sequence {}, group {}, page {}, {} bytes\n",
             b.node_id(), b.device_index(), b.handle(), b.sequence(), b.group(),
             b.page(), b.bytes());
  fmt::print(out, "in {} at step {}, {}\n",
             b.tier() == v1::TIER_HBM ? "HBM" : "DRAM", b.step(),
             b.has_last_read_step() ? fmt::format("read {} step(s) ago, in {}",
                                                  b.step() - b.last_read_step(),
                                                  b.last_read_step())
                                    : "not read since the inventory");
  fmt::print(out, "policy {} ({}){}\n", b.policy(), ModeName(b.mode()),
             b.has_worth() ? fmt::format(", by {}", RuleName(b.worth().rule()))
                           : ", which keeps no values");
  if (b.has_worth()) PrintWorth(b.worth(), out);
  out << Outlook(b) << "\n";
}

}  // namespace kvplace
