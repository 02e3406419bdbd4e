#include "server/core/policy/registry.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/core/policy/balanced_policy.h"
#include "server/core/policy/lfu_policy.h"
#include "server/core/policy/lru_policy.h"
#include "server/core/policy/reactive_policy.h"
#include "server/core/policy/shadow_price_policy.h"
#include "server/core/policy/static_policy.h"

namespace kvplace {
namespace {

struct Parameter {
  absl::string_view name;
  double value, least, most;
};

struct Entry {
  absl::string_view name;
  std::vector<Parameter> parameters;
  // Gets one value per parameter, in order. Empty: it knows the future, and is
  // made where there is one (server/replay/simulation.cc).
  std::function<std::unique_ptr<const Policy>(const std::vector<double>&)> make;
};

const std::vector<Entry>& Entries() {
  using Values = std::vector<double>;
  static const auto* const kEntries = new std::vector<Entry>{
      {"static",
       {},
       [](const Values&) { return std::make_unique<StaticPolicy>(); }},
      {"reactive-layer",
       {},
       [](const Values&) {
         return std::make_unique<ReactivePolicy>(ReactiveVictims::kWholeGroup);
       }},
      {"reactive-page",
       {},
       [](const Values&) {
         return std::make_unique<ReactivePolicy>(ReactiveVictims::kLowestPage);
       }},
      {"lru", {}, [](const Values&) { return std::make_unique<LruPolicy>(); }},
      {"lfu",
       {{"decay", AccessStats::kDefaultDecay, 0.01, 0.9999}},
       [](const Values& v) { return std::make_unique<LfuPolicy>(v[0]); }},
      {"lookahead-1", {}, nullptr},
      {"balanced",
       {{"slack", 0.05, 0.0, 1.0}},
       [](const Values& v) { return std::make_unique<BalancedPolicy>(v[0]); }},
      {"slack-oracle", {}, nullptr},
      {"annealed-oracle", {}, nullptr},
      {"belady", {}, nullptr},
      {"shadow-price",
       {{"hysteresis", 0.1, 0.0, 10.0},
        {"expected_reads", 5, 0.1, 1e6},
        {"price_smoothing", 0.05, 0.0, 1.0},
        {"memory_steps", 200, 2, 1e6},
        {"learn", 1, 0, 1},
        {"guard", 1, 0, 1}},
       [](const Values& v) {
         return std::make_unique<ShadowPricePolicy>(
             RankingOptions{v[0], v[1], v[2], v[3], v[4] != 0, v[5] != 0});
       }},
  };
  return *kEntries;
}

absl::StatusOr<std::vector<double>> Values(const Entry& entry,
                                           const PolicyParameters& given) {
  std::vector<double> values;
  std::vector<absl::string_view> names;
  for (const Parameter& p : entry.parameters) {
    names.push_back(p.name);
    const auto it = given.find(std::string(p.name));
    values.push_back(it == given.end() ? p.value : it->second);
    if (!(values.back() >= p.least && values.back() <= p.most)) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter ", p.name, " of policy ", entry.name, " is ",
                       values.back(), ", expected ", p.least, "..", p.most));
    }
  }
  for (const auto& [name, value] : given) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "policy ", entry.name, " has no parameter ", name, ", expected ",
          names.empty() ? "none" : absl::StrJoin(names, ", ")));
    }
  }
  return values;
}

}  // namespace

std::vector<absl::string_view> PolicyNames() {
  std::vector<absl::string_view> names;
  for (const Entry& entry : Entries()) names.push_back(entry.name);
  return names;
}

std::vector<absl::string_view> OnlinePolicyNames() {
  std::vector<absl::string_view> names;
  for (const Entry& entry : Entries()) {
    if (entry.make) names.push_back(entry.name);
  }
  return names;
}

absl::StatusOr<std::unique_ptr<const Policy>> MakeOnlinePolicy(
    absl::string_view name, const PolicyParameters& parameters) {
  for (const Entry& entry : Entries()) {
    if (entry.name != name) continue;
    if (!entry.make) {
      return absl::FailedPreconditionError(
          absl::StrCat("policy ", name,
                       " knows the future and cannot drive a live worker, "
                       "expected one of ",
                       absl::StrJoin(OnlinePolicyNames(), ", ")));
    }
    auto values = Values(entry, parameters);
    if (!values.ok()) return values.status();
    return entry.make(*values);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("policy is \"", name, "\", expected one of ",
                   absl::StrJoin(OnlinePolicyNames(), ", ")));
}

}  // namespace kvplace
