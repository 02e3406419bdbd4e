// The secret that callers of AdminService must show.
//
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_ADMIN_TOKEN_H_
#define KVPLACE_SERVER_SERVICE_ADMIN_TOKEN_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace kvplace {

class AdminToken {
 public:
  // Empty: everybody may call.
  void Set(std::string token) ABSL_LOCKS_EXCLUDED(mu_);

  // `authorization`: the metadata of that name, "" if there is none.
  // UNAUTHENTICATED: there is none or it is no bearer token. PERMISSION_DENIED:
  // it is another one. Takes the same time wherever the two differ.
  absl::Status Check(absl::string_view authorization) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::string token_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_ADMIN_TOKEN_H_
