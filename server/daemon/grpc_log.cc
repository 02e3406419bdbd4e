#include "server/daemon/grpc_log.h"

#include <cstring>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/support/log.h"

namespace kvplace {
namespace {

// Never destroyed: gRPC's threads may come here to the very end.
struct Target {
  absl::Mutex mu;
  StructuredLog* log ABSL_GUARDED_BY(mu) = nullptr;
  bool serving ABSL_GUARDED_BY(mu) = false;
};

Target& TheTarget() {
  static Target* const kTarget = new Target;
  return *kTarget;
}

void Forward(gpr_log_func_args* args) {
  const char* slash = std::strrchr(args->file, '/');
  Target& target = TheTarget();
  absl::MutexLock lock(&target.mu);
  if (target.log == nullptr) return;
  Severity severity = Severity::kDebug;
  if (args->severity == GPR_LOG_SEVERITY_INFO) severity = Severity::kInfo;
  if (args->severity == GPR_LOG_SEVERITY_ERROR && target.serving) {
    severity = Severity::kWarning;
  }
  target.log->Write(severity, "grpc", args->message,
                    {{"source", slash == nullptr ? args->file : slash + 1},
                     {"line", args->line}});
}

}  // namespace

GrpcLog::GrpcLog(StructuredLog* log) {
  Target& target = TheTarget();
  absl::MutexLock lock(&target.mu);
  target.log = log;
  target.serving = false;
  gpr_set_log_function(Forward);
}

void GrpcLog::SetServing() {
  Target& target = TheTarget();
  absl::MutexLock lock(&target.mu);
  target.serving = true;
}

GrpcLog::~GrpcLog() {
  Target& target = TheTarget();
  absl::MutexLock lock(&target.mu);
  target.log = nullptr;
}

}  // namespace kvplace
