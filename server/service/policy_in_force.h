// Settings with the policy object that they name.
//
// Thread-safety: const after construction; shared by the sessions that plan
// with it.
#ifndef KVPLACE_SERVER_SERVICE_POLICY_IN_FORCE_H_
#define KVPLACE_SERVER_SERVICE_POLICY_IN_FORCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kvplace/v1/admin.pb.h"
#include "server/core/policy/policy.h"
#include "server/service/service_options.h"

namespace kvplace {

struct PolicyInForce {
  PolicySettings settings;
  // Of the change that made it; unique within a run of the server.
  uint64_t version = 0;
  std::unique_ptr<const Policy> policy;
};

// INVALID_ARGUMENT, FAILED_PRECONDITION: as of MakeOnlinePolicy.
absl::StatusOr<std::shared_ptr<const PolicyInForce>> MakePolicyInForce(
    const PolicySettings& settings, uint64_t version);

v1::Mode ModeToProto(Mode mode);
void SettingsToProto(const PolicySettings& settings, v1::PolicySettings* out);
// INVALID_ARGUMENT names the field from "settings." on; the policy and its
// parameters are not looked at. An unset mode is `inherited_mode`.
absl::StatusOr<PolicySettings> SettingsFromProto(
    const v1::PolicySettings& settings, Mode inherited_mode);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_POLICY_IN_FORCE_H_
