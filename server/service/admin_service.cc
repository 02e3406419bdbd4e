#include "server/service/admin_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/device_queries.h"
#include "server/service/status_bridge.h"
#include "server/service/utilization_watch.h"

namespace kvplace {
namespace {

constexpr uint32_t kDefaultIntervalMs = 1000;
constexpr uint32_t kLeastIntervalMs = 100;
constexpr uint32_t kMostIntervalMs = 60000;

absl::Status NeedNodeId(const std::string& node_id) {
  if (!node_id.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("node_id is empty, expected a node's id");
}

// Moves the value of `from` into *to if there is one.
template <typename T>
absl::Status Take(absl::StatusOr<T> from, T* to) {
  if (from.ok()) *to = *std::move(from);
  return from.status();
}

template <typename T, typename Field>
void AddAll(std::vector<T> from, Field* to) {
  for (T& one : from) *to->Add() = std::move(one);
}

}  // namespace

absl::Status AdminService::Authorize(Context* context) const {
  const auto& metadata = context->client_metadata();
  const auto it = metadata.find("authorization");
  const absl::string_view given =
      it == metadata.end()
          ? absl::string_view()
          : absl::string_view(it->second.data(), it->second.size());
  absl::Status status = token_.Check(given);
  if (!status.ok()) registry_.metrics().OnRejected(RejectReason::kUnauthorized);
  return status;
}

template <typename Work>
AdminService::Unary* AdminService::Answer(Context* context, Work work) {
  absl::Status status = Authorize(context);
  if (status.ok()) status = work();
  Unary* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

AdminService::Unary* AdminService::ListNodes(Context* context,
                                             const v1::ListNodesRequest*,
                                             v1::ListNodesResponse* response) {
  return Answer(context, [&] {
    AddAll(registry_.Nodes(), response->mutable_nodes());
    return absl::OkStatus();
  });
}

AdminService::Unary* AdminService::GetNode(Context* context,
                                           const v1::GetNodeRequest* request,
                                           v1::GetNodeResponse* response) {
  return Answer(context, [&] {
    if (auto s = NeedNodeId(request->node_id()); !s.ok()) return s;
    return Take(registry_.GetNode(request->node_id()),
                response->mutable_node());
  });
}

AdminService::Unary* AdminService::ListSessions(
    Context* context, const v1::ListSessionsRequest*,
    v1::ListSessionsResponse* response) {
  return Answer(context, [&] {
    AddAll(registry_.Sessions(), response->mutable_sessions());
    return absl::OkStatus();
  });
}

AdminService::Unary* AdminService::ListSequences(
    Context* context, const v1::ListSequencesRequest* request,
    v1::ListSequencesResponse* response) {
  return Answer(context, [&] {
    if (auto s = NeedNodeId(request->node_id()); !s.ok()) return s;
    auto sequences = kvplace::ListSequences(registry_, request->node_id(),
                                            request->device_index());
    if (sequences.ok()) {
      AddAll(*std::move(sequences), response->mutable_sequences());
    }
    return sequences.status();
  });
}

grpc::ServerWriteReactor<v1::WatchUtilizationResponse>*
AdminService::WatchUtilization(Context* context,
                               const v1::WatchUtilizationRequest* request) {
  if (auto s = Authorize(context); !s.ok()) return new UtilizationWatch(s);
  const uint32_t interval_ms =
      request->interval_ms() == 0 ? kDefaultIntervalMs : request->interval_ms();
  if (interval_ms < kLeastIntervalMs || interval_ms > kMostIntervalMs) {
    return new UtilizationWatch(absl::InvalidArgumentError(
        absl::StrCat("interval_ms is ", interval_ms, ", expected ",
                     kLeastIntervalMs, "..", kMostIntervalMs, " or 0")));
  }
  if (watchers_.fetch_add(1) >= kMaxWatchers) {
    watchers_.fetch_sub(1);
    return new UtilizationWatch(absl::ResourceExhaustedError(absl::StrCat(
        "there are ", kMaxWatchers, " watchers already, the most allowed")));
  }
  auto* watch =
      new UtilizationWatch(&registry_, request->node_id(),
                           absl::Milliseconds(interval_ms), &watchers_);
  watch->Begin();
  return watch;
}

AdminService::Unary* AdminService::GetPolicy(
    Context* context, const v1::GetPolicyRequest* request,
    v1::GetPolicyResponse* response) {
  return Answer(context, [&] {
    return Take(registry_.GetPolicy(request->node_id()), response);
  });
}

AdminService::Unary* AdminService::SetPolicy(
    Context* context, const v1::SetPolicyRequest* request,
    v1::SetPolicyResponse* response) {
  return Answer(context,
                [&] { return Take(registry_.SetPolicy(*request), response); });
}

AdminService::Unary* AdminService::DrainNode(
    Context* context, const v1::DrainNodeRequest* request,
    v1::DrainNodeResponse* response) {
  return Answer(context, [&] {
    if (auto s = NeedNodeId(request->node_id()); !s.ok()) return s;
    auto told = registry_.DrainNode(request->node_id(),
                                    absl::Milliseconds(request->deadline_ms()),
                                    request->reconnect_to());
    if (told.ok()) response->set_sessions(*told);
    return told.status();
  });
}

AdminService::Unary* AdminService::UndrainNode(
    Context* context, const v1::UndrainNodeRequest* request,
    v1::UndrainNodeResponse*) {
  return Answer(context, [&] {
    if (auto s = NeedNodeId(request->node_id()); !s.ok()) return s;
    return registry_.UndrainNode(request->node_id());
  });
}

AdminService::Unary* AdminService::RankNodes(
    Context* context, const v1::RankNodesRequest* request,
    v1::RankNodesResponse* response) {
  return Answer(context,
                [&] { return Take(registry_.Rank(*request), response); });
}

AdminService::Unary* AdminService::ExplainBlock(
    Context* context, const v1::ExplainBlockRequest* request,
    v1::ExplainBlockResponse* response) {
  return Answer(context, [&] {
    if (auto s = NeedNodeId(request->node_id()); !s.ok()) return s;
    return Take(kvplace::ExplainBlock(registry_, *request), response);
  });
}

}  // namespace kvplace
