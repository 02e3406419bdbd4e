// The part of NodeRegistry that answers operators and routers.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/blocks.h"
#include "server/service/live_session.h"
#include "server/service/node.h"
#include "server/service/node_registry.h"
#include "server/service/policy_in_force.h"
#include "server/service/status_report.h"

namespace kvplace {
namespace {

void WakeAll(const std::vector<std::weak_ptr<StreamHandle>>& streams) {
  for (const auto& stream : streams) {
    if (const auto handle = stream.lock()) handle->Wake();
  }
}

}  // namespace

absl::StatusOr<NodeRegistry::NodePtr> NodeRegistry::Find(
    absl::string_view node_id) const {
  absl::MutexLock lock(&mu_);
  const auto it = nodes_.find(std::string(node_id));
  if (it != nodes_.end()) return it->second;
  return absl::NotFoundError(
      absl::StrCat("node_id is \"", node_id, "\", expected a known node"));
}

std::vector<v1::NodeStatus> NodeRegistry::Nodes(
    absl::string_view node_id) const {
  std::vector<v1::NodeStatus> out;
  for (const NodePtr& node : AllNodes()) {
    if (!node_id.empty() && node->id != node_id) continue;
    absl::MutexLock lock(&node->mu);
    out.push_back(ReportNode(*node));
  }
  return out;
}

absl::StatusOr<v1::NodeStatus> NodeRegistry::GetNode(
    absl::string_view node_id) const {
  auto node = Find(node_id);
  if (!node.ok()) return node.status();
  absl::MutexLock lock(&(*node)->mu);
  return ReportNode(**node);
}

std::vector<v1::SessionStatus> NodeRegistry::Sessions() const {
  std::vector<v1::SessionStatus> out;
  for (const NodePtr& node : AllNodes()) {
    absl::MutexLock lock(&node->mu);
    ReportSessions(*node, &out);
  }
  return out;
}

absl::Status NodeRegistry::Look(
    absl::string_view node_id, uint32_t device_index,
    absl::FunctionRef<absl::Status(const LiveSession& session)> look) const {
  auto found = Find(node_id);
  if (!found.ok()) return found.status();
  const Node& node = **found;
  absl::MutexLock lock(&node.mu);
  const auto session = node.devices.find(device_index);
  if (session == node.devices.end()) {
    return absl::NotFoundError(absl::StrCat("device_index is ", device_index,
                                            ", expected a device of ", node.id,
                                            " with a live session"));
  }
  return look(*session->second);
}

absl::StatusOr<v1::RankNodesResponse> NodeRegistry::Rank(
    const v1::RankNodesRequest& request) const {
  if (request.tokens() == 0) {
    return absl::InvalidArgumentError("tokens is 0, expected > 0");
  }
  std::vector<v1::RankedDevice> ranks;
  for (const NodePtr& node : AllNodes()) {
    absl::MutexLock lock(&node->mu);
    if (node->draining) continue;
    ReportRanks(*node, request.tokens(), request.model(), &ranks);
  }
  std::sort(ranks.begin(), ranks.end(), RanksBefore);
  if (request.limit() > 0 && ranks.size() > request.limit()) {
    ranks.resize(request.limit());
  }
  v1::RankNodesResponse response;
  for (v1::RankedDevice& rank : ranks) {
    *response.add_devices() = std::move(rank);
  }
  return response;
}

std::shared_ptr<const PolicyInForce> NodeRegistry::InForce(
    const NodePtr& node) const {
  if (node == nullptr) return default_policy_;
  absl::MutexLock lock(&node->mu);
  return node->policy;
}

absl::StatusOr<v1::GetPolicyResponse> NodeRegistry::GetPolicy(
    absl::string_view node_id) const {
  NodePtr node;
  if (!node_id.empty()) {
    auto found = Find(node_id);
    if (!found.ok()) return found.status();
    node = *std::move(found);
  }
  absl::MutexLock lock(&mu_);
  const auto in_force = InForce(node);
  v1::GetPolicyResponse response;
  SettingsToProto(in_force->settings, response.mutable_settings());
  response.set_version(in_force->version);
  if (node != nullptr) {
    absl::MutexLock node_lock(&node->mu);
    response.set_inherited(!node->own_policy);
  }
  for (const absl::string_view name : OnlinePolicyNames()) {
    response.add_available(std::string(name));
  }
  return response;
}

absl::StatusOr<v1::SetPolicyResponse> NodeRegistry::SetPolicy(
    const v1::SetPolicyRequest& request) {
  NodePtr node;
  if (!request.node_id().empty()) {
    auto found = Find(request.node_id());
    if (!found.ok()) return found.status();
    node = *std::move(found);
  }
  absl::StatusOr<v1::SetPolicyResponse> response;
  {
    absl::MutexLock lock(&mu_);
    response = SetPolicyOn(node, request);
  }
  if (node != nullptr) RemoveIfUnused(node);
  if (response.ok() && !request.dry_run()) {
    Log(LogLevel::kInfo, absl::StrCat(node == nullptr ? "default" : node->id,
                                      ": policy ", response->after().policy(),
                                      ", version ", response->version(), ", ",
                                      response->sessions(), " sessions"));
  }
  return response;
}

absl::StatusOr<v1::SetPolicyResponse> NodeRegistry::SetPolicyOn(
    const NodePtr& node, const v1::SetPolicyRequest& request) {
  if (node != nullptr) {
    absl::MutexLock lock(&node->mu);
    if (node->removed) {
      return absl::NotFoundError(
          absl::StrCat("node_id is \"", node->id, "\", which has just gone"));
    }
  }
  const auto before = InForce(node);
  if (request.expected_version() != 0 &&
      request.expected_version() != before->version) {
    return absl::FailedPreconditionError(
        absl::StrCat("expected_version is ", request.expected_version(),
                     ", the version in force is ", before->version));
  }
  const bool back_to_default =
      node != nullptr && request.settings().policy().empty();
  auto made = default_policy_;
  if (!back_to_default) {
    auto settings =
        SettingsFromProto(request.settings(), before->settings.mode);
    if (!settings.ok()) return settings.status();
    auto policy = MakePolicyInForce(*settings, policy_version_ + 1);
    if (!policy.ok()) return Within(policy.status(), "settings.");
    made = *std::move(policy);
  }
  v1::SetPolicyResponse response;
  SettingsToProto(before->settings, response.mutable_before());
  SettingsToProto(made->settings, response.mutable_after());
  if (request.dry_run()) {
    response.set_version(before->version);
    return response;
  }
  if (!back_to_default) ++policy_version_;
  response.set_version(made->version);
  if (node != nullptr) {
    response.set_sessions(Apply(node, made, !back_to_default));
    return response;
  }
  default_policy_ = made;
  uint32_t sessions = 0;
  for (const auto& [id, each] : nodes_) {
    {
      absl::MutexLock lock(&each->mu);
      if (each->own_policy) continue;
    }
    sessions += Apply(each, made, false);
  }
  response.set_sessions(sessions);
  return response;
}

uint32_t NodeRegistry::Apply(const NodePtr& node,
                             std::shared_ptr<const PolicyInForce> made,
                             bool own) {
  absl::MutexLock lock(&node->mu);
  node->policy = made;
  node->own_policy = own;
  for (const auto& [index, session] : node->devices) {
    session->AssertLocked();
    session->SetPolicyLocked(made);
  }
  return static_cast<uint32_t>(node->devices.size());
}

uint32_t NodeRegistry::DrainOne(Node& node, absl::Duration deadline,
                                const std::string& reconnect_to) {
  std::vector<std::weak_ptr<StreamHandle>> streams;
  {
    absl::MutexLock lock(&node.mu);
    node.draining = true;
    for (const auto& [index, session] : node.devices) {
      session->AssertLocked();
      session->DrainLocked(clock_->Monotonic(), deadline, reconnect_to);
      streams.push_back(session->stream());
    }
  }
  WakeAll(streams);
  return static_cast<uint32_t>(streams.size());
}

absl::StatusOr<uint32_t> NodeRegistry::DrainNode(
    absl::string_view node_id, absl::Duration deadline,
    const std::string& reconnect_to) {
  auto node = Find(node_id);
  if (!node.ok()) return node.status();
  if (deadline < absl::ZeroDuration() || deadline > absl::Hours(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("deadline_ms is ", absl::ToInt64Milliseconds(deadline),
                     ", expected 0..3600000"));
  }
  if (deadline == absl::ZeroDuration()) deadline = options_.drain_deadline;
  const uint32_t told = DrainOne(**node, deadline, reconnect_to);
  Log(LogLevel::kInfo,
      absl::StrCat((*node)->id, ": drain, ", told, " sessions told"));
  return told;
}

absl::Status NodeRegistry::UndrainNode(absl::string_view node_id) {
  auto node = Find(node_id);
  if (!node.ok()) return node.status();
  {
    absl::MutexLock lock(&mu_);
    if (draining_) {
      return absl::FailedPreconditionError(
          "the server as a whole is being drained");
    }
  }
  {
    absl::MutexLock lock(&(*node)->mu);
    (*node)->draining = false;
  }
  RemoveIfUnused(*node);
  return absl::OkStatus();
}

uint32_t NodeRegistry::DrainAll(absl::Duration deadline,
                                const std::string& reconnect_to) {
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
  }
  uint32_t told = 0;
  for (const NodePtr& node : AllNodes()) {
    told += DrainOne(*node, deadline, reconnect_to);
  }
  Log(LogLevel::kInfo,
      absl::StrCat("drain of the server, ", told, " sessions told"));
  return told;
}

}  // namespace kvplace
