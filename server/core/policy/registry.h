// Names of all policies, and the parameters of those that plan without knowing
// the future.
#ifndef KVPLACE_SERVER_CORE_POLICY_REGISTRY_H_
#define KVPLACE_SERVER_CORE_POLICY_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/core/policy/policy.h"

namespace kvplace {

using PolicyParameters = std::map<std::string, double>;

// What plans where nobody chose.
inline constexpr absl::string_view kDefaultPolicy = "shadow-price";

// Every policy, in the order in which tables list them.
std::vector<absl::string_view> PolicyNames();
// Of these, those that do not know the future.
std::vector<absl::string_view> OnlinePolicyNames();

// INVALID_ARGUMENT: an unknown name or parameter, or a value out of range, with
// what was expected. FAILED_PRECONDITION: a clairvoyant policy.
absl::StatusOr<std::unique_ptr<const Policy>> MakeOnlinePolicy(
    absl::string_view name, const PolicyParameters& parameters = {});

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_POLICY_REGISTRY_H_
