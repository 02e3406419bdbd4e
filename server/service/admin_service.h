// The gRPC service AdminService: who may ask, and the registry's answers.
//
// Callback API; unary calls are answered inline. Thread-safety: any thread.
#ifndef KVPLACE_SERVER_SERVICE_ADMIN_SERVICE_H_
#define KVPLACE_SERVER_SERVICE_ADMIN_SERVICE_H_

#include <atomic>

#include "kvplace/v1/admin.grpc.pb.h"
#include "server/core/metrics_sink.h"
#include "server/service/admin_token.h"
#include "server/service/node_registry.h"

namespace kvplace {

class AdminService final : public v1::AdminService::CallbackService {
 public:
  // Streams of WatchUtilization at one time; further ones are refused with
  // RESOURCE_EXHAUSTED.
  static constexpr int kMaxWatchers = 64;

  // Both outlive the service.
  AdminService(NodeRegistry* registry, const AdminToken* token)
      : registry_(*registry), token_(*token) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* ListNodes(Context* context, const v1::ListNodesRequest* request,
                   v1::ListNodesResponse* response) override;
  Unary* GetNode(Context* context, const v1::GetNodeRequest* request,
                 v1::GetNodeResponse* response) override;
  Unary* ListSessions(Context* context, const v1::ListSessionsRequest* request,
                      v1::ListSessionsResponse* response) override;
  Unary* ListSequences(Context* context,
                       const v1::ListSequencesRequest* request,
                       v1::ListSequencesResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchUtilizationResponse>* WatchUtilization(
      Context* context, const v1::WatchUtilizationRequest* request) override;
  Unary* GetPolicy(Context* context, const v1::GetPolicyRequest* request,
                   v1::GetPolicyResponse* response) override;
  Unary* SetPolicy(Context* context, const v1::SetPolicyRequest* request,
                   v1::SetPolicyResponse* response) override;
  Unary* DrainNode(Context* context, const v1::DrainNodeRequest* request,
                   v1::DrainNodeResponse* response) override;
  Unary* UndrainNode(Context* context, const v1::UndrainNodeRequest* request,
                     v1::UndrainNodeResponse* response) override;
  Unary* RankNodes(Context* context, const v1::RankNodesRequest* request,
                   v1::RankNodesResponse* response) override;
  Unary* ExplainBlock(Context* context, const v1::ExplainBlockRequest* request,
                      v1::ExplainBlockResponse* response) override;

 private:
  // Refusals of callers without the token are counted.
  absl::Status Authorize(Context* context) const;
  // Checks who asks, then answers with the status of `work()`.
  template <typename Work>
  Unary* Answer(Context* context, Work work);

  NodeRegistry& registry_;
  const AdminToken& token_;
  std::atomic<int> watchers_{0};
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_ADMIN_SERVICE_H_
