// What the status page shows, as one JSON document: the server, and all that
// ListNodes and ListSessions tell. docs/status_page.md describes it.
//
// Thread-safety: pure, but for CollectStatus, which any thread may call; it
// takes the registry's locks as those two RPCs do.
#ifndef KVPLACE_SERVER_STATUS_STATUS_DOCUMENT_H_
#define KVPLACE_SERVER_STATUS_STATUS_DOCUMENT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "kvplace/v1/admin.pb.h"
#include "server/service/node_registry.h"

namespace kvplace {

// What does not change while the server runs.
struct ServerFacts {
  std::string version;
  absl::Time started;
  // Addresses as the flags name them, with the ports that were opened.
  std::string listen;
  // Empty: off.
  std::string metrics_listen;
  // "off", "on", "mutual".
  std::string tls;
};

struct StatusSnapshot {
  absl::Time now;
  bool draining = false;
  // The default.
  v1::PolicySettings policy;
  uint32_t hindsight_window_steps = 0;
  std::vector<v1::NodeStatus> nodes;
  std::vector<v1::SessionStatus> sessions;
};

// One node is locked at a time; between two of them steps go on.
StatusSnapshot CollectStatus(const NodeRegistry& registry);

// kvplace.status/1. Text that is not UTF-8 has U+FFFD in its place, numbers
// that are not finite are null.
std::string StatusJson(const ServerFacts& server,
                       const StatusSnapshot& snapshot);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_STATUS_STATUS_DOCUMENT_H_
