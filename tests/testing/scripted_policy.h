// A policy whose traits and orders a test writes down, and a spy around
// another.
#ifndef KVPLACE_TESTS_TESTING_SCRIPTED_POLICY_H_
#define KVPLACE_TESTS_TESTING_SCRIPTED_POLICY_H_

#include <functional>
#include <utility>
#include <vector>

#include "server/core/plan.h"
#include "server/core/policy/policy.h"

namespace kvplace {

class ScriptedPolicy final : public Policy {
 public:
  using Script = std::function<void(const DeviceModel&, const PlanRequest&,
                                    StandingOrder*)>;

  explicit ScriptedPolicy(Script script = {}, PolicyTraits traits = {})
      : traits_(traits), script_(std::move(script)) {
    if (traits_.name.empty()) traits_.name = "scripted";
  }

  void Say(Script script) { script_ = std::move(script); }

  const PolicyTraits& traits() const override { return traits_; }
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override {
    if (script_) script_(model, request, order);
  }

 private:
  PolicyTraits traits_;
  Script script_;
};

// Passes everything on to `target` and calls `seen` with each order.
class SpyPolicy final : public Policy {
 public:
  using Seen = std::function<void(const DeviceModel&, const PlanRequest&,
                                  const StandingOrder&)>;

  SpyPolicy(const Policy& target, Seen seen)
      : target_(target), seen_(std::move(seen)) {}

  const PolicyTraits& traits() const override { return target_.traits(); }
  double Rank(const DeviceModel& model, BlockId block) const override {
    return target_.Rank(model, block);
  }
  void Plan(const DeviceModel& model, const PlanRequest& request,
            StandingOrder* order) const override {
    target_.Plan(model, request, order);
    seen_(model, request, *order);
  }

 private:
  const Policy& target_;
  const Seen seen_;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_SCRIPTED_POLICY_H_
