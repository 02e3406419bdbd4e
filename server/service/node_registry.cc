#include "server/service/node_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/live_session.h"
#include "server/service/node.h"
#include "server/service/policy_in_force.h"

namespace kvplace {
namespace {

// Whether a session of this incarnation may take the device now.
absl::Status CheckMayOpen(const Node& node, const WorkerHello& hello,
                          RejectReason* reason)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(node.mu) {
  if (node.draining) {
    *reason = RejectReason::kDraining;
    return absl::FailedPreconditionError(
        absl::StrCat("hello.node_id is ", node.id, ", which is being drained"));
  }
  const auto holder = node.devices.find(hello.device_index);
  if (holder == node.devices.end()) return absl::OkStatus();
  const uint64_t live = holder->second->key().incarnation;
  if (hello.incarnation > live) return absl::OkStatus();
  *reason = RejectReason::kStaleIncarnation;
  return absl::FailedPreconditionError(absl::StrCat(
      "hello.incarnation is ", hello.incarnation, ", expected more than ", live,
      ", of the live session that holds device ", hello.device_index, " of ",
      node.id));
}

void Wake(const std::weak_ptr<StreamHandle>& stream) {
  if (const auto handle = stream.lock()) handle->Wake();
}

}  // namespace

NodeRegistry::NodeRegistry(const ServiceOptions& options, const Clock* clock,
                           MetricsSink* metrics, LogFunction log)
    : options_(options),
      clock_(clock),
      metrics_(metrics),
      log_(std::move(log)),
      // Epochs of an earlier run of this server do not come again.
      next_epoch_(static_cast<uint64_t>(absl::ToUnixMicros(clock->Wall()))),
      pressure_(clock, UsableCores()) {
  absl::MutexLock lock(&mu_);
  // REQUIRES says that this cannot fail.
  default_policy_ = *MakePolicyInForce(options.defaults, policy_version_);
}

NodeRegistry::~NodeRegistry() = default;

void NodeRegistry::Log(LogLevel level, const std::string& line) const {
  if (log_) log_(level, line);
}

absl::StatusOr<std::shared_ptr<LiveSession>> NodeRegistry::Open(
    const v1::Hello& hello, const std::string& peer,
    std::weak_ptr<StreamHandle> stream, absl::Duration arrived,
    RejectReason* reason) {
  *reason = RejectReason::kProtocolVersion;
  if (auto s = CheckProtocolVersion(hello); !s.ok()) return s;
  auto checked = HelloFromProto(hello, options_.max_blocks_per_session);
  if (!checked.ok()) {
    *reason = absl::IsResourceExhausted(checked.status())
                  ? RejectReason::kLimit
                  : RejectReason::kMalformed;
    return checked.status();
  }
  const uint64_t handles = checked->device.handles();
  *reason = RejectReason::kLimit;
  if (auto s = TakeRoom(handles); !s.ok()) return s;
  auto opened =
      OpenOnNode(*std::move(checked), peer, std::move(stream), arrived, reason);
  if (!opened.ok()) {
    ReturnRoom(handles);
    return opened.status();
  }
  metrics_->SetSessions(live_sessions_.load());
  Log(LogLevel::kInfo,
      absl::StrCat(hello.node_id(), "/", hello.device_index(), " epoch ",
                   (*opened)->key().epoch, ": opened by ", peer,
                   ", incarnation ", hello.incarnation()));
  return opened;
}

absl::StatusOr<std::shared_ptr<LiveSession>> NodeRegistry::OpenOnNode(
    WorkerHello hello, const std::string& peer,
    std::weak_ptr<StreamHandle> stream, absl::Duration arrived,
    RejectReason* reason) {
  const LiveSession::Terms terms{&options_, clock_, metrics_, &log_,
                                 &pressure_};
  for (;;) {
    auto found = NodeFor(hello.node_id, reason);
    if (!found.ok()) return found.status();
    const NodePtr node = *std::move(found);
    std::shared_ptr<const PolicyInForce> policy;
    absl::Status refused;
    {
      absl::MutexLock lock(&node->mu);
      if (node->removed) continue;
      refused = CheckMayOpen(*node, hello, reason);
      policy = node->policy;
    }
    if (!refused.ok()) {
      RemoveIfUnused(node);
      return refused;
    }
    // Its memory is not taken under the lock that the node's steps need.
    auto session = std::make_shared<LiveSession>(
        terms, hello, next_epoch_.fetch_add(1), peer, stream, node, policy);
    std::optional<Remains> superseded;
    {
      absl::MutexLock lock(&node->mu);
      if (node->removed) continue;
      refused = CheckMayOpen(*node, hello, reason);
      if (!refused.ok()) return refused;
      if (const auto old = node->devices.find(hello.device_index);
          old != node->devices.end()) {
        const std::shared_ptr<LiveSession> holder = old->second;
        holder->AssertLocked();
        superseded = holder->EndLocked(
            absl::FailedPreconditionError(absl::StrCat(
                "superseded by incarnation ", hello.incarnation, " from ", peer,
                "; this session's hello.incarnation is ",
                holder->key().incarnation)),
            RejectReason::kSuperseded);
      }
      if (hello.dram_capacity) node->dram_capacity = hello.dram_capacity;
      session->AssertLocked();
      if (node->policy != policy) session->SetPolicyLocked(node->policy);
      session->StartLocked(session, arrived);
    }
    if (superseded) {
      Wake(superseded->stream);
      Bury(*std::move(superseded));
    }
    return session;
  }
}

absl::StatusOr<NodeRegistry::NodePtr> NodeRegistry::NodeFor(
    const std::string& node_id, RejectReason* reason) {
  absl::MutexLock lock(&mu_);
  if (draining_) {
    *reason = RejectReason::kDraining;
    return absl::FailedPreconditionError(
        "this server is being drained and takes no hello");
  }
  NodePtr& node = nodes_[node_id];
  if (node == nullptr) {
    node = std::make_shared<Node>(node_id);
    absl::MutexLock node_lock(&node->mu);
    node->policy = default_policy_;
  }
  return node;
}

void NodeRegistry::RemoveIfUnused(const NodePtr& node) {
  absl::MutexLock lock(&mu_);
  absl::MutexLock node_lock(&node->mu);
  if (!node->devices.empty() || node->own_policy || node->draining ||
      node->removed) {
    return;
  }
  node->removed = true;
  nodes_.erase(node->id);
}

absl::Status NodeRegistry::TakeRoom(uint64_t handles) {
  if (live_sessions_.fetch_add(1) >= options_.max_sessions) {
    live_sessions_.fetch_sub(1);
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", options_.max_sessions,
                     " sessions, as many as max_sessions allows"));
  }
  const uint64_t before = blocks_.fetch_add(handles);
  if (before + handles <= options_.max_blocks_total) return absl::OkStatus();
  ReturnRoom(handles);
  return absl::ResourceExhaustedError(absl::StrCat(
      "hello.groups have ", handles, " handles together, the other sessions ",
      before, ", expected at most ", options_.max_blocks_total,
      " in all (max_blocks_total)"));
}

