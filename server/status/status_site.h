// What there is to see: the page's files and GET api/v1/status, with headers
// that keep browsers from doing anything else with them.
//
// The document is made at most once in kFreshFor, however many ask, so that
// browsers do not add up. Thread-safety: any thread.
#ifndef KVPLACE_SERVER_STATUS_STATUS_SITE_H_
#define KVPLACE_SERVER_STATUS_STATUS_SITE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/http/http_server.h"
#include "server/service/clock.h"

namespace kvplace {

class StatusSite {
 public:
  static constexpr absl::Duration kFreshFor = absl::Milliseconds(200);

  struct Options {
    // Only requests for this machine's own names: an address, or localhost. A
    // page from elsewhere cannot have its own name resolved to 127.0.0.1 then
    // and read along (DNS rebinding).
    bool local_names_only = true;
  };

  // `document` makes the JSON; one call at a time. `clock` outlives the site.
  StatusSite(const Options& options, const Clock* clock,
             std::function<std::string()> document);

  // 200, 304, or an error: 404 unknown path, 405 other methods than GET and
  // HEAD, 421 another server's name.
  HttpAnswer Answer(const HttpRequest& request) ABSL_LOCKS_EXCLUDED(mu_);
  // Of a request that cannot be read.
  static HttpAnswer Error(int status);

 private:
  HttpAnswer Document() ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const Clock* const clock_;
  const std::function<std::string()> make_document_;

  absl::Mutex mu_;
  std::shared_ptr<const std::string> document_ ABSL_GUARDED_BY(mu_);
  absl::Duration made_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_STATUS_STATUS_SITE_H_
