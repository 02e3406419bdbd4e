#include "server/service/policy_in_force.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {

absl::StatusOr<std::shared_ptr<const PolicyInForce>> MakePolicyInForce(
    const PolicySettings& settings, uint64_t version) {
  auto policy = MakeOnlinePolicy(settings.policy, settings.parameters);
  if (!policy.ok()) return policy.status();
  auto made = std::make_shared<PolicyInForce>();
  made->settings = settings;
  made->version = version;
  made->policy = *std::move(policy);
  return made;
}

v1::Mode ModeToProto(Mode mode) {
  switch (mode) {
    case Mode::kAct:
      return v1::MODE_ACT;
    case Mode::kAdvise:
      return v1::MODE_ADVISE;
    case Mode::kObserve:
      return v1::MODE_OBSERVE;
  }
  return v1::MODE_UNSPECIFIED;
}

void SettingsToProto(const PolicySettings& settings, v1::PolicySettings* out) {
  out->set_policy(settings.policy);
  out->mutable_parameters()->clear();
  for (const auto& [name, value] : settings.parameters) {
    (*out->mutable_parameters())[name] = value;
  }
  out->set_mode(ModeToProto(settings.mode));
}

absl::StatusOr<PolicySettings> SettingsFromProto(
    const v1::PolicySettings& settings, Mode inherited_mode) {
  PolicySettings out;
  out.policy = settings.policy();
  out.parameters.insert(settings.parameters().begin(),
                        settings.parameters().end());
  switch (settings.mode()) {
    case v1::MODE_UNSPECIFIED:
      out.mode = inherited_mode;
      break;
    case v1::MODE_ACT:
      out.mode = Mode::kAct;
      break;
    case v1::MODE_ADVISE:
      out.mode = Mode::kAdvise;
      break;
    case v1::MODE_OBSERVE:
      out.mode = Mode::kObserve;
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("settings.mode is ", static_cast<int>(settings.mode()),
                       ", expected act, advise or observe"));
  }
  return out;
}

}  // namespace kvplace