void NodeRegistry::ReturnRoom(uint64_t handles) {
  blocks_.fetch_sub(handles);
  live_sessions_.fetch_sub(1);
}

void NodeRegistry::End(LiveSession& session, absl::Status status,
                       std::optional<RejectReason> reason) {
  std::optional<Remains> remains;
  {
    absl::MutexLock lock(&session.node()->mu);
    session.AssertLocked();
    if (!session.live_locked()) return;
    remains = session.EndLocked(std::move(status), reason);
  }
  Bury(*std::move(remains));
}

void NodeRegistry::Bury(Remains remains) {
  ReturnRoom(remains.handles);
  metrics_->SetSessions(live_sessions_.load());
  const absl::Status& status = remains.status;
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarning,
      absl::StrCat(remains.key.node_id, "/", remains.key.device_index,
                   " epoch ", remains.key.epoch,
                   ": closed: ", status.ok() ? "OK" : status.ToString()));
  RemoveIfUnused(remains.node);
}

std::vector<NodeRegistry::NodePtr> NodeRegistry::AllNodes() const {
  absl::MutexLock lock(&mu_);
  std::vector<NodePtr> nodes;
  nodes.reserve(nodes_.size());
  for (const auto& [id, node] : nodes_) nodes.push_back(node);
  return nodes;
}

void NodeRegistry::SweepOnce() {
  const absl::Duration now = clock_->Monotonic();
  std::vector<Remains> ended;
  for (const NodePtr& node : AllNodes()) {
    absl::MutexLock lock(&node->mu);
    // Ending a session takes it out of the table.
    const auto devices = node->devices;
    for (const auto& [index, session] : devices) {
      session->AssertLocked();
      if (auto remains = session->SweepLocked(now)) {
        ended.push_back(*std::move(remains));
      }
    }
  }
  for (Remains& remains : ended) {
    Wake(remains.stream);
    Bury(std::move(remains));
  }
}

}  // namespace kvplace
