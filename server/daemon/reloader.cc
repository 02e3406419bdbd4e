#include "server/daemon/reloader.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/daemon/secrets.h"
#include "server/service/policy_in_force.h"

namespace kvplace {
namespace {

constexpr char kCause[] = "reload";

bool Changed(const std::vector<OptionChange>& changes,
             absl::string_view prefix) {
  return std::any_of(changes.begin(), changes.end(),
                     [prefix](const OptionChange& change) {
                       return absl::StartsWith(change.option, prefix);
                     });
}

}  // namespace

bool Reloader::Fail(const absl::Status& status) {
  telemetry_.metrics->OnConfigReload(false);
  telemetry_.log->Write(
      Severity::kError, kCause,
      absl::StrCat("the old settings stay: ", status.message()));
  return false;
}

bool Reloader::Reload() {
  const absl::StatusOr<EffectiveOptions> loaded = LoadOptions(invocation_);
  if (!loaded.ok()) return Fail(loaded.status());
  const Options& wanted = loaded->options;
  const std::vector<OptionChange> changes = Compare(running_, wanted);
  if (absl::Status applied = Apply(wanted, changes); !applied.ok()) {
    return Fail(applied);
  }
  running_ = WithReloadable(running_, wanted);
  for (const OptionChange& change : changes) {
    telemetry_.log->Write(
        change.reloadable ? Severity::kInfo : Severity::kWarning, kCause,
        change.reloadable ? "changed" : "needs a restart",
        {{"option", change.option},
         {"before", change.before},
         {"after", change.after}});
  }
  telemetry_.log->Write(Severity::kInfo, kCause, "configuration read",
                        {{"changes", changes.size()}});
  telemetry_.metrics->OnConfigReload(true);
  return true;
}

absl::Status Reloader::Apply(const Options& wanted,
                             const std::vector<OptionChange>& changes) {
  // What can fail goes first. The token is read anew even if its file has the
  // same name.
  absl::StatusOr<std::string> token = ReadAdminToken(wanted.admin_token_file);
  if (!token.ok()) return token.status();
  if (Changed(changes, "policy") || Changed(changes, "mode")) {
    if (absl::Status set = ApplyPolicy(wanted.service.defaults); !set.ok()) {
      return set;
    }
  }
  server_.token().Set(*std::move(token));
  server_.SetHindsightCpuShare(wanted.service.hindsight_cpu_share);
  if (server_.recorder() != nullptr) {
    server_.recorder()->SetLimits(wanted.record.file_bytes,
                                  wanted.record.total_bytes);
  }
  telemetry_.log->SetMinimum(wanted.log_level);
  return absl::OkStatus();
}

absl::Status Reloader::ApplyPolicy(const PolicySettings& settings) {
  v1::SetPolicyRequest request;
  SettingsToProto(settings, request.mutable_settings());
  return server_.registry().SetPolicy(request).status();
}

}  // namespace kvplace
