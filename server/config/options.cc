#include "server/config/options.h"

#include "absl/strings/str_cat.h"
#include "server/config/option_values.h"

namespace kvplace {
namespace {

std::optional<OptionProblem> FindTlsProblem(const TlsOptions& tls) {
  if (!tls.cert.empty() && tls.key.empty()) {
    return OptionProblem{"tls-key", "is empty, expected the key of tls-cert"};
  }
  if (tls.cert.empty() && !tls.key.empty()) {
    return OptionProblem{"tls-cert",
                         "is empty, expected the certificate of tls-key"};
  }
  if (tls.cert.empty() && !tls.client_ca.empty()) {
    return OptionProblem{
        "tls-client-ca",
        "asks for clients' certificates, expected tls-cert and tls-key too"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<OptionProblem> FindProblem(const Options& o) {
  if (auto problem = FindTlsProblem(o.tls)) return problem;
  const ServiceOptions& s = o.service;
  if (const absl::Status policy = Validate(s.defaults); !policy.ok()) {
    // Its name or its parameters; the message says which.
    return OptionProblem{"policy",
                         absl::StrCat("cannot be used: ", policy.message())};
  }
  if (s.max_blocks_total < s.max_blocks_per_session) {
    return OptionProblem{
        "max-blocks-total",
        absl::StrCat("is ", s.max_blocks_total, ", expected at least the ",
                     s.max_blocks_per_session, " of max-blocks-per-session")};
  }
  if (s.sample_every > s.max_sample_every) {
    return OptionProblem{
        "sample-every",
        absl::StrCat("is ", s.sample_every, ", expected at most the ",
                     s.max_sample_every, " of max-sample-every")};
  }
  if (o.record.total_bytes < o.record.file_bytes) {
    return OptionProblem{
        "record-total-size",
        absl::StrCat("is ", SizeText(o.record.total_bytes),
                     ", expected at least the ", SizeText(o.record.file_bytes),
                     " of record-file-size")};
  }
  // What the table does not know of the service's own rules.
  if (const absl::Status rest = Validate(s); !rest.ok()) {
    return OptionProblem{"", std::string(rest.message())};
  }
  return std::nullopt;
}

}  // namespace kvplace
