// Admin calls of one command to one server.
//
// Errors are those of the server or of the way to it, with the address in
// front; what the server calls INVALID_ARGUMENT is wrong usage (command.h).
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CLI_ADMIN_CLIENT_H_
#define KVPLACE_CLIENT_CLI_ADMIN_CLIENT_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/server_flags.h"
#include "kvplace/v1/admin.grpc.pb.h"

namespace kvplace {

struct AdminFlags {
  ServerFlags server;
  // File with the token of --admin-token-file; empty: none is shown.
  std::string token_file;
  // For one call, > 0.
  absl::Duration timeout = absl::Seconds(10);
  std::string format = "table";

  bool json() const { return format == "json"; }
};

// The flags of every admin command. `flags` must outlive `command`.
void AddAdminFlags(CLI::App* command, AdminFlags* flags);

class AdminClient {
 public:
  // INVALID_ARGUMENT, NOT_FOUND: a file of the flags.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Create(
      const AdminFlags& flags);

  // A unary call: Call(&Stub::GetNode, request).
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (v1::AdminService::Stub::*method)(grpc::ClientContext*,
                                                     const Request&, Response*),
      const Request& request) {
    grpc::ClientContext context;
    Prepare(&context, /*limited=*/true);
    Response response;
    const grpc::Status status =
        (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return Explain(status);
    return response;
  }

  // The nodes' state again and again, until `show` returns false (OK) or the
  // stream ends.
  absl::Status Watch(
      const v1::WatchUtilizationRequest& request,
      const std::function<bool(const v1::WatchUtilizationResponse&)>& show);

 private:
  AdminClient(const AdminFlags& flags, std::shared_ptr<grpc::Channel> channel,
              std::string token);
  void Prepare(grpc::ClientContext* context, bool limited) const;
  absl::Status Explain(const grpc::Status& status) const;

  const AdminFlags flags_;
  // "Bearer ..." or nothing.
  const std::string authorization_;
  const std::unique_ptr<v1::AdminService::Stub> stub_;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_ADMIN_CLIENT_H_
