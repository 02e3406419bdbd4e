// Nodes, their devices, and who holds them: the shared state of the service.
//
// The registry's lock is held to open and close sessions, to list, and to
// change settings; a step takes its own node's lock only (node.h). Lock order:
// Session::mu_, then the registry, then one node; never two nodes.
//
// What operators and routers ask (admin.proto) is answered here, in the
// contract's messages; the AdminService around it only checks who asks.
// Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_NODE_REGISTRY_H_
#define KVPLACE_SERVER_SERVICE_NODE_REGISTRY_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kvplace/v1/admin.pb.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/hello.h"
#include "server/core/metrics_sink.h"
#include "server/service/clock.h"
#include "server/service/cpu_pressure.h"
#include "server/service/service_options.h"
#include "server/service/session.h"

namespace kvplace {

class HindsightDesk;
class LiveSession;
class Node;
struct PolicyInForce;
struct Remains;

class NodeRegistry {
 public:
  // REQUIRES: Validate(options) is OK; clock and metrics outlive the registry,
  // and the registry its sessions. `log` may be empty.
  NodeRegistry(const ServiceOptions& options, const Clock* clock,
               MetricsSink* metrics, LogFunction log = {});
  ~NodeRegistry();
  NodeRegistry(const NodeRegistry&) = delete;
  NodeRegistry& operator=(const NodeRegistry&) = delete;

  // --- sessions (session.h calls these) ---

  // A worker says Hello. Ends a session of an older incarnation. On refusal
  // *reason says why, for the metrics.
  absl::StatusOr<std::shared_ptr<LiveSession>> Open(
      const v1::Hello& hello, const std::string& peer,
      std::weak_ptr<StreamHandle> stream, absl::Duration arrived,
      RejectReason* reason);
  // Ends a session, if it lives; its device is free when this returns.
  void End(LiveSession& session, absl::Status status,
           std::optional<RejectReason> reason);
  // Takes care of what a session that ended by itself has left.
  void Bury(Remains remains);
  // Ends sessions whose heartbeat lapsed or whose drain is over. Call it at
  // least every tenth of the heartbeat timeout.
  void SweepOnce();
  // Takes in the bound that was solved, and has the next one solved if the desk
  // wants work: that of the device whose window was taken longest ago. Never
  // waits for the solver. Call it as often.
  void ServeHindsight(HindsightDesk* desk);

  // --- admin.proto ---

  // In order of node id; the empty id means all nodes.
  std::vector<v1::NodeStatus> Nodes(absl::string_view node_id = "") const;
  // NOT_FOUND names the node.
  absl::StatusOr<v1::NodeStatus> GetNode(absl::string_view node_id) const;
  std::vector<v1::SessionStatus> Sessions() const;
  // Calls `look` with the device's live session, under its node's lock, and
  // returns what that returns. NOT_FOUND: no such node, or no session there.
  // See device_queries.h for what is asked so.
  absl::Status Look(
      absl::string_view node_id, uint32_t device_index,
      absl::FunctionRef<absl::Status(const LiveSession& session)> look) const;
  absl::StatusOr<v1::GetPolicyResponse> GetPolicy(
      absl::string_view node_id) const;
  // INVALID_ARGUMENT names the field, NOT_FOUND the node, FAILED_PRECONDITION
  // both versions; then nothing has changed.
  absl::StatusOr<v1::SetPolicyResponse> SetPolicy(
      const v1::SetPolicyRequest& request);
  // Tells how many sessions. `deadline` zero: the default of the options.
  absl::StatusOr<uint32_t> DrainNode(absl::string_view node_id,
                                     absl::Duration deadline,
                                     const std::string& reconnect_to);
  absl::Status UndrainNode(absl::string_view node_id);
  // Best device first.
  absl::StatusOr<v1::RankNodesResponse> Rank(
      const v1::RankNodesRequest& request) const;

  // --- the server as a whole ---

  // No new sessions from now on; live ones are told to go. Returns how many.
  uint32_t DrainAll(absl::Duration deadline, const std::string& reconnect_to);
  uint64_t live_sessions() const { return live_sessions_.load(); }
  const ServiceOptions& options() const { return options_; }
  const Clock& clock() const { return *clock_; }
  MetricsSink& metrics() { return *metrics_; }
  void Log(LogLevel level, const std::string& line) const;

 private:
  using NodePtr = std::shared_ptr<Node>;

  absl::StatusOr<std::shared_ptr<LiveSession>> OpenOnNode(
      WorkerHello hello, const std::string& peer,
      std::weak_ptr<StreamHandle> stream, absl::Duration arrived,
      RejectReason* reason);
  // The node, which may be new; FAILED_PRECONDITION: the server drains.
  absl::StatusOr<NodePtr> NodeFor(const std::string& node_id,
                                  RejectReason* reason)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<NodePtr> Find(absl::string_view node_id) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<NodePtr> AllNodes() const ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveIfUnused(const NodePtr& node) ABSL_LOCKS_EXCLUDED(mu_);
  // Null: no device has enough new steps.
  std::shared_ptr<LiveSession> MostInNeedOfHindsight() const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Makes room for one session with so many handles; RESOURCE_EXHAUSTED.
  absl::Status TakeRoom(uint64_t handles);
  void ReturnRoom(uint64_t handles);
  uint32_t DrainOne(Node& node, absl::Duration deadline,
                    const std::string& reconnect_to);
  absl::StatusOr<v1::SetPolicyResponse> SetPolicyOn(
      const NodePtr& node, const v1::SetPolicyRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Settings of a node, or the default where `node` is null.
  std::shared_ptr<const PolicyInForce> InForce(const NodePtr& node) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint32_t Apply(const NodePtr& node, std::shared_ptr<const PolicyInForce> made,
                 bool own) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant.
  const ServiceOptions options_;
  const Clock* const clock_;
  MetricsSink* const metrics_;
  const LogFunction log_;

  // With synchronization of their own.
  std::atomic<uint64_t> live_sessions_{0};
  std::atomic<uint64_t> next_epoch_{1};
  std::atomic<uint64_t> blocks_{0};
  CpuPressure pressure_;

  mutable absl::Mutex mu_;
  std::map<std::string, NodePtr, std::less<>> nodes_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const PolicyInForce> default_policy_ ABSL_GUARDED_BY(mu_);
  uint64_t policy_version_ ABSL_GUARDED_BY(mu_) = 1;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_NODE_REGISTRY_H_
