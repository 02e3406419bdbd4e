#include "client/cli/explain_words.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/text_table.h"

namespace kvplace {
namespace {

// "worth 1.83x what it must be".
std::string WorthWords(const BlockWorth& worth) {
  if (!worth.needed || *worth.needed <= 0) return "nothing is displaced";
  return absl::StrCat("worth ", TimesText(*worth.value_if_read / *worth.needed),
                      " what it must be");
}

std::string RuleWords(const BlockMoment& moment, absl::string_view policy) {
  if (moment.worth && moment.worth->rule != Leader::kValues) {
    return absl::StrCat("the guard follows ", Name(moment.worth->rule));
  }
  return absl::StrCat("the rule of ", policy);
}

std::string InLine(const PlaceInOrder& place) {
  if (!place.evict_place) return "";
  return absl::StrCat("place ", *place.evict_place, " of ", place.evict_queue,
                      " in line");
}

std::string Decision(const BlockMoment& moment, absl::string_view policy) {
  switch (moment.why) {
    case Why::kWorthIt:
    case Why::kNotWorthIt:
      return WorthWords(*moment.worth);
    case Why::kWasWorthIt:
      return absl::StrCat(WorthWords(*moment.worth),
                          ", more when blocks were ranked");
    case Why::kGroupAdmitsAll:
      return "nearly all of its group is worth it";
    case Why::kRoom:
      return "HBM has room";
    case Why::kRule:
      return RuleWords(moment, policy);
    case Why::kHbmBinds:
      return absl::StrCat("HBM binds in its group, the write does not pay (",
                          WorthWords(*moment.worth), ")");
    case Why::kNotListed:
      return absl::StrCat("not on the list, though ",
                          WorthWords(*moment.worth));
    case Why::kWasInHbm:
      return "it was in HBM when the order was made";
    case Why::kUnheard:
      return "the planner had not heard of it yet";
    case Why::kNoRoom:
      return "no room could be made";
    case Why::kEnds:
      return "it ends";
    default:
      return "";
  }
}

std::string EvictionWords(const BlockMoment& moment) {
  std::string words = moment.why == Why::kRebalance
                          ? "evicted to hand reads back to DRAM"
                          : "evicted to make room";
  const std::string line = InLine(moment.place);
  absl::StrAppend(&words, ": ",
                  line.empty() ? "first in line, for it came in last" : line);
  return words;
}

std::string ReadWords(const BlockMoment& moment, absl::string_view policy) {
  if (moment.routed) return "read from its DRAM copy, by routing";
  if (moment.why == Why::kSpared) {
    return absl::StrCat("read from HBM, and so not evicted: ",
                        InLine(moment.place));
  }
  if (moment.read_from == Tier::kHbm) return "read from HBM";
  return absl::StrCat("missed, ", moment.promoted ? "promoted: " : "stays: ",
                      Decision(moment, policy));
}

std::string BirthWords(const BlockMoment& moment) {
  if (moment.born_in == Tier::kHbm) return "born in HBM";
  if (moment.why == Why::kBornNoRoom) return "born in DRAM: HBM had no room";
  if (moment.why == Why::kBornInDram) {
    return "born in DRAM, as the order has it";
  }
  return "born in DRAM";
}

std::string IdleWords(const BlockMoment& moment) {
  if (moment.after == Tier::kDram) return "not read, stays in DRAM";
  const std::string line = InLine(moment.place);
  return absl::StrCat("not read, stays in HBM", line.empty() ? "" : ": ", line);
}

}  // namespace

std::string Words(const BlockMoment& moment, absl::string_view policy) {
  std::vector<std::string> parts;
  if (moment.born_in != Tier::kNone) parts.push_back(BirthWords(moment));
  if (moment.read_from != Tier::kNone) {
    parts.push_back(ReadWords(moment, policy));
  }
  if (moment.prefetched) parts.push_back("prefetched: the policy wants it");
  if (moment.evicted) parts.push_back(EvictionWords(moment));
  if (moment.ended && moment.why != Why::kEnds) parts.push_back("ended");
  if (parts.empty()) parts.push_back(IdleWords(moment));
  return absl::StrJoin(parts, "; ");
}

}  // namespace kvplace
