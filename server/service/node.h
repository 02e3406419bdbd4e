// One node: its devices' live sessions and what holds for all of them.
//
// Thread-safety: `mu` guards the node and everything in its sessions; a step
// takes no other lock. See node_registry.h for the order of locks.
#ifndef KVPLACE_SERVER_SERVICE_NODE_H_
#define KVPLACE_SERVER_SERVICE_NODE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/core/units.h"
#include "server/service/policy_in_force.h"

namespace kvplace {

class LiveSession;

class Node {
 public:
  explicit Node(std::string node_id) : id(std::move(node_id)) {}

  const std::string id;

  mutable absl::Mutex mu;
  // The registry has let go of it: sessions must open on its successor.
  bool removed ABSL_GUARDED_BY(mu) = false;
  bool draining ABSL_GUARDED_BY(mu) = false;
  // By device index.
  std::map<uint32_t, std::shared_ptr<LiveSession>> devices ABSL_GUARDED_BY(mu);
  // What plans here; never null once the registry has the node.
  std::shared_ptr<const PolicyInForce> policy ABSL_GUARDED_BY(mu);
  // The node has settings of its own, which outlive its sessions.
  bool own_policy ABSL_GUARDED_BY(mu) = false;
  // As the session that was opened last and knows it declared it.
  std::optional<Bytes> dram_capacity ABSL_GUARDED_BY(mu);
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_NODE_H_
